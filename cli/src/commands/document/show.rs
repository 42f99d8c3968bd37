//! `graphmill document show ID`

use super::super::{Context, id_in_path};
use crate::{args::IdArgument, failure::Exit, render, views::Document};

pub(crate) async fn run(context: &Context, argument: IdArgument) -> anyhow::Result<Exit> {
    let path = format!("/api/documents/{}", id_in_path(&argument.id)?);
    let reply = context.client()?.get::<Document>(&path, &[]).await?;
    context.output.data(&reply.raw, || {
        render::document(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
