//! What people change about one job beside its end: the broker does it, and the row follows, so that a job which is
//! dispatched again is what it had become.

use jiff::Timestamp;
use serde_json::Value;

use super::{broker::Shared, contract::Settlement, entry::Entry};
use crate::{Error, JobId, JobRecord, JobState, NewJob, Result, rules::control};

/// See [`crate::Broker::snooze`].
pub(super) async fn snooze(shared: &Shared, id: JobId, until: Timestamp) -> Result<JobRecord> {
    let record = match shared.inner.snooze(id, until).await {
        Err(Error::NotFound(_)) => {
            let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
            if let Some(state) = row.ended()? {
                return Err(Error::Conflict {
                    id,
                    state,
                    verb: "snooze",
                });
            }
            // As the reconciler would, a little later.
            shared
                .inner
                .readmit(vec![shared.readmission(&row)?])
                .await?;
            shared.inner.snooze(id, until).await?
        }
        snoozed => snoozed?,
    };
    rewrite(shared, id, |job| job.run_at = Some(record.run_at)).await?;
    Ok(record)
}

/// See [`crate::Broker::delete`]. The row goes last: until then the job is found, and the call can be repeated.
pub(super) async fn delete(shared: &Shared, id: JobId) -> Result<()> {
    // An end that is still on its way would end a job that is submitted again under this id.
    shared.flush().await?;
    let there = shared.inner.get(id).await?;
    if let Some(record) = &there {
        control::check_delete(id, record.state)?;
        // Before the broker forgets it: a row that is not settled would be dispatched again.
        let end = Settlement::of(record);
        shared.ledger.settle(end.as_slice(), false).await?;
        match shared.inner.delete(id).await {
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if shared.ledger.delete(id).await? || there.is_some() {
        return Ok(());
    }
    // Not ended, or not there.
    let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
    let state = row.to_record(shared.clock.now())?.state;
    control::check_delete(id, state)
}

/// See [`crate::Broker::set_payload`].
pub(super) async fn set_payload(shared: &Shared, id: JobId, payload: Value) -> Result<JobRecord> {
    match shared.inner.set_payload(id, payload.clone()).await {
        Ok(record) => {
            rewrite(shared, id, |job| job.payload = payload).await?;
            Ok(record)
        }
        // Pruned there, remembered here.
        Err(Error::NotFound(_)) => {
            let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
            let state = row.ended()?.unwrap_or(JobState::Ready);
            control::check_new_payload(id, state, &payload, &shared.options.broker)?;
            rewrite(shared, id, |job| job.payload = payload).await?;
            let row = shared.ledger.get(id).await?.ok_or(Error::NotFound(id))?;
            row.to_record(shared.clock.now())
        }
        Err(error) => Err(error),
    }
}

/// Changes what the row says was submitted.
async fn rewrite(shared: &Shared, id: JobId, change: impl FnOnce(&mut NewJob)) -> Result<()> {
    let Some(row) = shared.ledger.get(id).await? else {
        // Nobody remembers it: it was given to the broker past the ledger.
        return Ok(());
    };
    let mut job = row.to_new_job()?;
    change(&mut job);
    shared.ledger.rewrite(&Entry::new(&job)?).await.map(drop)
}
