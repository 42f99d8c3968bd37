//! Their side: what can be done with one apalis-redis queue, each by a script in `lua/apalis/`.

use std::{sync::LazyLock, time::Duration};

use apalis_core::task::status::Status;
use apalis_redis::queries::{CompactTask, deserialize_with_meta};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script, ScriptInvocation, Value,
    aio::MultiplexedConnection,
};

use super::{keys::Keys, settings::ApalisQueue};
use crate::{Error, JobId, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// apalis's own connections give the server 500 ms, and a stock worker dies when that is not enough once.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Lost workers looked after in one go.
const MAX_LOST_WORKERS: usize = 100;

macro_rules! scripts {
    ($($constant:ident = $name:literal),* $(,)?) => {$(
        static $constant: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("../../../lua/apalis/", $name, ".lua"))));
    )*};
}

scripts! {
    CLAIM = "claim",
    READ = "read",
    HAND_OVER = "hand_over",
    SETTLE = "settle",
    GIVE_BACK = "give_back",
}

/// A task's id as it stands in Redis. Bytes: whatever somebody wrote there must not stop the rest.
pub(super) type RawId = Vec<u8>;

/// What one claim has taken.
#[derive(Debug)]
pub(super) struct Claimed {
    /// Tasks that may run now, in this worker's inflight set.
    pub(super) due: Vec<RawId>,
    /// Tasks that run later, handed over already, with the second they run at.
    pub(super) later: Vec<(RawId, f64)>,
}

/// How a task ends on their side.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) id: RawId,
    pub(super) end: End,
}

impl Settlement {
    pub(super) fn done(id: RawId, job: JobId) -> Self {
        let end = End::Done(job);
        Self { id, end }
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.end, End::Dead(_))
    }
}

/// See [`Settlement`].
#[derive(Debug)]
pub(super) enum End {
    /// This job stands for it.
    Done(JobId),
    /// No job can stand for it, for this reason.
    Dead(String),
}

/// One of their queues. Every call needs it for itself: one batch is in work at a time.
pub(super) struct Store {
    client: Client,
    connection: Option<MultiplexedConnection>,
    keys: Keys,
    /// Under this name the store stands among their workers. New with every store: apalis keeps a name locked for
    /// minutes after its worker has gone.
    worker: String,
}

impl Store {
    pub(super) fn new(settings: &ApalisQueue) -> Result<Self> {
        let client = Client::open(settings.url.as_str()).map_err(|error| {
            // The URL may hold a password, so it is not repeated.
            Error::Invalid(format!(
                "url of the apalis queue `{}` cannot be read ({}); expected redis://host:6379/0 or rediss://…",
                settings.queue,
                error.detail().unwrap_or("malformed")
            ))
        })?;
        let worker = format!("graphmill-{}", uuid::Uuid::now_v7());
        Ok(Self {
            client,
            connection: None,
            keys: Keys::new(&settings.queue, &worker),
            worker,
        })
    }

    /// Takes at most `limit` tasks. Also the heartbeat.
    pub(super) async fn claim(&mut self, limit: usize) -> Result<Claimed> {
        let mut call = CLAIM.prepare_invoke();
        call.key(&self.keys.workers)
            .key(&self.keys.active)
            .key(&self.keys.inflight)
            .key(&self.keys.scheduled)
            .key(&self.keys.hand_over)
            .arg(&self.worker)
            .arg(limit);
        let (due, later): (_, Vec<RawId>) = self.run(&call).await?;
        Ok(Claimed {
            due,
            later: with_times(later),
        })
    }

    /// Reads tasks, in the order of `ids`. One that cannot be read says why.
    pub(super) async fn read(
        &mut self,
        ids: &[&RawId],
    ) -> Result<Vec<Result<CompactTask, String>>> {
        let mut call = READ.prepare_invoke();
        call.key(&self.keys.data);
        for id in ids {
            call.key(self.keys.meta(id)).arg(*id);
        }
        let (payloads, meta): (Vec<Value>, Vec<Vec<Value>>) = self.run(&call).await?;
        let read = payloads.into_iter().zip(meta).zip(ids);
        Ok(read
            .map(|((payload, meta), id)| task_of(id, payload, meta))
            .collect())
    }

    /// Takes tasks out of the inflight set for good. Returns those that were still there.
    pub(super) async fn hand_over(&mut self, ids: &[RawId]) -> Result<Vec<RawId>> {
        let mut call = HAND_OVER.prepare_invoke();
        call.key(&self.keys.inflight)
            .key(&self.keys.hand_over)
            .arg(&self.worker);
        for id in ids {
            call.key(self.keys.meta(id)).arg(id);
        }
        self.run(&call).await
    }

    /// Counts tasks that are handed over and not settled.
    pub(super) async fn unsettled(&mut self) -> Result<usize> {
        let mut command = redis::cmd("ZCARD");
        command.arg(&self.keys.hand_over);
        self.ask(&command).await
    }

