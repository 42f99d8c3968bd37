//! What goes between a submitter or a worker and the broker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    JobId, JobRecord, JobState, NewJob, Outcome, WorkerId,
    job::{AttemptError, ErrorClass, Progress},
    outcome::JobError,
};

/// What became of one submitted job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Accepted under its id.
    Accepted {
        /// The job's id.
        id: JobId,
    },
    /// A job with the same unique key (or id) and the same body is there already.
    Duplicate {
        /// The original's id.
        id: JobId,
        /// Its present state.
        state: JobState,
    },
    /// A job with the same unique key but another body is there.
    Conflict {
        /// The original's id.
        id: JobId,
    },
    /// The job itself is wrong (too large, bad value); the message names what and the limit.
    Rejected {
        /// Stable: `job.payload_too_large`, `job.invalid`.
        code: String,
        /// For people.
        message: String,
    },
}

impl Verdict {
    /// Returns the id of the job that now stands for the submitted one.
    pub fn id(&self) -> Option<JobId> {
        match self {
            Self::Accepted { id } | Self::Duplicate { id, .. } => Some(*id),
            Self::Conflict { .. } | Self::Rejected { .. } => None,
        }
    }
}

/// A job that its broker has forgotten, with what is known of its past.
#[derive(Debug, Clone, PartialEq)]
pub struct Readmission {
    /// What was submitted.
    pub job: NewJob,
    /// Attempts it has spent.
    pub attempt: u32,
    /// Leases it has lost.
    pub crashes: u32,
    /// Its leases get larger epochs than this, so that whoever held one before is refused.
    pub epoch: u64,
    /// Its failed attempts, the newest last.
    pub errors: Vec<AttemptError>,
}

impl Readmission {
    /// Returns a job that may fail as often as this one may still: for brokers that take no past.
    pub fn into_new_job(self) -> NewJob {
        let mut job = self.job;
        job.max_attempts = job.max_attempts.saturating_sub(self.attempt).max(1);
        job
    }
}

/// How many jobs a worker wants, from which queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Who asks. No other worker that runs has this name: what was leased under it and got lost on the way may be given
    /// back.
    pub worker: WorkerId,
    /// Queues with their free slots; a worker asks for no more than it can start now.
    pub slots: Vec<QueueSlots>,
    /// Kinds it can run, with the newest schema version it understands. Others stay where they are.
    pub kinds: Vec<(String, u32)>,
    /// How long the leases last unless renewed.
    pub lease: Duration,
}

/// Free slots for one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSlots {
    /// The queue.
    pub queue: String,
    /// Jobs it may start now.
    pub free: usize,
}

/// Says that one worker may run one job for now.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The job, in state running, with this attempt already counted.
    pub job: JobRecord,
    /// The fencing token: equals `job.epoch`.
    pub epoch: u64,
}

/// Names a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseRef {
    /// The job.
    pub id: JobId,
    /// The lease's epoch.
    pub epoch: u64,
}

/// Keeps a lease and tells how far its job has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Renewal {
    /// Which lease.
    pub lease: LeaseRef,
    /// New progress, if it changed.
    pub progress: Option<Progress>,
    /// New checkpoint, if it changed.
    pub checkpoint: Option<Value>,
}

/// What the broker says to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease goes on.
    Kept,
    /// The lease goes on, and somebody asked for the job's end.
    CancelRequested,
    /// The lease is somebody else's or nobody's: stop; nothing this attempt writes will count.
    Lost,
}

/// The end of one attempt, as the runtime reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which lease.
    pub lease: LeaseRef,
    /// How it ended.
    pub end: AttemptEnd,
    /// The last checkpoint, where the heartbeat has not written it yet.
    pub checkpoint: Option<Value>,
    /// The last progress.
    pub progress: Option<Progress>,
}

/// How an attempt ended: by an outcome of the handler, or without one.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// The handler returned this.
    Outcome(Outcome),
    /// The handler panicked or ran into its time limit, or its payload could not be read.
    Failed {
        /// Which of these.
        class: ErrorClass,
        /// Code and message.
        error: JobError,
    },
}

/// What the broker says to a finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Stored (now, or by an earlier call with the same lease whose answer was lost); the job's new state.
    Stored(JobState),
    /// The lease was lost: the attempt did not count, somebody else's will.
    Refused,
}

/// A job taken back from a lost worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// Its new state: ready, or dead when the crash budget is used up.
    pub state: JobState,
    /// Who had it.
    pub worker: Option<WorkerId>,
}
