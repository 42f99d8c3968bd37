//! Conditions and sums that both databases share.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{contract::Sums, entry::read_state};
use crate::{
    JobState, Result,
    broker::{JobFilter, Retention},
};

/// What differs in how a database looks into a column of tags.
pub(super) trait TagCondition: Database {
    /// SQL before and after the bound tag.
    const TAG: (&'static str, &'static str);
}

impl TagCondition for sqlx::Sqlite {
    const TAG: (&'static str, &'static str) = (
        " AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ",
        ")",
    );
}

impl TagCondition for sqlx::Postgres {
    const TAG: (&'static str, &'static str) = (" AND ", " = ANY(tags)");
}

/// Adds one condition for each set field; no states but ended ones are looked for.
pub(super) fn push_filter<DB: TagCondition>(query: &mut QueryBuilder<DB>, filter: &JobFilter)
where
    for<'a> String: Encode<'a, DB> + Type<DB>,
    for<'a> &'static str: Encode<'a, DB> + Type<DB>,
    for<'a> i64: Encode<'a, DB> + Type<DB>,
{
    if !filter.states.is_empty() {
        query.push(" AND state IN ('accepted'");
        for state in filter.states.iter().filter(|state| state.is_terminal()) {
            query.push(", ").push_bind(state.as_str());
        }
        query.push(")");
    }
    for (column, value) in [
        (" AND queue = ", &filter.queue),
        (" AND kind = ", &filter.kind),
        (" AND tenant = ", &filter.tenant),
        (" AND error_code = ", &filter.error_code),
    ] {
        if let Some(value) = value {
            query.push(column).push_bind(value.clone());
        }
    }
    if let Some(tag) = &filter.tag {
        query.push(DB::TAG.0).push_bind(tag.clone()).push(DB::TAG.1);
    }
    for (condition, at) in [
        (" AND submitted_at >= ", filter.submitted_after),
        (" AND submitted_at < ", filter.submitted_before),
    ] {
        if let Some(at) = at {
            query.push(condition).push_bind(at.as_millisecond());
        }
    }
}

/// Returns how long each ended state is kept.
pub(super) fn retained(retention: &Retention) -> [(JobState, Duration); 3] {
    [
        (JobState::Completed, retention.completed),
        (JobState::Cancelled, retention.cancelled),
        (JobState::Dead, retention.dead),
    ]
}

/// Returns the instant `keep` ago, ms.
pub(super) fn before(now: Timestamp, keep: Duration) -> i64 {
    now.as_millisecond()
        .saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX))
}

/// Puts the ledger's sums together.
pub(super) fn sums(accepted: i64, pruned: i64, counts: Vec<(String, i64)>) -> Result<Sums> {
    let mut sums = Sums {
        accepted: accepted as u64,
        pruned: pruned as u64,
        ..Sums::default()
    };
    for (state, count) in counts {
        match read_state(&state)? {
            Some(state) => sums.ended.push((state, count as u64)),
            None => sums.open = count as u64,
        }
    }
    Ok(sums)
}
