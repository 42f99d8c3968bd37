//! `graphmill job payload ID JSON`, and how payloads are given on the command line.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::super::{Context, id_in_path};
use crate::{
    args::JobPayloadArguments,
    failure::{Exit, UsageError},
    render,
    views::Job,
};

pub(crate) async fn run(context: &Context, arguments: JobPayloadArguments) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}/payload", id_in_path(&arguments.id)?);
    let body = json!({ "payload": read_json(&arguments.payload).await? });
    let reply = context.client()?.put::<Job>(&path, &body).await?;
    context.output.data(&reply.raw, || {
        let mut text = render::job(&reply.view, context.output.width());
        text.push_str("\nnext: `graphmill job retry ID`");
        text
    })?;
    Ok(Exit::Success)
}

/// Reads JSON that was given as text, as `@FILE`, or as `-` for standard input.
pub(crate) async fn read_json(text: &str) -> anyhow::Result<Value> {
    let read;
    let text = if text == "-" {
        let mut all = String::new();
        tokio::io::stdin().read_to_string(&mut all).await?;
        read = all;
        &read
    } else if let Some(path) = text.strip_prefix('@') {
        read = tokio::fs::read_to_string(path)
            .await
            .with_context(|| format!("cannot read `{path}`"))?;
        &read
    } else {
        text
    };
    serde_json::from_str(text).map_err(|error| {
        UsageError {
            message: format!("the payload is no JSON: {error}"),
            hint: "quote it for the shell: '{\"text\": \"…\"}', or write @FILE",
        }
        .into()
    })
}
