//! Which queue of theirs becomes what of ours.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::MAX_BATCH;
use crate::{
    Error, Result,
    job::{Backoff, DEFAULT_TENANT, Priority},
};

/// One queue written by stock `apalis-redis` 1.0 producers, and the jobs that its tasks become.
///
/// ```
/// # use graphmill_queue::compat::apalis_redis::{ApalisQueue, PayloadMapping};
/// # let text = r#"{
/// #   "url": "redis://127.0.0.1:6379", "queue": "emails", "kind": "email.send", "target_queue": "mail",
/// #   "payload": { "rename": { "to": "recipient" } }, "max_attempts": 10
/// # }"#;
/// // In TOML:
/// //   url = "redis://127.0.0.1:6379"
/// //   queue = "emails"
/// //   kind = "email.send"
/// //   target_queue = "mail"
/// //   payload = { rename = { to = "recipient" } }
/// //   max_attempts = 10
/// let settings: ApalisQueue = serde_json::from_str(text)?;
/// assert!(matches!(settings.payload, PayloadMapping::Rename(_)));
/// assert_eq!(settings.batch, 500);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApalisQueue {
    /// Their server: `redis://`, `rediss://`, `redis+unix://`.
    pub url: String,
    /// Their queue: what `apalis_redis::Config::queue` was given, or the task's full type name where nothing was.
    pub queue: String,
    /// The kind of our jobs.
    pub kind: String,
    /// Our queue.
    #[serde(default = "target_queue")]
    pub target_queue: String,
    /// How their payload becomes ours.
    #[serde(default)]
    pub payload: PayloadMapping,
    /// The place in our queue; apalis-redis has no priorities.
    #[serde(default)]
    pub priority: Priority,
    /// Whose work it is.
    #[serde(default = "tenant")]
    pub tenant: String,
    /// Attempts that may fail, 1–100; without it, what the task has left of its own.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// The time limit of one attempt.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// The wait between attempts.
    #[serde(default)]
    pub backoff: Backoff,
    /// The version of the payload's schema.
    #[serde(default = "schema_version")]
    pub schema_version: u32,
    /// Tasks taken at once, 1–500.
    #[serde(default = "batch")]
    pub batch: usize,
    /// How long an empty queue is left alone.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// A worker of that queue without a heartbeat for so long is lost, and its tasks go back. Not less than
    /// `heartbeat_interval` × `missed_heartbeats` of the stock workers beside, by default 300.
    #[serde(default = "orphaned_after_s")]
    pub orphaned_after_s: u64,
}

/// How their payload becomes ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadMapping {
    /// As it is: `"as_is"`.
    #[default]
    AsIs,
    /// As the only field of an object: `{ wrap = "address" }`.
    Wrap(String),
    /// An object with some fields under other names, theirs to ours: `{ rename = { to = "recipient" } }`. A field that is
    /// not there is no error.
    Rename(BTreeMap<String, String>),
}

impl ApalisQueue {
    /// The defaults, for one queue and kind.
    pub fn new(url: impl Into<String>, queue: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            queue: queue.into(),
            kind: kind.into(),
            target_queue: target_queue(),
            payload: PayloadMapping::default(),
            priority: Priority::default(),
            tenant: tenant(),
            max_attempts: None,
            timeout_ms: timeout_ms(),
            backoff: Backoff::default(),
            schema_version: schema_version(),
            batch: batch(),
            poll_ms: poll_ms(),
            orphaned_after_s: orphaned_after_s(),
        }
    }

    /// Looks for values that cannot work. The URL is read by [`super::Source::new`].
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the setting and what is allowed.
    pub fn check(&self) -> Result<()> {
        let names = [
            ("queue", &self.queue),
            ("kind", &self.kind),
            ("target_queue", &self.target_queue),
            ("tenant", &self.tenant),
        ];
        for (what, name) in names {
            if name.is_empty() {
                return Err(Error::Invalid(format!(
                    "{what} of an apalis queue is empty"
                )));
            }
        }
        let numbers = [
            ("batch", self.batch as u64, MAX_BATCH as u64),
            ("timeout_ms", self.timeout_ms, u64::MAX),
            ("poll_ms", self.poll_ms, u64::MAX),
            ("orphaned_after_s", self.orphaned_after_s, u64::MAX),
            ("max_attempts", self.max_attempts.map_or(1, u64::from), 100),
        ];
        for (what, number, most) in numbers {
            if !(1..=most).contains(&number) {
                return Err(Error::Invalid(format!(
                    "{what} of the apalis queue `{}` is {number}; 1 to {most} are allowed",
                    self.queue
                )));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ApalisQueue {
    /// Leaves the URL out: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApalisQueue")
            .field("queue", &self.queue)
            .field("kind", &self.kind)
            .field("target_queue", &self.target_queue)
            .finish_non_exhaustive()
    }
}

fn target_queue() -> String {
    "default".to_owned()
}

fn tenant() -> String {
    DEFAULT_TENANT.to_owned()
}

fn timeout_ms() -> u64 {
    300_000
}

fn schema_version() -> u32 {
    1
}

fn batch() -> usize {
    MAX_BATCH
}

fn poll_ms() -> u64 {
    1_000
}

fn orphaned_after_s() -> u64 {
    apalis_redis::Config::default()
        .orphaned_duration()
        .as_secs()
}
