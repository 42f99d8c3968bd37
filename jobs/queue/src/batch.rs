//! Many jobs as one: a batch has members, any number of them, and a root that runs once when all have settled.
//!
//! ```text
//!  members ──(1,000 each)──▶ batch.join ──(1,000 each)──▶ batch.join ──▶ … ──▶ root: the callback, or a last join
//! ```
//!
//! A job may depend on 1,000 others, so members are joined in groups by jobs of the kind [`JOIN_KIND`], which do nothing;
//! every [`crate::Worker`] knows them. A member that ends, however it ends, lets its join go, so the root runs whatever
//! becomes of the members, and asks by [`crate::JobContext::children`] what did. The batch's id is the root's id: where
//! the root stands tells where the batch stands.
//!
//! The ids of joins follow from the batch's id: a process that died while it submitted a batch may submit it again, the same
//! jobs in the same order, and what was there is there once.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Broker, DeadReason, Error, Job, JobContext, JobId, JobRecord, JobState, NewJob, Outcome,
    Priority, Result,
    broker::{JobFilter, MAX_SUBMIT, Verdict},
};

/// The kind of the jobs that join others and do nothing themselves.
pub const JOIN_KIND: &str = "batch.join";
/// Jobs that one job may depend on.
const GROUP: usize = 1_000;
/// Jobs that are asked for at the same time.
const AT_A_TIME: usize = 32;

/// The payload of a join: says whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    /// The batch.
    pub batch: JobId,
}

impl Job for Join {
    const KIND: &'static str = JOIN_KIND;
    const TIMEOUT: Duration = Duration::from_mins(1);
    const PRIORITY: Priority = Priority::High;

    type Context = ();

    async fn run(self, (): (), _: JobContext) -> Outcome {
        Outcome::done()
    }
}

/// Returns the tag of a batch's members.
pub fn tag_of(batch: JobId) -> String {
    format!("batch:{batch}")
}

/// Submits a batch: members first, in as many calls as it takes, then the root.
pub struct BatchWriter {
    broker: Arc<dyn Broker>,
    id: JobId,
    /// Where joins wait; a worker must serve it.
    queue: String,
    tenant: String,
    group: usize,
    /// By level: members that have no join yet, joins that have none, and so on.
    open: Vec<VecDeque<JobId>>,
    /// Joins made so far, by level.
    made: Vec<u64>,
    /// Joins that the broker has not taken yet.
    unsent: Vec<NewJob>,
    members: u64,
}

/// A batch that was submitted whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedBatch {
    /// The batch, and its root.
    pub id: JobId,
    /// Its members.
    pub members: u64,
    /// What the broker said of the root.
    pub root: Verdict,
}

impl BatchWriter {
    /// Begins a batch under an id, whose joins wait in `queue`.
    pub fn new(
        broker: Arc<dyn Broker>,
        id: JobId,
        queue: impl Into<String>,
        tenant: impl Into<String>,
    ) -> Self {
        Self {
            broker,
            id,
            queue: queue.into(),
            tenant: tenant.into(),
            group: GROUP,
            open: vec![VecDeque::new()],
            made: Vec::new(),
            unsent: Vec::new(),
            members: 0,
        }
    }

    /// Returns the batch's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Submits members, at most [`MAX_SUBMIT`] a call, a verdict for each in the order given. They get the batch's tag and,
    /// where they have none, the batch as their parent. A job that is there already is a member too; one that is refused is
    /// none.
    ///
    /// # Errors
    /// As [`Broker::submit`]; repeat the same call.
    pub async fn add(&mut self, mut jobs: Vec<NewJob>) -> Result<Vec<Verdict>> {
        let tag = tag_of(self.id);
        for job in &mut jobs {
            if !job.tags.contains(&tag) {
                job.tags.push(tag.clone());
            }
            job.parent.get_or_insert(self.id);
        }
        self.send_joins().await?;
        let verdicts = self.broker.submit(jobs, false).await?;
        for id in verdicts.iter().filter_map(Verdict::id) {
            self.members += 1;
            self.open[0].push_back(id);
        }
        self.join_full_groups();
        // They can wait for the next call, or the last.
        if let Err(error) = self.send_joins().await {
            tracing::debug!(batch = %self.id, error = %error, "joins are sent with the next members");
        }
        Ok(verdicts)
    }

