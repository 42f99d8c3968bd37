//! `graphmill queue purge QUEUE [--dry-run] [--yes]`

use serde_json::json;

use super::super::{
    Context,
    parts::{confirm, to_the_end},
};
use crate::{args::QueuePurgeArguments, failure::Exit};

pub(crate) async fn run(context: &Context, arguments: QueuePurgeArguments) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let path = super::path(&arguments.queue, "purge")?;
    let purge = async |dry_run: bool, cursor: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("dry_run", if dry_run { "true" } else { "false" });
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        client
            .post(&format!("{path}?{}", query.finish()), &json!({}))
            .await
    };
    let mut totals = to_the_end(context, true, async |cursor| purge(true, cursor).await).await?;
    if !arguments.dry_run {
        let question = format!(
            "empty queue `{}` of its {} jobs? There is no way back",
            arguments.queue, totals.matched
        );
        confirm(arguments.yes, &question)?;
        totals = to_the_end(context, false, async |cursor| purge(false, cursor).await).await?;
    }
    context
        .output
        .data(&totals, || totals.sentence("cancelled, stopped or deleted"))?;
    Ok(Exit::Success)
}
