//! Drains queues written by stock `apalis-redis` 1.0 producers into a [`Broker`], each task once, by its id.
//!
//! # Why no stock worker does it
//!
//! `apalis_redis::RedisStorage` promotes everything that is due in one Lua call and fails for good when that is 8,000
//! tasks or more, which is what a queue worth moving may hold. One payload that it cannot decode ends the worker, an
//! answer later than 500 ms too. So this module works on the same keys by small scripts of its own (`lua/apalis/`), each
//! bounded to 500 tasks and by the server's time, and takes from the crate what it makes public: the names of the keys,
//! the codec, the reader of a task's metadata.
//!
//! # The way of a task
//!
//! ```text
//!  Q:active, Q:scheduled (due) ──claim──▶ Q:inflight:W ──hand over──▶ Q:graphmill ──submit──▶ broker
//!  Q:scheduled (later) ─────────────────claim────────────────────────▶     │
//!                                                                          └──settle──▶ Q:done, Q:dead
//! ```
//!
//! - **Claim** is apalis's fetch: this process stands in `Q:workers` as a worker of its own, and what it takes is in its
//!   inflight set, so stock workers beside never get the same task. If the process dies here, their orphan handling (or
//!   that of another drain) gives the tasks back.
//! - **Hand over** takes them out of the inflight set. From here on it cannot be known whether the broker has them, so no
//!   stock worker may get them back: the unsettled tasks wait in `Q:graphmill` for the next drain, of any process, which
//!   submits them again. Tasks that run later go there directly: orphan handling would run them at once.
//! - **Submit** has the task's id as unique key for seven days, so a repetition is a
//!   [`Duplicate`](crate::broker::Verdict::Duplicate).
//! - **Settle** writes what apalis's own acknowledgement writes. A task is `Done` when its job is accepted, not when that
//!   has run; its metadata names the job as `graphmill_job`. A task that can be no job becomes `Killed`, in `Q:dead`, with
//!   the reason as its result; its payload stays where it is.
//!
//! Every step is one script, and may be repeated or cut off at any point.

mod keys;
mod mapping;
mod settings;
mod source;
mod store;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::{
    settings::{ApalisQueue, PayloadMapping},
    source::Source,
};
use crate::{
    Broker, Result,
    runtime::{Observer, maintenance::Pace},
};

/// The most tasks that one script touches.
pub const MAX_BATCH: usize = 500;
/// How long the broker remembers a task's id: longer than any repetition can take to come.
pub const UNIQUE_TTL: Duration = Duration::from_hours(7 * 24);
/// How often a drain looks for what others have handed over and left.
const LOOK_BACK: Duration = Duration::from_mins(1);

/// What a drain has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Tasks that became jobs.
    pub moved: usize,
    /// Tasks whose job was there already, from a drain that was cut off.
    pub repeated: usize,
    /// Tasks that could become no jobs, and are in their dead set.
    pub dead: usize,
}

impl Drained {
    fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.repeated += other.repeated;
        self.dead += other.dead;
    }
}

/// Moves tasks until there is none left to take, or `stop` fires; the batch in work is finished then.
///
/// What a lost worker holds is taken when its [`ApalisQueue::orphaned_after_s`] is over, so not always by this call.
///
/// # Errors
/// [`crate::Error::Unavailable`] when their server or `broker` does not answer: call it again. What is in work then is
/// finished by that call.
///
/// # Cancel safety
/// May be dropped at any point: the next drain, with this source or in another process, goes on with what was in work.
pub async fn drain(
    source: &mut Source,
    broker: &dyn Broker,
    stop: &CancellationToken,
) -> Result<Drained> {
    let mut drained = Drained::default();
    // Put back only at the end: whatever cuts this drain off leaves something to look back at.
    let before = source.looked_back_at.take();
    let looked_back_at = if let Some(at) = before.filter(|at| at.elapsed() < LOOK_BACK) {
        at
    } else {
        // A broker that is away should not make tasks unreachable for the stock workers.
        broker.ping().await?;
        drained.add(source.look_back(broker).await?);
        Instant::now()
    };
    while !stop.is_cancelled() {
        source.give_back_orphans().await?;
        let Some(moved) = source.step(broker).await? else {
            break;
        };
        drained.add(moved);
    }
    source.looked_back_at = Some(looked_back_at);
    Ok(drained)
}

/// Drains a queue again and again until `stop` fires: what a worker process spawns for each [`ApalisQueue`].
///
/// Failures are logged once in a row and repeated with a growing wait. At the end its worker leaves their queue.
pub async fn serve(
    mut source: Source,
    broker: Arc<dyn Broker>,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let poll = Duration::from_millis(source.settings().poll_ms);
    // A drain ends where there is nothing left, so it never asks to be repeated at once.
    let mut pace = Pace::new("apalis import", poll, usize::MAX, observer, stop.clone());
    while pace.next().await {
        let drained = drain(&mut source, &*broker, &stop).await;
        if let Ok(drained) = &drained
            && *drained != Drained::default()
        {
            tracing::info!(
                queue.name = source.settings().queue,
                tasks.moved = drained.moved,
                tasks.repeated = drained.repeated,
                tasks.dead = drained.dead,
                "apalis tasks were taken over"
            );
        }
        pace.stepped(drained.map(|_| 0));
    }
    if let Err(error) = source.leave().await {
        // Their orphan handling, or another drain's, does it later.
        tracing::warn!(queue.name = source.settings().queue, error = %error, "the worker could not leave the apalis queue");
    }
}
