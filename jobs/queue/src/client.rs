//! Submitting typed jobs.

use std::sync::Arc;

use crate::{Broker, Error, Job, NewJob, Result, broker::Verdict};

/// Submits jobs of any kind to one broker. Clones share it.
#[derive(Clone)]
pub struct Client {
    broker: Arc<dyn Broker>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Submits to `broker`.
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker }
    }

    /// Submits one job with its kind's defaults. [`Job::into_new_job`] and [`Client::submit_new`] set the rest.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the payload does not serialise; else as [`Broker::submit`]. A job that is refused is no
    /// error but a [`Verdict`].
    pub async fn submit<J: Job>(&self, job: J) -> Result<Verdict> {
        self.submit_new(new_job(job)?).await
    }

    /// Submits many jobs of one kind, a verdict for each in the order given.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn submit_many<J: Job>(
        &self,
        jobs: impl IntoIterator<Item = J>,
    ) -> Result<Vec<Verdict>> {
        let jobs = jobs.into_iter().map(new_job).collect::<Result<_>>()?;
        self.broker.submit(jobs, false).await
    }

    /// Submits one job as it is.
    ///
    /// # Errors
    /// As [`Broker::submit`].
    pub async fn submit_new(&self, job: NewJob) -> Result<Verdict> {
        let verdicts = self.broker.submit(vec![job], false).await?;
        verdicts
            .into_iter()
            .next()
            .ok_or_else(|| Error::Corrupt("a submit of one job had no verdict".to_owned()))
    }

    /// Returns the broker.
    pub fn broker(&self) -> &Arc<dyn Broker> {
        &self.broker
    }
}

fn new_job<J: Job>(job: J) -> Result<NewJob> {
    job.into_new_job()
        .map_err(|error| Error::Invalid(format!("payload of `{}`: {error}", J::KIND)))
}
