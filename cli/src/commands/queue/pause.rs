//! `graphmill queue pause QUEUE`, `graphmill queue resume QUEUE`

use serde::Deserialize;
use serde_json::json;

use super::super::Context;
use crate::failure::Exit;

#[derive(Debug, Deserialize)]
struct Paused {
    queue: String,
    paused: bool,
}

pub(crate) async fn run(context: &Context, queue: &str, verb: &str) -> anyhow::Result<Exit> {
    let path = super::path(queue, verb)?;
    let reply = context.client()?.post::<Paused>(&path, &json!({})).await?;
    context.output.data(&reply.raw, || {
        let state = if reply.view.paused {
            "paused"
        } else {
            "fetched from"
        };
        format!("{} is {state}", reply.view.queue)
    })?;
    Ok(Exit::Success)
}
