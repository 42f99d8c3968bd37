//! Columns that both ledgers write alike.

use crate::job::AttemptError;

/// Errors as JSON, nothing where there are none.
pub(super) fn errors_json(errors: &[AttemptError]) -> Result<Option<String>, serde_json::Error> {
    (!errors.is_empty())
        .then(|| serde_json::to_string(errors))
        .transpose()
}
