//! `graphmill config reference`: works whatever is wrong with the settings.

use graphmill_config::DEFAULT_TOML;

use super::super::Context;
use crate::failure::Exit;

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    context
        .output
        .data(&DEFAULT_TOML, || DEFAULT_TOML.to_owned())?;
    Ok(Exit::Success)
}
