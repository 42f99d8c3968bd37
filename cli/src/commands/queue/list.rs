//! `graphmill queue list`

use super::super::Context;
use crate::{failure::Exit, render, views::Queue};
use serde::Deserialize;

#[derive(Deserialize)]
struct Queues {
    items: Vec<Queue>,
}

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let reply = context.client()?.get::<Queues>("/api/queues", &[]).await?;
    context.output.data(&reply.raw, || {
        render::queues(&reply.view.items, context.output.width())
    })?;
    Ok(Exit::Success)
}
