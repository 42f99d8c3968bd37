//! The settler: a task that writes how jobs ended, in batches, and keeps each end until SQL has it.
//!
//! Verbs push what they learn and go on. The task takes what has gathered [`SettleOptions::linger`] after the first
//! item (or at once when somebody waits for it), writes ends and notes in one statement each, and repeats them while SQL
//! is away. Ends of which only the id is known are read from the broker first. What does not fit into the bounded queue
//! is dropped, and the reconciler is told to look at every row.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    contract::{Ledger, MAX_SETTLE, Note, Settlement},
    lookup,
};
use crate::{Broker, DeadReason, Error, JobId, JobRecord, JobState, Result, job::Backoff, retry};

/// How the settler works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleOptions {
    /// How long the first end of a batch waits for others.
    pub linger: Duration,
    /// Ends that may wait while SQL is away.
    pub max_waiting: usize,
}

impl Default for SettleOptions {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(100),
            max_waiting: 200_000,
        }
    }
}

/// Something to write.
#[derive(Debug)]
pub(super) enum Item {
    End(Settlement),
    Note(Note),
    /// Read the job; write its end, or what it has cost so far.
    Look(Look),
}

/// A job whose record is to be read.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) id: JobId,
    /// What to write where the broker has lost the job by then.
    pub(super) known: Option<Settlement>,
}

/// The pushing end, shared with the task.
#[derive(Debug)]
struct Queue {
    items: Mutex<VecDeque<Item>>,
    max_waiting: usize,
    filled: Notify,
    urgent: Notify,
    /// Items ever pushed.
    pushed: AtomicU64,
    /// Items ever written.
    written: watch::Sender<u64>,
    overflowed: AtomicBool,
}

/// Writes how jobs ended. Dropping it drops what is not written, as a dying process would; [`Settler::flush`] first.
#[derive(Debug)]
pub(super) struct Settler {
    queue: Arc<Queue>,
    _task: AbortOnDropHandle<()>,
}

impl Settler {
    /// Starts the task.
    pub(super) fn start(
        inner: Arc<dyn Broker>,
        ledger: Arc<dyn Ledger>,
        options: &SettleOptions,
    ) -> Self {
        let queue = Arc::new(Queue {
            items: Mutex::default(),
            max_waiting: options.max_waiting,
            filled: Notify::new(),
            urgent: Notify::new(),
            pushed: AtomicU64::new(0),
            written: watch::Sender::new(0),
            overflowed: AtomicBool::new(false),
        });
        let task = Task {
            queue: Arc::clone(&queue),
            inner,
            ledger,
            linger: options.linger,
        };
        Self {
            queue,
            _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
        }
    }

    /// Takes items; never waits.
    pub(super) fn push(&self, items: impl IntoIterator<Item = Item>) {
        let queue = &self.queue;
        let mut pushed = 0;
        {
            let mut waiting = queue.items.lock().unwrap_or_else(PoisonError::into_inner);
            for item in items {
                if waiting.len() >= queue.max_waiting {
                    queue.overflowed.store(true, Ordering::Relaxed);
                    break;
                }
                waiting.push_back(item);
                pushed += 1;
            }
            // Counted under the lock: a flush that sees the count finds the items.
            queue.pushed.fetch_add(pushed, Ordering::Relaxed);
            if waiting.len() >= MAX_SETTLE {
                queue.urgent.notify_one();
            }
        }
        if pushed > 0 {
            queue.filled.notify_one();
        }
    }

    /// Tells whether items were dropped since the last call.
    pub(super) fn take_overflowed(&self) -> bool {
        self.queue.overflowed.swap(false, Ordering::Relaxed)
    }

    /// Returns how many items wait.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.pushed.load(Ordering::Relaxed) - *self.queue.written.borrow()
    }

    /// Returns when everything pushed before is written.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where that takes longer than `timeout`.
    pub(super) async fn flush(&self, timeout: Duration) -> Result<()> {
        let target = self.queue.pushed.load(Ordering::Relaxed);
        let mut written = self.queue.written.subscribe();
        if *written.borrow_and_update() >= target {
            return Ok(());
        }
        let wait = async {
            loop {
                self.queue.urgent.notify_one();
                // The task lives as long as `self`.
                if written.changed().await.is_err() || *written.borrow() >= target {
                    return;
                }
            }
        };
        tokio::time::timeout(timeout, wait)
            .await
            .map_err(|_| Error::Unavailable("the ledger has not taken the ends of jobs yet".into()))
    }
}

