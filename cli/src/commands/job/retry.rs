//! `graphmill job retry ID`

use serde_json::json;

use super::super::{Context, id_in_path};
use crate::{args::IdArgument, failure::Exit, render, views::Job};

pub(crate) async fn run(context: &Context, argument: IdArgument) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}/retry", id_in_path(&argument.id)?);
    let reply = context.client()?.post::<Job>(&path, &json!({})).await?;
    context.output.data(&reply.raw, || {
        render::job(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
