//! Which broker jobs wait in: the one place where the settings choose it.

use std::sync::Arc;

use graphmill_config::{Config, Durability, SecretUrl};
use graphmill_queue::{
    Broker, Error,
    clock::Clock,
    redis::{RedisBroker, RedisOptions},
    sqlite::{BrokerOptions, Database, SqliteBroker},
};

/// A broker, and what of it must be ended when nothing uses it any more.
pub struct OpenBroker {
    /// The contract.
    pub broker: Arc<dyn Broker>,
    /// Its writing thread, which ends before the database closes. Redis has nothing to end: connections just close.
    sqlite: Option<Arc<SqliteBroker>>,
}

impl OpenBroker {
    /// Runs what was asked of it before, then ends it.
    pub async fn close(self) {
        if let Some(sqlite) = self.sqlite {
            sqlite.close().await;
        }
    }
}

/// Opens the broker that the settings name: Redis where `redis.url` is set, else SQLite. Redis need not be there: every
/// call says so until it is.
///
/// # Errors
/// [`Error::Invalid`] for a URL that cannot be read, [`Error::Unavailable`] when the system gives no thread.
pub fn open_broker(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
) -> Result<OpenBroker, Error> {
    let options = broker_options(config);
    let Some(url) = &config.redis.url else {
        let sqlite = Arc::new(SqliteBroker::new(database.clone(), clock.clone(), options)?);
        return Ok(OpenBroker {
            broker: sqlite.clone(),
            sqlite: Some(sqlite),
        });
    };
    let redis = RedisBroker::new(redis_options(config, url), options)?;
    let broker: Arc<dyn Broker> = match config.queue.durability {
        // The ledger goes around the broker here, with its reconciler in `OpenBroker`. Until it does, Redis remembers
        // alone, and what the stage rows in SQL know is submitted again by `reconcile::sweep`.
        Durability::Ledger | Durability::Redis => Arc::new(redis),
    };
    Ok(OpenBroker {
        broker,
        sqlite: None,
    })
}

fn redis_options(config: &Config, url: &SecretUrl) -> RedisOptions {
    RedisOptions {
        url: url.expose().to_owned(),
        prefix: config.redis.prefix.clone(),
        wait_replicas: config.redis.wait_replicas,
        idle_poll: config.redis.idle_poll,
    }
}

fn broker_options(config: &Config) -> BrokerOptions {
    let queue = &config.queue;
    BrokerOptions {
        crash_budget: queue.crash_budget,
        max_payload_bytes: queue.max_payload_size.as_u64() as usize,
        max_result_bytes: queue.max_result_size.as_u64() as usize,
        max_checkpoint_bytes: queue.max_checkpoint_size.as_u64() as usize,
        max_errors: queue.max_errors,
        starvation_after: queue.starvation_after,
    }
}
