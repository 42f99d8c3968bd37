//! The one writer: a thread with a connection and a runtime of its own, which runs verbs in transactions.
//!
//! Callers send a [`Verb`] and wait for its answer. The thread takes what has queued up and runs it in one
//! `BEGIN IMMEDIATE … COMMIT`, so that many callers share one flush to disk (group commit). Three things follow from
//! the thread being its own:
//!
//! - a handler that blocks every thread of the main runtime cannot hold a transaction open, and leases are renewed;
//! - renewals overtake everything else that waits, so a rescue never sees a lease that its holder has asked to keep;
//! - what only the writer needs (limits, token buckets, starvation counters) is plain memory.
//!
//! Verbs that promise durability (submit, cancel, …) commit with `synchronous=FULL`; the others with `NORMAL`, where a
//! power cut may undo the last of them, which only repeats work: a fetched job is rescued, a finished one runs again.

use std::{collections::HashMap, sync::Arc, thread::JoinHandle};

use async_trait::async_trait;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::{Database, changes::Changes, database::disconnect};
use crate::{
    Error, Result,
    clock::Clock,
    options::BrokerOptions,
    rules::{scopes::Scopes, share::Shares},
    wake::Wakers,
};

/// Verbs that may wait for the writer; more callers than that wait to enqueue theirs.
const MAX_WAITING: usize = 1_024;
/// Bounds one transaction: verbs, and the rows they may touch.
const MAX_GROUP: usize = 64;
const MAX_GROUP_ROWS: usize = 10_000;

/// One verb that writes.
#[async_trait]
pub(super) trait Verb: Send + 'static {
    /// What the caller gets.
    type Output: Send;
    /// Whether its effect must survive a power cut once answered.
    const DURABLE: bool = false;
    /// Whether it overtakes.
    const URGENT: bool = false;

    /// Returns about how many rows it touches.
    fn weight(&self) -> usize {
        1
    }

    /// Does it, within the transaction. Errors of logic ([`Error::Invalid`], [`Error::NotFound`],
    /// [`Error::Conflict`]) must come before the first change; the others undo the transaction. May run twice.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StepError>;
}

/// What a verb works with.
pub(super) struct Tx<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) changes: &'a mut Changes,
    pub(super) memory: &'a mut Memory,
    pub(super) options: &'a BrokerOptions,
    /// The transaction's instant, ms since 1970.
    pub(super) now: i64,
}

impl Tx<'_> {
    /// Writes what has been collected, so that the next statement sees it.
    pub(super) async fn flush(&mut self) -> Result<(), StepError> {
        self.changes.flush(self.connection, self.now).await
    }
}

/// What the writer keeps between transactions.
pub(super) struct Memory {
    pub(super) random: StdRng,
    /// Pauses and limits; `None` until read, and after a failed transaction.
    pub(super) scopes: Option<Scopes>,
    /// Jobs fetched per queue, for the starvation guard.
    pub(super) fetched: HashMap<String, u64>,
    pub(super) shares: Shares,
}

/// Why a step failed: the storage, or a value, or the call.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Storage(#[from] sqlx::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Broker(#[from] Error),
}

impl StepError {
    /// Gives the error the meaning it has for callers.
    pub(super) fn into_error(self, database: &Database) -> Error {
        match self {
            Self::Storage(error) => database.error(error),
            Self::Json(error) => Error::Invalid(format!("value does not serialise: {error}")),
            Self::Broker(error) => error,
        }
    }
}

/// Tells whether only this call is wrong, so that the transaction goes on.
fn is_logic(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid(_) | Error::NotFound(_) | Error::Conflict { .. }
    )
}

/// A verb on its way, with the type of its answer hidden.
#[async_trait]
trait Call: Send {
    fn durable(&self) -> bool;
    fn urgent(&self) -> bool;
    fn weight(&self) -> usize;
    /// Runs the verb and keeps its answer; `Err` undoes the transaction.
    async fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StepError>;
    /// Answers the caller: with what `run` kept, or with the error of the transaction.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct CallOf<V: Verb> {
    verb: V,
    output: Option<Result<V::Output>>,
    reply: oneshot::Sender<Result<V::Output>>,
}

#[async_trait]
impl<V: Verb + Sync> Call for CallOf<V> {
    fn durable(&self) -> bool {
        V::DURABLE
    }

    fn urgent(&self) -> bool {
        V::URGENT
    }

    fn weight(&self) -> usize {
        self.verb.weight()
    }

    async fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StepError> {
        self.output = Some(match self.verb.run(tx).await {
            Ok(output) => {
                tx.flush().await?;
                Ok(output)
            }
            Err(StepError::Broker(error)) if is_logic(&error) => Err(error),
            Err(error) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let answer = match (committed, self.output) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(output)) => output,
            (Ok(()), None) => Err(Error::Unavailable("the verb did not run".into())),
        };
        // A caller that has gone does not want its answer.
        drop(self.reply.send(answer));
    }
}

enum Message {
    Call(Box<dyn Call>),
    Close(oneshot::Sender<()>),
}

/// The callers' end.
#[derive(Debug)]
pub(super) struct Engine {
    calls: mpsc::Sender<Message>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Close(_) => "Close",
        })
    }
}

