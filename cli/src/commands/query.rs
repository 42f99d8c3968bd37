//! `graphmill query TEXT`

use super::Context;
use crate::{args::QueryArguments, failure::Exit, render, views::Answer};

pub(crate) async fn run(context: &Context, arguments: QueryArguments) -> anyhow::Result<Exit> {
    let text = arguments.text.join(" ");
    let reply = context
        .client()?
        .query::<Answer>(&text, arguments.mode, arguments.limit)
        .await?;
    context.output.data(&reply.raw, || {
        render::answer(&reply.view, context.output.width())
    })?;
    Ok(Exit::Success)
}
