//! `graphmill queue …`

pub(super) mod list;
pub(super) mod pause;
pub(super) mod purge;

use crate::failure::UsageError;

/// The path of a verb on a queue. Names of queues have no character that would mean something in a path.
fn path(queue: &str, verb: &str) -> anyhow::Result<String> {
    if queue.is_empty() || queue.contains(|c: char| c.is_control() || "/?#%{}".contains(c)) {
        return Err(UsageError {
            message: format!("`{queue}` is not the name of a queue"),
            hint: "`graphmill queue list` shows the names",
        }
        .into());
    }
    Ok(format!("/api/queues/{queue}/{verb}"))
}