    /// Submits the root: `callback`, under the batch's id, or without one a join.
    ///
    /// # Errors
    /// As [`Broker::submit`]; repeat the call.
    pub async fn finish(&mut self, callback: Option<NewJob>) -> Result<SubmittedBatch> {
        while self.open.iter().map(VecDeque::len).sum::<usize>() > self.group {
            let level = self.open.iter().position(|open| !open.is_empty());
            self.join(level.unwrap_or(0));
            self.join_full_groups();
        }
        self.send_joins().await?;
        let mut root = match callback {
            Some(callback) => callback,
            None => self.new_join(self.id),
        };
        root.id = self.id;
        root.depends_on = self.open.iter().flatten().copied().collect();
        let verdicts = self.broker.submit(vec![root], false).await?;
        let root = verdicts.into_iter().next();
        Ok(SubmittedBatch {
            id: self.id,
            members: self.members,
            root: root
                .ok_or_else(|| Error::Corrupt("a submit of one job had no verdict".to_owned()))?,
        })
    }

    fn join_full_groups(&mut self) {
        let mut level = 0;
        while level < self.open.len() {
            while self.open[level].len() >= self.group {
                self.join(level);
            }
            level += 1;
        }
    }

    /// Joins the first jobs of a level.
    fn join(&mut self, level: usize) {
        if self.made.len() <= level {
            self.made.push(0);
            self.open.push(VecDeque::new());
        }
        let size = self.group.min(self.open[level].len());
        let joined: Vec<_> = self.open[level].drain(..size).collect();
        let mut join = self.new_join(join_id(self.id, level, self.made[level]));
        join.depends_on = joined;
        self.made[level] += 1;
        self.open[level + 1].push_back(join.id);
        self.unsent.push(join);
    }

    fn new_join(&self, id: JobId) -> NewJob {
        NewJob {
            id,
            priority: Join::PRIORITY,
            tenant: self.tenant.clone(),
            timeout_ms: Join::TIMEOUT.as_millis() as u64,
            parent: (id != self.id).then_some(self.id),
            schema_version: Join::SCHEMA_VERSION,
            ..NewJob::new(
                JOIN_KIND,
                self.queue.clone(),
                serde_json::json!({ "batch": self.id }),
            )
        }
    }

    async fn send_joins(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            let some = self.unsent.len().min(MAX_SUBMIT);
            self.broker
                .submit(self.unsent[..some].to_vec(), true)
                .await?;
            self.unsent.drain(..some);
        }
        Ok(())
    }
}

/// The n-th join of a level. It sorts beside its batch: the first bytes of an id are its time.
fn join_id(batch: JobId, level: usize, n: u64) -> JobId {
    let mut hash = blake3::Hasher::new();
    hash.update(batch.as_uuid().as_bytes())
        .update(&(level as u64).to_le_bytes())
        .update(&n.to_le_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    bytes[..6].copy_from_slice(&batch.as_uuid().as_bytes()[..6]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes).into()
}

/// How far a batch has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCounts {
    /// Members that are there.
    pub members: u64,
    /// Members that have ended.
    pub settled: u64,
    /// Members by state, zeros included, in the order of [`JobState::ALL`].
    pub counts: Vec<(JobState, u64)>,
}

