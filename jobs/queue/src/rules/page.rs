//! How lists and counts are cut.

use std::collections::BTreeMap;

use crate::{Error, JobState, Result};

/// The longest page.
const MAX_PAGE: usize = 1_000;

/// Returns how many items a page may have.
pub(crate) fn page_limit(limit: usize) -> usize {
    limit.clamp(1, MAX_PAGE)
}

/// Reads a cursor: the `seq` of the last job of the page before.
///
/// # Errors
/// [`Error::Invalid`] for anything else.
pub(crate) fn read_cursor(cursor: Option<&str>) -> Result<Option<i64>> {
    cursor
        .map(|cursor| {
            cursor.parse().map_err(|_| {
                Error::Invalid(format!("cursor `{cursor}` is not one that a page returned"))
            })
        })
        .transpose()
}

/// Returns the counts of every state, zeros included, in the order of [`JobState::ALL`].
pub(crate) fn with_zeros(counts: &BTreeMap<JobState, u64>) -> Vec<(JobState, u64)> {
    JobState::ALL
        .into_iter()
        .map(|state| (state, counts.get(&state).copied().unwrap_or(0)))
        .collect()
}
