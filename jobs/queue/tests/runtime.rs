//! Handlers run through the whole runtime on a SQLite broker.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use graphmill_queue::{
    Broker, BrokerOptions, Client, DeadReason, Job, JobContext, JobId, JobRecord, JobState, NewJob,
    Outcome, Worker,
    clock::SystemClock,
    job::{Backoff, ErrorClass},
    outcome::JobError,
    runtime::{RunReport, RuntimeError, WorkerOptions},
    sqlite::{Database, OpenOptions, SqliteBroker},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// What handlers and tests share.
#[derive(Clone, Default)]
struct Shared {
    runs: Arc<Mutex<HashMap<JobId, u32>>>,
    started: Arc<Notify>,
    go: Arc<Notify>,
    count: Arc<AtomicU32>,
}

impl Shared {
    fn note(&self, job: &JobContext) {
        *self
            .runs
            .lock()
            .unwrap()
            .entry(job.record().id())
            .or_default() += 1;
        self.count.fetch_add(1, Ordering::SeqCst);
        self.started.notify_one();
    }

    fn runs_of(&self, id: JobId) -> u32 {
        self.runs.lock().unwrap().get(&id).copied().unwrap_or(0)
    }
}

/// One job kind that behaves as it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Done,
    Fail,
    Panic,
    /// Waits for the cancel token.
    Obey,
    /// Ignores every token.
    Hang,
    /// Blocks its thread for so many ms.
    Spin(u64),
    /// Saves a checkpoint, then gives itself back at shutdown; done when it finds the checkpoint.
    Resume,
    /// Waits until the test lets it go.
    Wait,
}

impl Job for Act {
    const KIND: &'static str = "test.act";
    const BACKOFF: Backoff = Backoff {
        base_ms: 1,
        max_ms: 5,
    };
    const MAX_ATTEMPTS: u32 = 3;
    type Context = Shared;

    async fn run(self, shared: Shared, job: JobContext) -> Outcome {
        shared.note(&job);
        match self {
            Self::Done => Outcome::Done(json!({"attempt": job.attempt()})),
            Self::Fail => Outcome::Retry(JobError::new("test.failed", "it failed")),
            Self::Panic => panic!("told to"),
            Self::Obey => {
                job.cancelled().cancelled().await;
                Outcome::Cancelled
            }
            Self::Hang => std::future::pending().await,
            Self::Spin(ms) => {
                let until = Instant::now() + Duration::from_millis(ms);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                Outcome::done()
            }
            Self::Resume => {
                if let Some(checkpoint) = job.checkpoint() {
                    return Outcome::Done(checkpoint);
                }
                job.save_checkpoint(json!({"page": 7}));
                job.shutdown().cancelled().await;
                Outcome::Released
            }
            Self::Wait => {
                shared.go.notified().await;
                Outcome::done()
            }
        }
    }
}

struct App {
    broker: Arc<SqliteBroker>,
    client: Client,
    shared: Shared,
    folder: tempfile::TempDir,
}

type Running = (
    CancellationToken,
    JoinHandle<Result<RunReport, RuntimeError>>,
);

/// Short times: tests wait for states, never for durations.
fn quick() -> WorkerOptions {
    WorkerOptions {
        lease: Duration::from_secs(1),
        heartbeat: Duration::from_millis(100),
        tick: Duration::from_millis(20),
        shutdown_grace: Duration::from_secs(5),
        stop_grace: Duration::from_millis(200),
        ..WorkerOptions::default()
    }
}

