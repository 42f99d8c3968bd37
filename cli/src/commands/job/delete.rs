//! `graphmill job delete ID`

use serde_json::Value;

use super::super::{Context, id_in_path};
use crate::{args::IdArgument, failure::Exit};

pub(crate) async fn run(context: &Context, argument: IdArgument) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}", id_in_path(&argument.id)?);
    let reply = context.client()?.delete::<Value>(&path).await?;
    context
        .output
        .data(&reply.raw, || format!("job {} is deleted", argument.id))?;
    Ok(Exit::Success)
}