    /// Returns tasks that are handed over and not settled, at most `limit`.
    pub(super) async fn handed_over(&mut self, limit: usize) -> Result<Vec<(RawId, f64)>> {
        let mut command = redis::cmd("ZRANGE");
        command
            .arg(&self.keys.hand_over)
            .arg(0)
            .arg(limit - 1)
            .arg("WITHSCORES");
        Ok(with_times(self.ask(&command).await?))
    }

    /// Ends tasks. Returns how many nobody else had settled before.
    pub(super) async fn settle(&mut self, settlements: &[Settlement]) -> Result<usize> {
        let mut call = SETTLE.prepare_invoke();
        call.key(&self.keys.hand_over)
            .key(&self.keys.done)
            .key(&self.keys.dead);
        for Settlement { id, end } in settlements {
            let (status, result, job) = match end {
                // Whoever waits for the task gets the `null` that `()` is encoded as.
                End::Done(job) => (
                    Status::Done.to_string(),
                    serde_json::json!({ "Ok": null }).to_string(),
                    job.to_string(),
                ),
                End::Dead(reason) => (
                    Status::Killed.to_string(),
                    serde_json::json!({ "Err": reason }).to_string(),
                    String::new(),
                ),
            };
            call.key(self.keys.meta(id))
                .arg(id)
                .arg(status)
                .arg(result)
                .arg(job);
        }
        self.run(&call).await
    }

    /// Gives back what workers held that have had no heartbeat for `age_s` seconds, `limit` in one step.
    pub(super) async fn give_back_orphans(&mut self, age_s: u64, limit: usize) -> Result<usize> {
        let (now, _): (u64, u64) = self.ask(&redis::cmd("TIME")).await?;
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command
            .arg(&self.keys.workers)
            .arg("-inf")
            .arg(now.saturating_sub(age_s))
            .arg("LIMIT")
            .arg(0)
            .arg(MAX_LOST_WORKERS);
        let lost: Vec<Vec<u8>> = self.ask(&command).await?;
        let mut count = 0;
        for worker in lost {
            if worker != self.worker.as_bytes() {
                count += self.give_back(&worker, age_s, limit).await?;
            }
        }
        Ok(count)
    }

    /// Gives back what this store's worker holds, and ends it.
    pub(super) async fn leave(&mut self, limit: usize) -> Result<()> {
        let worker = self.worker.clone().into_bytes();
        self.give_back(&worker, 0, limit).await?;
        Ok(())
    }

    async fn give_back(&mut self, worker: &[u8], age_s: u64, limit: usize) -> Result<usize> {
        let inflight = self.keys.inflight_of(worker);
        let mut count = 0;
        loop {
            let mut call = GIVE_BACK.prepare_invoke();
            call.key(&self.keys.workers)
                .key(&inflight)
                .key(&self.keys.active)
                .arg(worker)
                .arg(age_s)
                .arg(limit);
            let given: usize = self.run(&call).await?;
            count += given;
            if given < limit {
                return Ok(count);
            }
        }
    }

    async fn run<T: FromRedisValue>(&mut self, call: &ScriptInvocation<'_>) -> Result<T> {
        let answer = call.invoke_async(self.connection().await?).await;
        answer.map_err(|error| self.failed(&error))
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T> {
        let answer = command.query_async(self.connection().await?).await;
        answer.map_err(|error| self.failed(&error))
    }

    async fn connection(&mut self) -> Result<&mut MultiplexedConnection> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(RESPONSE_TIMEOUT));
            // Boxed: the client's futures are large, and this one is rarely needed.
            let connecting = self
                .client
                .get_multiplexed_async_connection_with_config(&config);
            Box::pin(connecting)
                .await
                .map_err(|error| Error::Unavailable(Box::new(error)))?
        };
        Ok(self.connection.insert(connection))
    }

    /// Whatever went wrong, the next call connects anew: failures are rare, and a stale connection is worse than a new one.
    fn failed(&mut self, error: &RedisError) -> Error {
        self.connection = None;
        Error::Unavailable(Box::new(error.clone()))
    }
}

/// Pairs ids and scores that came one after the other. A time that is no number is the past, which means now.
fn with_times(flat: Vec<Vec<u8>>) -> Vec<(RawId, f64)> {
    let mut flat = flat.into_iter();
    let mut pairs = Vec::with_capacity(flat.len() / 2);
    while let (Some(id), Some(score)) = (flat.next(), flat.next()) {
        let score = str::from_utf8(&score).ok();
        let at = score.and_then(|score| score.parse().ok()).unwrap_or(0.0);
        pairs.push((id, at));
    }
    pairs
}

/// Reads one task with the crate's own reader, alone: given a whole batch, it fails at the first bad one.
fn task_of(id: &[u8], payload: Value, mut meta: Vec<Value>) -> Result<CompactTask, String> {
    if payload == Value::Nil {
        return Err("task has no payload".to_owned());
    }
    meta.insert(0, Value::BulkString(id.to_vec()));
    let read = deserialize_with_meta(vec![
        Value::Array(vec![payload]),
        Value::Array(vec![Value::Array(meta)]),
    ]);
    let mut tasks = read.map_err(|error| format!("task cannot be read: {error}"))?;
    tasks.pop().ok_or_else(|| "task has no payload".to_owned())
}
