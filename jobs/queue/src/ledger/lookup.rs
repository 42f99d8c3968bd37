//! Asking the broker for many jobs by name.

use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::{Broker, JobId, JobRecord, Result};

/// Calls at a time.
const AT_A_TIME: usize = 32;

/// Asks for each job; answers in the order given. Calls that fail do not hold up the others.
pub(super) async fn each(
    broker: &Arc<dyn Broker>,
    ids: impl IntoIterator<Item = JobId>,
) -> Vec<(JobId, Result<Option<JobRecord>>)> {
    let calls: Vec<_> = ids
        .into_iter()
        .map(|id| {
            let broker = Arc::clone(broker);
            async move { (id, broker.get(id).await) }
        })
        .collect();
    stream::iter(calls).buffered(AT_A_TIME).collect().await
}

/// Asks for each job.
///
/// # Errors
/// The first error of a call.
pub(super) async fn all(
    broker: &Arc<dyn Broker>,
    ids: impl IntoIterator<Item = JobId>,
) -> Result<Vec<(JobId, Option<JobRecord>)>> {
    each(broker, ids)
        .await
        .into_iter()
        .map(|(id, record)| Ok((id, record?)))
        .collect()
}
