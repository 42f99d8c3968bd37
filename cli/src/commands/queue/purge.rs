//! `graphmill queue purge QUEUE [--dry-run] [--yes]`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::super::Context;
use crate::{args::QueuePurgeArguments, failure::Exit, output::Output};

#[derive(Debug, Deserialize)]
struct Report {
    matched: u64,
    changed: u64,
    refused: BTreeMap<String, u64>,
}

pub(crate) async fn run(context: &Context, arguments: QueuePurgeArguments) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let path = super::path(&arguments.queue, "purge")?;
    let dry = client
        .post::<Report>(&format!("{path}?dry_run=true"), &json!({}))
        .await?;
    let reply = if arguments.dry_run {
        dry
    } else {
        let question = format!(
            "Empty queue `{}` of its {} jobs? There is no way back.",
            arguments.queue, dry.view.matched
        );
        if !arguments.yes && !Output::confirm(&question)? {
            context
                .output
                .note("nothing was purged; --yes does not ask");
            return Ok(Exit::Failed);
        }
        client.post::<Report>(&path, &json!({})).await?
    };
    context.output.data(&reply.raw, || {
        let Report {
            matched,
            changed,
            refused,
        } = &reply.view;
        let refused: u64 = refused.values().sum();
        let would = if arguments.dry_run { "would be " } else { "" };
        format!("{matched} jobs, {changed} {would}cancelled, stopped or deleted, {refused} refused")
    })?;
    Ok(Exit::Success)
}
