//! `graphmill document list`

use super::super::Context;
use crate::{args::DocumentListArguments, failure::Exit, render, views::Document};

pub(crate) async fn run(
    context: &Context,
    arguments: DocumentListArguments,
) -> anyhow::Result<Exit> {
    let filters = [
        ("status", arguments.status.as_deref()),
        ("file_type", arguments.file_type.as_deref()),
    ];
    let reply = context
        .client()?
        .list::<Document>("/api/documents", &filters, arguments.limit)
        .await?;
    context.output.data(&reply.raw, || {
        render::documents(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
