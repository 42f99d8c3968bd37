//! What this process knows of the jobs it leased, so that their ends need not be read back from the broker.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::contract::{Note, Settlement};
use crate::{
    JobId, JobState, Outcome,
    broker::{AttemptEnd, Finish, Lease, LeaseRef},
    job::{AttemptError, ErrorClass},
};

/// More leases than a process can hold: what is above are leases that were lost without a word. They are forgotten all
/// at once; an end whose lease is not here is read from the broker.
const MAX_LEASES: usize = 65_536;

/// What a lease said about its job.
#[derive(Debug, Clone)]
pub(super) struct Held {
    epoch: u64,
    attempt: u32,
    crashes: u32,
    max_attempts: u32,
    started_at: Option<Timestamp>,
    errors: Vec<AttemptError>,
    worker: Option<crate::WorkerId>,
}

/// A std mutex: sections are a few lookups, and no await is held across.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<JobId, Held>>);

impl Leases {
    /// Takes what was leased.
    pub(super) fn add(&self, leases: &[Lease]) {
        if leases.is_empty() {
            return;
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_LEASES {
            held.clear();
        }
        for lease in leases {
            let job = &lease.job;
            let entry = Held {
                epoch: lease.epoch,
                attempt: job.attempt,
                crashes: job.crashes,
                max_attempts: job.spec.max_attempts,
                started_at: job.started_at,
                errors: job.errors.clone(),
                worker: job.worker.clone(),
            };
            held.insert(job.id(), entry);
        }
    }

    /// Gives up leases that ended or were lost.
    pub(super) fn take(&self, leases: impl Iterator<Item = LeaseRef>) -> Vec<Option<Held>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases
            .map(|lease| {
                let here = held.get(&lease.id)?.epoch == lease.epoch;
                here.then(|| held.remove(&lease.id)).flatten()
            })
            .collect()
    }
}

impl Held {
    /// Returns how the job ended, where the finish tells all there is to know.
    pub(super) fn settlement(
        self,
        finish: &Finish,
        state: JobState,
        now: Timestamp,
    ) -> Option<Settlement> {
        let AttemptEnd::Outcome(Outcome::Done(value)) = &finish.end else {
            return None;
        };
        if state != JobState::Completed {
            return None;
        }
        let result = match value {
            serde_json::Value::Null => None,
            value => Some(serde_json::to_string(value).ok()?),
        };
        Some(Settlement {
            id: finish.lease.id,
            state,
            dead_reason: None,
            started_at: self.started_at,
            finished_at: now,
            epoch: self.epoch,
            attempt: self.attempt,
            crashes: self.crashes,
            max_attempts: self.max_attempts,
            errors: self.errors,
            result,
        })
    }

    /// Returns what a failed attempt has cost its job, which will run again.
    pub(super) fn note(mut self, finish: &Finish, now: Timestamp) -> Option<Note> {
        let (class, error) = match &finish.end {
            AttemptEnd::Failed { class, error } => (*class, error),
            AttemptEnd::Outcome(Outcome::Retry(error)) => (ErrorClass::Retryable, error),
            AttemptEnd::Outcome(_) => return None,
        };
        self.errors.push(AttemptError {
            attempt: self.attempt,
            class,
            error: error.clone(),
            worker: self.worker,
            at: now,
        });
        Some(Note {
            id: finish.lease.id,
            attempt: self.attempt,
            crashes: self.crashes,
            max_attempts: self.max_attempts,
            errors: self.errors,
        })
    }
}
