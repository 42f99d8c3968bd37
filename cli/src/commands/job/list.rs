//! `graphmill job list`

use super::super::Context;
use crate::{args::JobListArguments, failure::Exit, render, views::Job};

pub(crate) async fn run(context: &Context, arguments: JobListArguments) -> anyhow::Result<Exit> {
    let filters = [
        ("state", arguments.state.as_deref()),
        ("queue", arguments.queue.as_deref()),
        ("kind", arguments.kind.as_deref()),
        ("error_code", arguments.error_code.as_deref()),
    ];
    let reply = context
        .client()?
        .list::<Job>("/api/jobs", &filters, arguments.limit)
        .await?;
    context.output.data(&reply.raw, || {
        render::jobs(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
