//! The alarm for jobs that nobody can run: a kind, or a version of its payload, that no live worker knows.
//!
//! Such jobs stay where they are, and are fetched when a capable worker comes. Until then somebody must know: a producer
//! was deployed before its workers, or a kind was renamed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{maintenance::Pace, observer::Observer};
use crate::{Broker, Result, broker::ReadyJobs, workers::WorkerInfo};

/// How often ready jobs are compared with what workers know.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long jobs may be unknown before that is an alarm: workers are started one after the other.
const PATIENCE: Duration = Duration::from_mins(1);

/// Queue, kind and version.
type Unknown = (String, String, u32);

/// Tells the observer of kinds that no live worker knows, with every look for as long as that holds, and logs each once.
pub(super) async fn watch(
    broker: Arc<dyn Broker>,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
) {
    let mut alarm = Alarm::new(PATIENCE);
    let mut pace = Pace::new(
        "unknown_kinds",
        INTERVAL,
        usize::MAX,
        Arc::clone(&observer),
        stop,
    );
    while pace.next().await {
        let looked = alarm.look(&broker, &*observer, Instant::now()).await;
        pace.stepped(looked.map(|()| 0));
    }
}

/// What is unknown, and since when.
pub(super) struct Alarm {
    patience: Duration,
    since: BTreeMap<Unknown, (Instant, bool)>,
}

impl Alarm {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: BTreeMap::new(),
        }
    }

    pub(super) async fn look(
        &mut self,
        broker: &Arc<dyn Broker>,
        observer: &dyn Observer,
        now: Instant,
    ) -> Result<()> {
        let ready = broker.ready().await?;
        let unknown = if ready.is_empty() {
            BTreeMap::new()
        } else {
            unknown_of(&ready, &broker.workers().await?)
        };
        self.note(&unknown, observer, now);
        Ok(())
    }

    fn note(&mut self, unknown: &BTreeMap<Unknown, u64>, observer: &dyn Observer, now: Instant) {
        self.since.retain(|which, _| unknown.contains_key(which));
        for (which, jobs) in unknown {
            let (since, logged) = self.since.entry(which.clone()).or_insert((now, false));
            if now.duration_since(*since) < self.patience {
                continue;
            }
            let (queue, kind, schema_version) = which;
            observer.unknown_kind(queue, kind, *schema_version, *jobs);
            if !std::mem::replace(logged, true) {
                tracing::warn!(
                    queue.name = queue,
                    job.kind = kind,
                    schema_version,
                    jobs,
                    "no live worker knows the kind, or this version of it; its jobs wait for one that does"
                );
            }
        }
    }
}

/// Sums the ready jobs that no worker can run, whatever queues the workers serve: a queue without workers is another matter.
fn unknown_of(ready: &[ReadyJobs], workers: &[WorkerInfo]) -> BTreeMap<Unknown, u64> {
    let mut unknown = BTreeMap::new();
    for jobs in ready {
        let known = workers
            .iter()
            .any(|worker| worker.knows(&jobs.kind, jobs.schema_version));
        if !known {
            let which = (jobs.queue.clone(), jobs.kind.clone(), jobs.schema_version);
            *unknown.entry(which).or_default() += jobs.jobs;
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::{
        NewJob, WorkerId,
        clock::{Clock, SystemClock},
        memory::MemoryBroker,
        options::BrokerOptions,
        workers::WorkerKind,
    };

    #[derive(Default)]
    struct Told(Mutex<Vec<(String, String, u32, u64)>>);

    impl Observer for Told {
        fn unknown_kind(&self, queue: &str, kind: &str, schema_version: u32, jobs: u64) {
            let told = (queue.to_owned(), kind.to_owned(), schema_version, jobs);
            self.0.lock().unwrap().push(told);
        }
    }

    fn worker(schema_version: u32) -> WorkerInfo {
        let now = SystemClock.now();
        WorkerInfo {
            id: WorkerId::new("w"),
            host: "h".to_owned(),
            pid: 1,
            version: "0".to_owned(),
            queues: Vec::new(),
            kinds: vec![WorkerKind {
                kind: "known".to_owned(),
                schema_version,
            }],
            rss_bytes: None,
            started_at: now,
            seen_at: now,
            last_fetch_at: None,
            draining: false,
        }
    }

    #[tokio::test]
    async fn a_kind_that_nobody_knows_for_a_minute_raises_an_alarm() {
        let memory = MemoryBroker::new(Arc::new(SystemClock), BrokerOptions::default());
        let broker: Arc<dyn Broker> = Arc::new(memory);
        let mut newer = NewJob::new("known", "q", json!(1));
        newer.schema_version = 2;
        let jobs = vec![
            NewJob::new("known", "q", json!(1)),
            newer,
            NewJob::new("strange", "q", json!(1)),
            NewJob::new("strange", "q", json!(2)),
        ];
        broker.submit(jobs, true).await.unwrap();
        let ttl = Duration::from_mins(10);
        broker.report_worker(&worker(1), ttl).await.unwrap();
        let told = Told::default();
        let mut alarm = Alarm::new(PATIENCE);
        let now = Instant::now();
        alarm.look(&broker, &told, now).await.unwrap();
        assert!(told.0.lock().unwrap().is_empty(), "not at once");
        let now = now + PATIENCE;
        alarm.look(&broker, &told, now).await.unwrap();
        let expected = [
            ("q".to_owned(), "known".to_owned(), 2, 1),
            ("q".to_owned(), "strange".to_owned(), 1, 2),
        ];
        assert_eq!(*told.0.lock().unwrap(), expected);
        told.0.lock().unwrap().clear();
        broker.report_worker(&worker(2), ttl).await.unwrap();
        alarm.look(&broker, &told, now).await.unwrap();
        assert_eq!(*told.0.lock().unwrap(), expected[1..]);
    }
}
