//! `graphmill job why ID`

use serde::Deserialize;

use super::super::{Context, id_in_path};
use crate::{args::IdArgument, failure::Exit};

#[derive(Debug, Deserialize)]
struct Why {
    state: String,
    sentences: Vec<String>,
}

pub(crate) async fn run(context: &Context, argument: IdArgument) -> anyhow::Result<Exit> {
    let path = format!("/api/jobs/{}/why", id_in_path(&argument.id)?);
    let reply = context.client()?.get::<Why>(&path, &[]).await?;
    context.output.data(&reply.raw, || {
        let mut text = format!("{}\n", reply.view.state);
        for sentence in &reply.view.sentences {
            text.push_str("  ");
            text.push_str(sentence);
            text.push('\n');
        }
        text
    })?;
    Ok(Exit::Success)
}
