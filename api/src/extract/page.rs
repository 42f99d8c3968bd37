//! The size of a page.

use crate::{
    ApiState,
    error::{ApiError, Result},
    limits::DEFAULT_PAGE,
};

/// Checks a `limit`: 1 to `api.max_page`, 100 unless given.
pub(crate) fn page_size(state: &ApiState, limit: Option<u64>) -> Result<usize> {
    let most = state.config.api.max_page;
    match limit {
        None => Ok(DEFAULT_PAGE.min(most)),
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| {
                ApiError::invalid(
                    "limit",
                    format!("limit {limit} is out of range; expected 1 to {most} (`api.max_page`)"),
                )
            }),
    }
}
