//! `graphmill config check`: errors end it with code 2, warnings are printed, and so is what only a start would refuse.

use serde_json::json;

use super::super::Context;
use crate::failure::Exit;

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    config.supported()?;
    context.output.data(&json!({ "ok": true }), || {
        "the settings are fine".to_owned()
    })?;
    Ok(Exit::Success)
}
