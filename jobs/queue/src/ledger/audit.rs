//! The audit: everything that was accepted is somewhere, recomputed by a scan of both sides.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{
    LedgerBroker,
    broker::Shared,
    entry::{ACCEPTED, StoredJob},
    lookup,
};
use crate::{JobId, Result};

/// Rows read at a time.
const CHUNK: usize = 1_000;

/// What the audit found. `unaccounted` is 0, or something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerAudit {
    /// Jobs ever accepted.
    pub accepted: u64,
    /// Jobs pruned after they ended.
    pub pruned: u64,
    /// Jobs there now, counted row by row.
    pub present: u64,
    /// The same by state; `accepted` are those whose end is not written.
    pub by_state: BTreeMap<String, u64>,
    /// Live jobs that the broker does not know: they wait to be dispatched.
    pub unknown_to_broker: u64,
    /// Jobs that have ended in the broker, which the ledger does not know yet.
    pub unsettled: u64,
    /// By how much the sums disagree, and the jobs that should have been dispatched and are not.
    pub unaccounted: u64,
}

/// Compares ledger and broker. With `repair`, it first dispatches what the broker has forgotten and settles what has
/// ended.
///
/// # Errors
/// [`crate::Error::Unavailable`] where one of them does not answer.
pub async fn audit(broker: &LedgerBroker, repair: bool) -> Result<LedgerAudit> {
    let shared = &broker.shared;
    if repair {
        broker.flush(shared.options.flush_timeout).await?;
        broker.reconcile_all().await?;
    }
    let open = scan(shared).await?;
    let sums = shared.ledger.sums().await?;
    let present = sums.present();
    let difference = (sums.accepted as i64 - sums.pruned as i64 - present as i64).unsigned_abs();
    let mut by_state = BTreeMap::from([(ACCEPTED.to_owned(), sums.open)]);
    for state in crate::JobState::ALL
        .into_iter()
        .filter(|state| state.is_terminal())
    {
        by_state.insert(state.as_str().to_owned(), 0);
    }
    by_state.extend(
        sums.ended
            .iter()
            .map(|(state, count)| (state.as_str().to_owned(), *count)),
    );
    Ok(LedgerAudit {
        accepted: sums.accepted,
        pruned: sums.pruned,
        present,
        by_state,
        unknown_to_broker: open.unknown,
        unsettled: open.unsettled,
        unaccounted: difference + open.overdue,
    })
}

#[derive(Default)]
struct Open {
    unknown: u64,
    /// Of the unknown, those whose submit is no longer on its way.
    overdue: u64,
    unsettled: u64,
}

/// Asks the broker for every live job of the ledger.
async fn scan(shared: &Shared) -> Result<Open> {
    let mut open = Open::default();
    let mut after = 0;
    loop {
        let rows = shared.ledger.open_after(after, CHUNK).await?;
        let last = rows.len() < CHUNK;
        after = rows.last().map_or(after, |row| row.seq);
        let now = shared.clock.now();
        let records = lookup::all(&shared.inner, rows.iter().map(StoredJob::job_id)).await?;
        let found: Vec<(JobId, bool, Option<bool>)> = rows
            .iter()
            .zip(records)
            .map(|(row, (id, record))| {
                let ended = record.map(|record| record.state.is_terminal());
                (id, shared.is_overdue(row, now), ended)
            })
            .collect();
        let doubtful: Vec<_> = found
            .iter()
            .filter(|(_, _, ended)| *ended != Some(false))
            .map(|(id, ..)| *id)
            .collect();
        // Some were settled while they were looked for.
        let still = shared.ledger.still_open(&doubtful).await?;
        let still: HashSet<_> = still.into_iter().collect();
        for (id, overdue, ended) in found {
            match ended {
                Some(false) => {}
                _ if !still.contains(&id) => {}
                Some(true) => open.unsettled += 1,
                None => {
                    open.unknown += 1;
                    open.overdue += u64::from(overdue);
                }
            }
        }
        if last {
            return Ok(open);
        }
    }
}