impl App {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("queue.db"), OpenOptions::default())
            .await
            .unwrap();
        let broker = Arc::new(
            SqliteBroker::new(database, Arc::new(SystemClock), BrokerOptions::default()).unwrap(),
        );
        Self {
            client: Client::new(broker.clone()),
            broker,
            shared: Shared::default(),
            folder,
        }
    }

    fn worker(&self, slots: usize, options: WorkerOptions) -> Worker<Shared> {
        Worker::builder(self.broker.clone())
            .context(self.shared.clone())
            .register::<Act>()
            .queue(Act::QUEUE, slots)
            .options(options)
            .build()
            .unwrap()
    }

    fn run(&self, slots: usize, options: WorkerOptions) -> Running {
        let stop = CancellationToken::new();
        let worker = self.worker(slots, options);
        (stop.clone(), tokio::spawn(worker.run(stop)))
    }

    async fn submit(&self, act: Act) -> JobId {
        self.client.submit(act).await.unwrap().id().unwrap()
    }

    async fn submit_new(&self, change: impl FnOnce(&mut NewJob), act: Act) -> JobId {
        let mut job = act.into_new_job().unwrap();
        change(&mut job);
        self.client.submit_new(job).await.unwrap().id().unwrap()
    }

    async fn get(&self, id: JobId) -> JobRecord {
        self.broker.get(id).await.unwrap().unwrap()
    }

    async fn until(&self, id: JobId, what: impl Fn(&JobRecord) -> bool) -> JobRecord {
        let wait = async {
            loop {
                let record = self.get(id).await;
                if what(&record) {
                    return record;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .expect("the job gets there")
    }

    async fn ended(&self, id: JobId) -> JobRecord {
        self.until(id, |record| record.state.is_terminal()).await
    }

    async fn audit(&self) {
        assert_eq!(self.broker.audit().await.unwrap().unaccounted, 0);
    }
}

async fn stop((stop, running): Running) -> RunReport {
    stop.cancel();
    running.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_and_keeps_its_result() {
    let app = App::start().await;
    let running = app.run(2, quick());
    let id = app.submit(Act::Done).await;
    let record = app.ended(id).await;
    assert_eq!(record.state, JobState::Completed);
    assert_eq!(record.result, Some(json!({"attempt": 1})));
    assert_eq!(stop(running).await.finished, 1);
    app.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_is_retried_until_its_attempts_are_used_up() {
    let app = App::start().await;
    let running = app.run(2, quick());
    let id = app.submit(Act::Fail).await;
    let record = app.ended(id).await;
    assert_eq!(record.dead_reason, Some(DeadReason::Attempts));
    assert_eq!((record.attempt, app.shared.runs_of(id)), (3, 3));
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_attempt_and_harms_nobody_else() {
    let app = App::start().await;
    let running = app.run(2, quick());
    let bad = app.submit(Act::Panic).await;
    let good = app.submit(Act::Done).await;
    let record = app.ended(bad).await;
    assert_eq!(record.dead_reason, Some(DeadReason::Attempts));
    assert_eq!(record.errors.len(), 3);
    assert_eq!(record.errors[0].class, ErrorClass::Panic);
    assert_eq!(record.errors[0].error.message, "told to");
    assert_eq!(app.ended(good).await.state, JobState::Completed);
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_too_long_is_told_then_aborted() {
    let app = App::start().await;
    let running = app.run(2, quick());
    for act in [Act::Obey, Act::Hang] {
        let limit = |job: &mut NewJob| {
            job.timeout_ms = 50;
            job.max_attempts = 2;
        };
        let id = app.submit_new(limit, act).await;
        let record = app.ended(id).await;
        assert_eq!(record.dead_reason, Some(DeadReason::TimedOut));
        assert!(record.errors.iter().all(|e| e.class == ErrorClass::Timeout));
        assert_eq!(app.shared.runs_of(id), 2);
    }
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_is_cancelled_whether_it_obeys_or_not() {
    let app = App::start().await;
    let running = app.run(2, quick());
    for act in [Act::Obey, Act::Hang] {
        let id = app.submit(act).await;
        app.shared.started.notified().await;
        app.broker.cancel(id).await.unwrap();
        let record = app.ended(id).await;
        assert_eq!(record.state, JobState::Cancelled);
        assert_eq!(app.shared.runs_of(id), 1);
    }
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_every_thread_keep_their_leases() {
    let app = App::start().await;
    let running = app.run(4, quick());
    // Each spins for three leases; there are more of them than threads.
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(app.submit(Act::Spin(3_000)).await);
    }
    for id in ids {
        let record = app.ended(id).await;
        assert_eq!(record.state, JobState::Completed);
        assert_eq!((record.crashes, app.shared.runs_of(id)), (0, 1));
    }
    assert_eq!(stop(running).await.refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_gives_jobs_back_with_their_checkpoint_and_they_resume() {
    let app = App::start().await;
    let running = app.run(2, quick());
    let id = app.submit(Act::Resume).await;
    app.shared.started.notified().await;
    assert_eq!(stop(running).await.released, 1);
    let record = app.get(id).await;
    assert_eq!((record.state, record.attempt), (JobState::Ready, 0));
    assert_eq!(record.checkpoint, Some(json!({"page": 7})));
    let running = app.run(2, quick());
    assert_eq!(app.ended(id).await.result, Some(json!({"page": 7})));
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_for_its_grace_then_releases() {
    let app = App::start().await;
    let options = WorkerOptions {
        shutdown_grace: Duration::from_millis(100),
        ..quick()
    };
    let running = app.run(2, options);
    let id = app.submit(Act::Hang).await;
    app.shared.started.notified().await;
    let report = stop(running).await;
    assert_eq!((report.released, report.left), (1, 0));
    let record = app.get(id).await;
    assert_eq!((record.state, record.attempt), (JobState::Ready, 0));

    // The released job would start again and answer for the next one.
    app.broker.cancel(id).await.unwrap();
    let running = app.run(2, quick());
    let id = app.submit(Act::Wait).await;
    // Running says that it is leased; a shutdown before its handler has begun rightly gives it back.
    app.shared.started.notified().await;
    running.0.cancel();
    app.shared.go.notify_waiters();
    app.shared.go.notify_one();
    let stopped = app.ended(id).await;
    assert_eq!(
        stopped.state,
        JobState::Completed,
        "what ends in time counts"
    );
    drop(running.1.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_worker_that_dies_are_rescued() {
    let app = App::start().await;
    let (_, dying) = app.run(2, quick());
    let id = app.submit(Act::Wait).await;
    app.shared.started.notified().await;
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    let running = app.run(2, quick());
    let record = app.until(id, |record| record.crashes == 1).await;
    assert_eq!(record.errors[0].class, ErrorClass::Crash);
    app.shared.started.notified().await;
    app.shared.go.notify_one();
    app.shared.go.notify_waiters();
    assert_eq!(app.ended(id).await.state, JobState::Completed);
    stop(running).await;
    app.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_two_thousand_jobs_once_each() {
    let app = App::start().await;
    let first = app.run(8, quick());
    let second = app.run(8, quick());
    let jobs = (0..2_000).map(|_| Act::Done);
    let verdicts = app.client.submit_many(jobs).await.unwrap();
    for verdict in &verdicts {
        app.ended(verdict.id().unwrap()).await;
    }
    let reports = [stop(first).await, stop(second).await];
    assert_eq!(reports.iter().map(|r| r.finished).sum::<u64>(), 2_000);
    let runs = app.shared.runs.lock().unwrap().clone();
    assert_eq!(runs.len(), 2_000);
    assert!(runs.values().all(|runs| *runs == 1));
    app.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_cannot_be_read_is_rejected_and_the_batch_goes_on() {
    let app = App::start().await;
    let mut ids = Vec::new();
    for n in 0..6 {
        let poison = |job: &mut NewJob| {
            if n % 2 == 0 {
                job.payload = json!({"no_such": "act"});
            }
        };
        ids.push(app.submit_new(poison, Act::Done).await);
    }
    let running = app.run(6, quick());
    for (n, id) in ids.into_iter().enumerate() {
        let record = app.ended(id).await;
        if n % 2 == 0 {
            assert_eq!(record.dead_reason, Some(DeadReason::Rejected));
            assert_eq!(record.errors[0].error.code, "job.payload_unreadable");
            assert_eq!(record.attempt, 1, "it is not tried again");
        } else {
            assert_eq!(record.state, JobState::Completed);
        }
    }
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_written_with_the_heartbeat() {
    let app = App::start().await;
    let running = app.run(1, quick());
    let id = app.submit(Act::Resume).await;
    let record = app.until(id, |record| record.checkpoint.is_some()).await;
    assert_eq!(record.state, JobState::Running);
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liveness_shows_free_slots_and_fetches() {
    let app = App::start().await;
    let worker = app.worker(3, quick());
    let liveness = worker.liveness();
    assert!(
        !liveness.is_ready(Duration::from_mins(1)),
        "it does not run yet"
    );
    let token = CancellationToken::new();
    let running = (token.clone(), tokio::spawn(worker.run(token)));
    let id = app.submit(Act::Done).await;
    app.ended(id).await;
    assert!(liveness.is_ready(Duration::from_mins(1)));
    assert!(liveness.stalled(Duration::from_mins(1)).is_empty());
    assert_eq!(liveness.snapshot()[0].slots, 3);
    stop(running).await;
    assert!(!liveness.is_ready(Duration::from_mins(1)));
}

#[tokio::test]
async fn a_worker_that_is_put_together_wrongly_says_how() {
    let app = App::start().await;
    let builder = || Worker::builder(app.broker.clone()).context(app.shared.clone());
    let slow = WorkerOptions {
        heartbeat: Duration::from_secs(6),
        ..WorkerOptions::default()
    };
    for (built, says) in [
        (builder().queue("q", 1).build(), "no kind"),
        (builder().register::<Act>().build(), "no queue"),
        (builder().register::<Act>().queue("q", 0).build(), "0 slots"),
        (
            builder()
                .register::<Act>()
                .register::<Act>()
                .queue("q", 1)
                .build(),
            "twice",
        ),
        (
            builder()
                .register::<Act>()
                .queue("q", 1)
                .options(slow)
                .build(),
            "heartbeat",
        ),
    ] {
        let message = built.err().expect("it is wrong").to_string();
        assert!(message.contains(says), "{message:?} says {says:?}");
    }
}

#[tokio::test]
async fn a_reopened_file_has_its_jobs_and_a_second_process_is_kept_out() {
    let app = App::start().await;
    let path = app.folder.path().join("queue.db");
    let id = app.submit(Act::Done).await;
    let error = Database::open(&path, OpenOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, graphmill_queue::Error::Locked { path } if path.ends_with("queue.db.lock"))
    );
    app.broker.close().await;
    let closed = app.broker.ping().await.unwrap_err();
    assert!(closed.is_transient());
    app.broker.database().close().await.unwrap();
    let App {
        broker,
        client,
        folder,
        ..
    } = app;
    drop((broker, client));
    let database = Database::open(&path, OpenOptions::default()).await.unwrap();
    let broker =
        SqliteBroker::new(database, Arc::new(SystemClock), BrokerOptions::default()).unwrap();
    assert_eq!(
        broker.get(id).await.unwrap().unwrap().state,
        JobState::Ready
    );
    drop(folder);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    tokio::fs::write(&path, vec![b'x'; 8_192]).await.unwrap();
    let error = Database::open(&path, OpenOptions::default())
        .await
        .unwrap_err();
    let graphmill_queue::Error::Corrupt(message) = error else {
        panic!("{error:?}");
    };
    assert!(message.contains("queue.db") && message.contains("not a SQLite database"));
}
