//! `graphmill config show`: passwords in URLs are hidden.

use serde_json::{Value, json};

use super::super::Context;
use crate::{failure::Exit, render};

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let settings = config.provenance();
    let all: Vec<Value> = settings
        .iter()
        .map(|setting| json!({ "key": setting.key, "value": setting.value, "origin": setting.origin.to_string() }))
        .collect();
    context
        .output
        .data(&all, || render::settings(settings, context.output.width()))?;
    Ok(Exit::Success)
}
