//! `graphmill document delete ID…`

use serde_json::Value;

use super::super::{Context, id_in_path};
use crate::{
    args::DocumentDeleteArguments,
    failure::{Exit, UsageError},
    output::Output,
};

pub(crate) async fn run(
    context: &Context,
    arguments: DocumentDeleteArguments,
) -> anyhow::Result<Exit> {
    let mut paths = Vec::new();
    for id in &arguments.ids {
        paths.push(format!("/api/documents/{}", id_in_path(id)?));
    }
    let count = paths.len();
    if !arguments.yes
        && !Output::confirm(&format!(
            "delete {count} document(s) with all that only they support?"
        ))?
    {
        return Err(UsageError {
            message: "nothing was deleted".to_owned(),
            hint: "pass --yes to delete without a question",
        }
        .into());
    }
    let client = context.client()?;
    let mut accepted: Vec<Value> = Vec::new();
    let mut exit = Exit::Success;
    for (path, id) in paths.iter().zip(&arguments.ids) {
        match client.delete::<Value>(path).await {
            Ok(reply) => accepted.push(reply.raw),
            // One that is gone already leaves the others unharmed.
            Err(error) if !error.may_pass() => {
                context.output.error(&format!("`{id}`: {error}"), None);
                exit = Exit::Failed;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let done = accepted.len();
    context.output.data(&accepted, || format!("{done} document(s) will be deleted; `graphmill job list --kind document.delete` shows the jobs"))?;
    Ok(exit)
}
