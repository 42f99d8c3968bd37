//! `graphmill job list`

use super::super::Context;
use crate::{args::JobListArguments, failure::Exit, render, views::Job};

pub(crate) async fn run(context: &Context, arguments: JobListArguments) -> anyhow::Result<Exit> {
    let filter = arguments.filter;
    let states = filter.state.join(",");
    let filters = [
        ("state", (!states.is_empty()).then_some(states.as_str())),
        ("queue", filter.queue.as_deref()),
        ("kind", filter.kind.as_deref()),
        ("tag", filter.tag.as_deref()),
        ("error_code", filter.error_code.as_deref()),
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