impl Engine {
    /// Starts the thread. It ends when the engine is dropped or closed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system gives no thread.
    pub(super) fn start(
        database: Database,
        clock: Arc<dyn Clock>,
        options: BrokerOptions,
        wakers: Arc<Wakers>,
    ) -> Result<Self> {
        let unavailable = |error: std::io::Error| Error::Unavailable(error.into());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(unavailable)?;
        let (calls, waiting) = mpsc::channel(MAX_WAITING);
        let writer = Writer {
            database,
            connection: None,
            full_sync: true,
            clock,
            options,
            wakers,
            memory: Memory {
                random: StdRng::from_os_rng(),
                scopes: None,
                fetched: HashMap::new(),
                shares: Shares::default(),
            },
        };
        let _detached: JoinHandle<()> = std::thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || runtime.block_on(writer.run(waiting)))
            .map_err(unavailable)?;
        Ok(Self { calls })
    }

    /// Runs a verb and returns its answer after the commit.
    pub(super) async fn call<V: Verb + Sync>(&self, verb: V) -> Result<V::Output> {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(CallOf {
            verb,
            output: None,
            reply,
        });
        let closed = || Error::Unavailable("the broker is closed".into());
        self.calls
            .send(Message::Call(call))
            .await
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs what waits, then ends the thread.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.calls.send(Message::Close(reply)).await.is_ok() {
            drop(closed.await);
        }
    }
}

/// The thread's end.
struct Writer {
    database: Database,
    connection: Option<SqliteConnection>,
    /// Which `synchronous` the connection has.
    full_sync: bool,
    clock: Arc<dyn Clock>,
    options: BrokerOptions,
    wakers: Arc<Wakers>,
    memory: Memory,
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut closing = None;
        while closing.is_none()
            && let Some(first) = waiting.recv().await
        {
            // The turn first, the group after: renewals that arrive during the wait are in the group, ahead of a rescue
            // that would otherwise find their leases expired.
            let _turn = self.database.write_turn().await;
            let mut group = Vec::new();
            let mut rows = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Call(call) => {
                        rows += call.weight();
                        group.push(call);
                    }
                    Message::Close(reply) => {
                        waiting.close();
                        closing = Some(reply);
                    }
                }
                let full = group.len() >= MAX_GROUP || rows >= MAX_GROUP_ROWS;
                next = (!full || closing.is_some())
                    .then(|| waiting.try_recv().ok())
                    .flatten();
            }
            group.sort_by_key(|call| !call.urgent());
            self.run_group(group).await;
        }
        if let Some(connection) = self.connection.take() {
            disconnect(connection).await;
        }
        drop(self.database);
        if let Some(reply) = closing {
            // Nobody waits any more: as good.
            let _ = reply.send(());
        }
    }

    /// Runs a group in one transaction; where that fails, each of its calls in one of its own, so that a bad call
    /// does not spoil the others.
    async fn run_group(&mut self, mut group: Vec<Box<dyn Call>>) {
        let grouped = group.len() > 1 && self.transact(&mut group).await.is_ok();
        for call in group {
            if grouped {
                call.answer(Ok(()));
            } else {
                self.run_alone(call).await;
            }
        }
    }

    async fn run_alone(&mut self, mut call: Box<dyn Call>) {
        let committed = self.transact(std::slice::from_mut(&mut call)).await;
        call.answer(committed.map_err(|error| error.into_error(&self.database)));
    }

    async fn transact(&mut self, group: &mut [Box<dyn Call>]) -> Result<(), StepError> {
        let result = self.try_transact(group).await;
        match &result {
            Ok(woken) => woken.iter().for_each(|queue| self.wakers.wake(queue)),
            Err(_) => self.undo().await,
        }
        result.map(drop)
    }

    async fn try_transact(
        &mut self,
        group: &mut [Box<dyn Call>],
    ) -> Result<Vec<String>, StepError> {
        if self.connection.is_none() {
            self.connection = Some(self.database.connect().await?);
            self.full_sync = true;
        }
        let Some(connection) = self.connection.as_mut() else {
            return Err(Error::Unavailable("no connection".into()).into());
        };
        let durable = group.iter().any(|call| call.durable());
        if durable != self.full_sync {
            let pragma = if durable {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = NORMAL"
            };
            sqlx::query(pragma).execute(&mut *connection).await?;
            self.full_sync = durable;
        }
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await?;
        let mut changes = Changes::default();
        let now: Timestamp = self.clock.now();
        for call in group {
            let mut tx = Tx {
                connection: &mut *connection,
                changes: &mut changes,
                memory: &mut self.memory,
                options: &self.options,
                now: now.as_millisecond(),
            };
            call.run(&mut tx).await?;
        }
        changes.finish(connection).await?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        Ok(changes.woken.into_iter().collect())
    }

    /// Goes back to the state before `BEGIN`. A connection that cannot is replaced.
    async fn undo(&mut self) {
        self.memory.scopes = None;
        if let Some(connection) = self.connection.as_mut()
            && let Err(error) = sqlx::query("ROLLBACK").execute(connection).await
        {
            tracing::debug!(error = %error, "rollback failed; the writer reconnects");
            self.connection = None;
        }
    }
}
