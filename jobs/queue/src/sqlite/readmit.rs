//! Accepting jobs again that this file does not know, with what they had spent where they were before.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{
    BrokerOptions,
    engine::{StepError, Tx, Verb},
    load,
    submit::Submit,
};
use crate::{
    JobId, NewJob, Result,
    broker::{Readmission, Verdict},
    job::AttemptError,
};

/// See [`crate::Broker::readmit`].
pub(super) struct Readmit {
    submit: Submit,
    pasts: HashMap<JobId, Past>,
}

struct Past {
    attempt: u32,
    crashes: u32,
    epoch: u64,
    errors: Vec<AttemptError>,
}

impl Readmit {
    /// Checks and serialises the jobs.
    ///
    /// # Errors
    /// As [`Submit::new`].
    pub(super) fn new(jobs: Vec<Readmission>, options: &BrokerOptions) -> Result<Self> {
        let mut pasts = HashMap::with_capacity(jobs.len());
        let jobs: Vec<NewJob> = jobs
            .into_iter()
            .map(|readmission| {
                let past = Past {
                    attempt: readmission.attempt,
                    crashes: readmission.crashes,
                    epoch: readmission.epoch,
                    errors: readmission.errors,
                };
                pasts.insert(readmission.job.id, past);
                readmission.job
            })
            .collect();
        Ok(Self {
            submit: Submit::new(jobs, false, options)?,
            pasts,
        })
    }
}

#[async_trait]
impl Verb for Readmit {
    type Output = Vec<Verdict>;
    const DURABLE: bool = true;

    fn weight(&self) -> usize {
        self.submit.weight()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Verdict>, StepError> {
        let verdicts = self.submit.run(tx).await?;
        let accepted = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Accepted { id } => Some(*id),
            _ => None,
        });
        for mut row in load::rows_by_id(tx.connection, accepted).await? {
            let Some(past) = self.pasts.get(&row.id) else {
                continue;
            };
            row.attempt = past.attempt.min(row.max_attempts.saturating_sub(1));
            row.crashes = past.crashes;
            row.epoch = past.epoch;
            if let Some(last) = past.errors.last() {
                row.error_code = Some(last.error.code.clone());
                row.errors = Some(serde_json::to_string(&past.errors)?);
            }
            tx.changes.push(row, tx.now);
        }
        Ok(verdicts)
    }
}
