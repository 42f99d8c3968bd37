//! `graphmill doctor`: what stands in the way of a system with these settings. Asks no API.

use graphmill_pipeline::doctor::{Severity, examine};
use serde_json::json;

use super::Context;
use crate::{failure::Exit, render};

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    config.supported()?;
    let findings = examine(&config).await;
    let ok = findings
        .iter()
        .all(|finding| finding.severity < Severity::Error);
    context
        .output
        .data(&json!({ "ok": ok, "findings": findings }), || {
            render::findings(&findings)
        })?;
    Ok(if ok { Exit::Success } else { Exit::Failed })
}