/// The task's end.
struct Task {
    queue: Arc<Queue>,
    inner: Arc<dyn Broker>,
    ledger: Arc<dyn Ledger>,
    linger: Duration,
}

/// What one round writes, no job twice in a list.
#[derive(Default)]
struct Batch {
    ends: HashMap<JobId, Settlement>,
    notes: HashMap<JobId, Note>,
    looks: HashMap<JobId, Look>,
}

impl Batch {
    fn add(&mut self, item: Item) {
        match item {
            Item::End(end) => self.add_end(end),
            Item::Note(note) => {
                self.notes.insert(note.id, note);
            }
            Item::Look(look) => {
                let known = self.looks.remove(&look.id).and_then(|look| look.known);
                let look = Look {
                    known: look.known.or(known),
                    ..look
                };
                self.looks.insert(look.id, look);
            }
        }
    }

    /// Keeps the newest end of a job.
    fn add_end(&mut self, end: Settlement) {
        let age = |end: &Settlement| (end.epoch, end.finished_at);
        let newer = self
            .ends
            .get(&end.id)
            .is_none_or(|other| age(other) < age(&end));
        if newer {
            self.ends.insert(end.id, end);
        }
    }
}

/// One statement's rows.
enum Writing<'a> {
    Ends(&'a [Settlement]),
    Notes(&'a [Note]),
}

impl Task {
    async fn run(self) {
        loop {
            self.queue.filled.notified().await;
            while self.has_items() {
                tokio::select! {
                    () = tokio::time::sleep(self.linger) => {}
                    () = self.queue.urgent.notified() => {}
                }
                let (batch, count) = self.take();
                self.write(batch).await;
                self.queue.written.send_modify(|written| *written += count);
            }
        }
    }

    fn has_items(&self) -> bool {
        let items = self.queue.items.lock();
        !items.unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take(&self) -> (Batch, u64) {
        let mut items = self
            .queue
            .items
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = items.len().min(MAX_SETTLE);
        let mut batch = Batch::default();
        items.drain(..count).for_each(|item| batch.add(item));
        if items.len() >= MAX_SETTLE {
            self.queue.urgent.notify_one();
        }
        (batch, count as u64)
    }

    /// Writes a batch: what is known first, so that a look at a job that is settled by then is spared.
    async fn write(&self, mut batch: Batch) {
        self.write_ends(std::mem::take(&mut batch.ends)).await;
        if !batch.looks.is_empty() {
            let open = self.open_of(&batch.looks).await;
            batch.looks.retain(|id, _| open.contains(id));
            let mut looks: Vec<_> = batch.looks.drain().map(|(_, look)| look).collect();
            let mut failures = 0;
            while !looks.is_empty() {
                looks = self.look(looks, &mut batch).await;
                if !looks.is_empty() {
                    pause(&mut failures, "the broker", None).await;
                }
            }
            self.write_ends(std::mem::take(&mut batch.ends)).await;
        }
        let notes: Vec<_> = batch.notes.into_values().collect();
        for notes in notes.chunks(MAX_SETTLE) {
            self.until_written(&Writing::Notes(notes)).await;
        }
    }

    async fn write_ends(&self, ends: HashMap<JobId, Settlement>) {
        let mut ends: Vec<_> = ends.into_values().collect();
        // Two processes that settle the same jobs lock their rows in the same order.
        ends.sort_unstable_by_key(|end| end.id);
        for part in ends.chunks(MAX_SETTLE) {
            if !self.until_written(&Writing::Ends(part)).await {
                // One of them cannot be stored: the others must not stay with it.
                for end in part.chunks(1) {
                    self.until_written(&Writing::Ends(end)).await;
                }
            }
        }
    }

    /// Repeats a write until SQL has it; `false` where SQL will never take it.
    async fn until_written(&self, writing: &Writing<'_>) -> bool {
        let mut failures = 0;
        loop {
            let written = match writing {
                Writing::Ends(ends) => self.ledger.settle(ends, false).await.map(drop),
                Writing::Notes(notes) => self.ledger.note(notes).await,
            };
            match written {
                Ok(()) => return true,
                Err(error) if error.is_transient() => {
                    pause(&mut failures, "the ledger", Some(error)).await;
                }
                Err(error) => {
                    tracing::error!(error = %error, "ledger refuses the ends of jobs");
                    return false;
                }
            }
        }
    }

    async fn open_of(&self, looks: &HashMap<JobId, Look>) -> HashSet<JobId> {
        let ids: Vec<_> = looks.keys().copied().collect();
        let mut failures = 0;
        loop {
            match self.ledger.still_open(&ids).await {
                Ok(open) => return open.into_iter().collect(),
                Err(error) => pause(&mut failures, "the ledger", Some(error)).await,
            }
        }
    }

    /// Reads jobs and adds what there is to write; returns those that could not be read.
    async fn look(&self, looks: Vec<Look>, batch: &mut Batch) -> Vec<Look> {
        let mut failed = Vec::new();
        let records = lookup::each(&self.inner, looks.iter().map(|look| look.id)).await;
        for (look, (_, record)) in looks.into_iter().zip(records) {
            match record {
                Ok(Some(record)) => match Settlement::of(&record) {
                    Some(end) => batch.add_end(end),
                    None => {
                        batch.notes.insert(record.id(), Note::of(&record));
                    }
                },
                Ok(None) => {
                    if let Some(end) = look.known {
                        batch.add_end(end);
                    }
                }
                Err(error) if error.is_transient() => failed.push(look),
                Err(error) => {
                    tracing::error!(job.id = %look.id, error = %error, "ended job cannot be read");
                }
            }
        }
        failed
    }
}

/// Waits before the next try, longer each time; logs the first failure.
async fn pause(failures: &mut u32, who: &'static str, error: Option<Error>) {
    *failures += 1;
    if *failures == 1 {
        let error = error.map(|error| error.to_string());
        tracing::warn!(error, "{who} does not answer; the ends of jobs are kept");
    }
    let backoff = Backoff {
        base_ms: 50,
        max_ms: 1_000,
    };
    tokio::time::sleep(Duration::from_millis(retry::bound_ms(backoff, *failures))).await;
}

impl Settlement {
    /// Returns how a job ended, if it has.
    pub fn of(record: &JobRecord) -> Option<Self> {
        Some(Self {
            id: record.id(),
            state: record.state.is_terminal().then_some(record.state)?,
            // Set exactly then: a row that breaks the table's rule would hold up all others.
            dead_reason: (record.state == JobState::Dead)
                .then(|| record.dead_reason.unwrap_or(DeadReason::Permanent)),
            started_at: record.started_at,
            finished_at: record.finished_at?,
            epoch: record.epoch,
            attempt: record.attempt,
            crashes: record.crashes,
            max_attempts: record.spec.max_attempts,
            errors: record.errors.clone(),
            result: record
                .result
                .as_ref()
                .and_then(|value| serde_json::to_string(value).ok()),
        })
    }

    /// An end of which only the state is known.
    pub(super) fn bare(id: JobId, state: JobState, epoch: u64, now: Timestamp) -> Self {
        Self {
            id,
            state,
            dead_reason: (state == JobState::Dead).then_some(DeadReason::Attempts),
            started_at: None,
            finished_at: now,
            epoch,
            attempt: 0,
            crashes: 0,
            // Nothing is carried over: see `settle_jobs.sql`.
            max_attempts: i32::MAX as u32,
            errors: Vec::new(),
            result: None,
        }
    }
}

impl Note {
    /// Returns what a job's failed attempts have cost.
    pub fn of(record: &JobRecord) -> Self {
        Self {
            id: record.id(),
            attempt: record.attempt,
            crashes: record.crashes,
            max_attempts: record.spec.max_attempts,
            errors: record.errors.clone(),
        }
    }
}
