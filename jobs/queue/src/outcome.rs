//! What a handler says when it has run: one of seven outcomes, decided in one place.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An error a job reports: a stable code for machines, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// Stable and dotted: `parse.encrypted`, `store.unavailable`.
    pub code: String,
    /// What was wrong and what would be right, without document text or secrets.
    pub message: String,
}

impl JobError {
    /// Builds an error from its two parts.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The work is done; the result (at most `max_result_bytes`) is kept with the job.
    Done(Value),
    /// Failed in a way that may pass: counted, runs again after its backoff with full jitter.
    Retry(JobError),
    /// A provider's limit was met: not counted, runs again at the instant given.
    Throttled(Timestamp),
    /// Not now: not counted, runs again at the instant given.
    Snooze(Timestamp),
    /// Failed in a way that no retry can mend: dead at once.
    Permanent(JobError),
    /// The handler obeyed a cancel request.
    Cancelled,
    /// The handler stopped for a shutdown: not counted, checkpoint kept, ready at once.
    Released,
}

impl Outcome {
    /// A success without a result.
    pub fn done() -> Self {
        Self::Done(Value::Null)
    }

    /// Returns the word used for `outcome` in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Retry(_) => "retry",
            Self::Throttled(_) => "throttled",
            Self::Snooze(_) => "snooze",
            Self::Permanent(_) => "permanent",
            Self::Cancelled => "cancelled",
            Self::Released => "released",
        }
    }
}