/// Counts the members of a batch by state. Members that were pruned are not counted any more.
///
/// # Errors
/// Those of [`Broker::counts`].
pub async fn batch_counts(broker: &dyn Broker, batch: JobId) -> Result<BatchCounts> {
    let filter = JobFilter {
        tag: Some(tag_of(batch)),
        ..JobFilter::default()
    };
    let counts = broker.counts(&filter).await?;
    let sum = |settled_only: bool| {
        let counted = counts.iter();
        let counted = counted.filter(|(state, _)| !settled_only || state.is_terminal());
        counted.map(|(_, count)| count).sum()
    };
    Ok(BatchCounts {
        members: sum(false),
        settled: sum(true),
        counts,
    })
}

/// What became of a job that another one waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildOutcome {
    /// The child.
    pub id: JobId,
    /// Where it stands; `None` where it was pruned, or never was.
    pub state: Option<JobState>,
    /// Why it is dead, if it is.
    pub dead_reason: Option<DeadReason>,
    /// The code of its last error, if it has one.
    pub error_code: Option<String>,
    /// What its handler returned.
    pub result: Option<Value>,
}

impl ChildOutcome {
    fn of(id: JobId, record: Option<JobRecord>) -> Self {
        Self {
            id,
            state: record.as_ref().map(|record| record.state),
            dead_reason: record.as_ref().and_then(|record| record.dead_reason),
            error_code: record
                .as_ref()
                .and_then(|record| Some(record.errors.last()?.error.code.clone())),
            result: record.and_then(|record| record.result),
        }
    }
}

/// Returns what became of the jobs that `job` depends on, at most `limit` of them; instead of a join, what it joins.
///
/// # Errors
/// Those of [`Broker::get`].
pub async fn children(
    broker: &dyn Broker,
    job: &JobRecord,
    limit: usize,
) -> Result<Vec<ChildOutcome>> {
    let mut open: VecDeque<_> = job.spec.depends_on.iter().copied().collect();
    let mut children = Vec::new();
    while children.len() < limit && !open.is_empty() {
        let some = open.len().min(AT_A_TIME).min(limit - children.len());
        let ids: Vec<_> = open.drain(..some).collect();
        let records = try_join_all(ids.iter().map(|id| broker.get(*id))).await?;
        for (id, record) in ids.into_iter().zip(records) {
            match record {
                Some(join) if join.spec.kind == JOIN_KIND => open.extend(join.spec.depends_on),
                record => children.push(ChildOutcome::of(id, record)),
            }
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::{clock::SystemClock, memory::MemoryBroker, options::BrokerOptions};

    #[tokio::test]
    async fn a_deep_tree_reaches_every_member_and_no_job_waits_for_more_than_a_group() {
        let memory = MemoryBroker::new(Arc::new(SystemClock), BrokerOptions::default());
        let broker: Arc<dyn Broker> = Arc::new(memory);
        for members in [0, 1, 3, 4, 9, 10, 50] {
            let mut expected = BTreeSet::new();
            let id = JobId::new();
            // The second time is a process that died and begins again.
            let jobs: Vec<_> = (0..members)
                .map(|n| NewJob::new("k", "q", json!(n)))
                .collect();
            for _ in 0..2 {
                let mut batch = BatchWriter::new(Arc::clone(&broker), id, "q", "default");
                batch.group = 3;
                for jobs in jobs.chunks(7) {
                    let verdicts = batch.add(jobs.to_vec()).await.unwrap();
                    expected.extend(verdicts.iter().filter_map(Verdict::id));
                }
                let submitted = batch.finish(None).await.unwrap();
                assert_eq!((submitted.id, submitted.members), (id, members));
            }
            let root = broker.get(id).await.unwrap().unwrap();
            let found = children(&*broker, &root, 1_000).await.unwrap();
            let found: Vec<_> = found.iter().map(|child| child.id).collect();
            assert_eq!(found.len(), members as usize);
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            let some = children(&*broker, &root, 2).await.unwrap();
            assert_eq!(some.len(), members.min(2) as usize);
        }
        let all = broker.list(&JobFilter::default(), None, 1_000).await;
        let widest = all.unwrap().items.into_iter();
        assert_eq!(widest.map(|job| job.spec.depends_on.len()).max(), Some(3));
    }
}
