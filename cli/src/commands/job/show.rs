//! `graphmill job show ID`

use super::super::{Context, id_in_path};
use crate::{args::IdArgument, failure::Exit, render, views::Job};

pub(crate) async fn run(context: &Context, argument: IdArgument) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}", id_in_path(&argument.id)?);
    let reply = context.client()?.get::<Job>(&path, &[]).await?;
    context.output.data(&reply.raw, || {
        render::job(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
