//! The jobs that this worker holds a lease on, from fetch until their end is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    JobContext,
    broker::{LeaseRef, Renewal, Renewed},
};

/// Written by the pumps, read by the lease keeper's thread. A std mutex: sections copy handles, no await is held.
#[derive(Debug, Clone, Default)]
pub(super) struct Inflight {
    jobs: Arc<Mutex<HashMap<LeaseRef, JobContext>>>,
}

impl Inflight {
    pub(super) fn add(&self, job: &JobContext) {
        self.lock().insert(job.lease(), job.clone());
    }

    pub(super) fn remove(&self, lease: LeaseRef) {
        self.lock().remove(&lease);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns what to renew, with what handlers have reported since the last time.
    pub(super) fn renewals(&self) -> Vec<Renewal> {
        let jobs: Vec<_> = self.lock().values().cloned().collect();
        jobs.into_iter()
            .map(|job| {
                let (progress, checkpoint) = job.take_changes();
                Renewal {
                    lease: job.lease(),
                    progress,
                    checkpoint,
                }
            })
            .collect()
    }

    /// Passes the broker's answers on to the handlers.
    pub(super) fn renewed(&self, renewals: &[Renewal], answers: &[Renewed]) {
        for (renewal, answer) in renewals.iter().zip(answers) {
            if *answer != Renewed::Kept
                && let Some(job) = self.get(renewal.lease)
            {
                if *answer == Renewed::Lost {
                    tracing::warn!(
                        job.id = %renewal.lease.id,
                        epoch = renewal.lease.epoch,
                        "lease is lost; the handler is told to stop"
                    );
                }
                job.cancelled().cancel();
            }
        }
    }

    /// Counts what `renewals` carried as not written.
    pub(super) fn not_renewed(&self, renewals: &[Renewal]) {
        for renewal in renewals {
            if let Some(job) = self.get(renewal.lease) {
                job.restore_changes();
            }
        }
    }

    fn get(&self, lease: LeaseRef) -> Option<JobContext> {
        self.lock().get(&lease).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseRef, JobContext>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
