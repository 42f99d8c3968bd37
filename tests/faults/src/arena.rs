//! Where one scenario takes place: its queue, its workers, its files, and a broker for what a client does.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use graphmill_queue::{
    Broker, BrokerOptions, DeadReason, Error, Job, JobId, JobRecord, NewJob, Result,
    broker::{JobFilter, Verdict},
    redis::{RedisBroker, RedisOptions},
    schedule::ScheduleStore,
};
use rand::{SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use crate::{
    crew::Crew,
    journal::{Journal, PATIENCE},
    submits::{Expected, Submits},
    worker::{Act, Opened, WorkerArgs},
};

/// How large a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// For CI: a few seconds each.
    Small,
    /// For a busy machine: some minutes in all.
    Moderate,
    /// As FAULTS and the reference say.
    Full,
}

/// One run of a scenario.
#[derive(Debug, Clone)]
pub struct Run {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// How large.
    pub scale: Scale,
    /// This program, to start its other roles.
    pub program: PathBuf,
}

impl Run {
    /// Chooses by the scale.
    pub fn pick<T>(&self, small: T, moderate: T, full: T) -> T {
        match self.scale {
            Scale::Small => small,
            Scale::Moderate => moderate,
            Scale::Full => full,
        }
    }

    /// The lease of workers that die: short, so that a small run does not wait.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.pick(1, 3, 15))
    }
}

/// See the module's introduction.
pub struct Arena {
    /// The run.
    pub run: Run,
    /// Where clients and the checker find Redis, and the ledger where there is one; workers may be given another way.
    pub broker: Arc<dyn Broker>,
    opened: Option<Opened>,
    /// The workers.
    pub crew: Crew,
    /// What handlers did.
    pub journal: Journal,
    /// What was submitted.
    pub submits: Submits,
    /// What new workers are started with.
    pub args: WorkerArgs,
    /// Seeded.
    pub random: StdRng,
    /// Whether the server may forget an ack, or a hand retried jobs: then an effect may come again without a rescue.
    pub forgets: bool,
    folder: TempDir,
}

/// The queue of every scenario.
pub const QUEUE: &str = "faults";
/// What every key begins with.
pub const PREFIX: &str = "gm";
/// What the crash budget is where crashes are not the point.
pub const AMPLE: u32 = 200;

impl Arena {
    /// Opens an arena on a server.
    pub fn on(url: &str, run: &Run) -> Self {
        Self::with(url, run, 0)
    }

    /// As [`Arena::on`]; a submit returns when so many replicas have it.
    pub fn with(url: &str, run: &Run, wait_replicas: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = WorkerArgs {
            url: url.to_owned(),
            prefix: PREFIX.to_owned(),
            queue: QUEUE.to_owned(),
            slots: 8,
            lease_ms: run.lease().as_millis() as u64,
            grace_ms: 5_000,
            name: String::new(),
            effects: folder.path().to_owned(),
            die_before_start: 0.0,
            die_before_ack: 0.0,
            seed: run.seed,
            crash_budget: 3,
            maintenance: true,
            memory_mib: 0,
            newer: false,
            ledger: None,
            schedules: false,
        };
        let redis = RedisOptions {
            wait_replicas,
            ..RedisOptions::new(url)
        };
        Self {
            run: run.clone(),
            broker: Arc::new(RedisBroker::new(redis, BrokerOptions::default()).unwrap()),
            opened: None,
            crew: Crew::new(run.program.clone(), folder.path().to_owned()),
            journal: Journal::of(folder.path().to_owned()),
            submits: Submits::create(&folder.path().join("submits.txt")),
            args,
            random: StdRng::seed_from_u64(run.seed),
            forgets: false,
            folder,
        }
    }

    /// As [`Arena::on`], with a ledger in SQLite that the harness and its workers share.
    pub async fn with_ledger(url: &str, run: &Run) -> Self {
        let mut arena = Self::on(url, run);
        let path = arena.folder().join("ledger.db");
        let options = BrokerOptions::default();
        let opened = Opened::open(RedisOptions::new(url), options, Some(&path)).await;
        arena.broker = opened.broker.clone();
        arena.args.ledger = Some(path);
        arena.opened = Some(opened);
        arena
    }

    /// The schedules of the ledger's database.
    ///
    /// # Panics
    /// Without a ledger.
    pub fn schedules(&self) -> Arc<dyn ScheduleStore> {
        let opened = self.opened.as_ref().expect("the arena has a ledger");
        opened.schedules()
    }

    /// The folder of the scenario's files.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Starts so many workers and waits until each runs.
    pub async fn start_workers(&mut self, count: usize) {
        let before = self.journal.count('R');
        for _ in 0..count {
            self.crew.start(self.args.clone());
        }
        self.journal.until_count('R', before + count).await;
    }

    /// Submits jobs, again and again until the broker answers, as a careful client does.
    pub async fn submit(&mut self, jobs: Vec<NewJob>, expected: Expected) -> Vec<JobId> {
        self.submits.trying(jobs.iter().map(|job| job.id));
        let begun = Instant::now();
        loop {
            match self.broker.submit(jobs.clone(), false).await {
                Ok(verdicts) => {
                    let ids: Vec<_> = verdicts.iter().map(given).collect();
                    self.submits.accepted(ids.clone(), expected);
                    return ids;
                }
                Err(Error::Unavailable(_)) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("a submit failed: {error}"),
            }
        }
    }

    /// Submits acts that complete.
    pub async fn submit_acts(&mut self, acts: impl IntoIterator<Item = Act>) -> Vec<JobId> {
        let jobs: Vec<_> = acts.into_iter().map(new_job).collect();
        let mut ids = Vec::new();
        for jobs in jobs.chunks(10_000) {
            ids.extend(self.submit(jobs.to_vec(), Expected::Completed).await);
        }
        ids
    }

    /// Submits one act that dies.
    pub async fn submit_deadly(&mut self, act: Act, reason: DeadReason) -> JobId {
        self.submit(vec![new_job(act)], Expected::Dead(reason))
            .await[0]
    }

    /// Returns a job.
    pub async fn get(&self, id: JobId) -> JobRecord {
        self.broker.get(id).await.unwrap().unwrap()
    }

    /// Counts the jobs that have not ended.
    pub async fn open(&self) -> Result<u64> {
        let counts = self.broker.counts(&JobFilter::default()).await?;
        Ok(counts
            .into_iter()
            .filter(|(state, _)| !state.is_terminal())
            .map(|(_, count)| count)
            .sum())
    }

    /// Waits until every job has ended, replacing workers that die.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`] without anything being done.
    pub async fn drained(&mut self) {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            self.crew.tend();
            self.journal.read();
            if let Ok(0) = self.open().await {
                self.journal.read();
                return;
            }
            if self.journal.lines.len() > seen {
                (seen, since) = (self.journal.lines.len(), Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "the queue drains");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a job is as it should be.
    pub async fn until(&self, id: JobId, what: impl Fn(&JobRecord) -> bool) -> JobRecord {
        let begun = Instant::now();
        loop {
            if let Ok(Some(record)) = self.broker.get(id).await
                && what(&record)
            {
                return record;
            }
            assert!(begun.elapsed() < PATIENCE, "job {id} gets there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// An act as a job of the scenario's queue.
pub fn new_job(act: Act) -> NewJob {
    let mut job = act.into_new_job().unwrap();
    QUEUE.clone_into(&mut job.queue);
    job
}

fn given(verdict: &Verdict) -> JobId {
    verdict
        .id()
        .unwrap_or_else(|| panic!("a job was not accepted: {verdict:?}"))
}
