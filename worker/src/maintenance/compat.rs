//! Queues of other job systems, from the settings to what the engine drains.

use graphmill_config::{
    ApalisRedisQueue, Config,
    compat::{PayloadMapping as ConfiguredMapping, Priority as ConfiguredPriority},
};
use graphmill_queue::{
    Priority, Result,
    compat::apalis_redis::{ApalisQueue, PayloadMapping, Source},
};

/// Prepares a drain for every queue of stock apalis-redis producers that the settings name. Nothing is connected yet.
///
/// # Errors
/// [`graphmill_queue::Error::Invalid`] for a URL that cannot be read.
pub(crate) fn apalis_sources(config: &Config) -> Result<Vec<Source>> {
    let queues = config.compat.apalis_redis.iter();
    queues.map(|queue| Source::new(settings(queue))).collect()
}

fn settings(queue: &ApalisRedisQueue) -> ApalisQueue {
    let mut settings = ApalisQueue::new(queue.url.expose(), &queue.queue, &queue.kind);
    settings.target_queue.clone_from(&queue.target_queue);
    settings.payload = match &queue.payload {
        ConfiguredMapping::AsIs => PayloadMapping::AsIs,
        ConfiguredMapping::Wrap(name) => PayloadMapping::Wrap(name.clone()),
        ConfiguredMapping::Rename(names) => PayloadMapping::Rename(names.clone()),
    };
    settings.priority = match queue.priority {
        ConfiguredPriority::Urgent => Priority::Urgent,
        ConfiguredPriority::High => Priority::High,
        ConfiguredPriority::Normal => Priority::Normal,
        ConfiguredPriority::Low => Priority::Low,
    };
    if let Some(tenant) = &queue.tenant {
        settings.tenant.clone_from(tenant);
    }
    settings.max_attempts = queue.max_attempts;
    settings.timeout_ms = millis(queue.timeout);
    settings.schema_version = queue.schema_version;
    settings.batch = queue.batch;
    settings.poll_ms = millis(queue.poll);
    settings.orphaned_after_s = queue.orphaned_after.as_secs().max(1);
    settings
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
