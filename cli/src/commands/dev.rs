//! `graphmill dev`: API and workers in this process until it is told to end.

use anyhow::Context as _;
use serde_json::json;

use super::Context;
use crate::{dev, failure::Exit, logging, signals};

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    config.supported()?;
    logging::start(&config.telemetry, context.output.colours())?;
    let interruption = signals::interruption()?;
    let data_dir = config.data_dir.clone();
    let system = tokio::select! {
        system = dev::start(config) => system?,
        () = interruption.cancelled() => return Ok(Exit::Interrupted),
    };
    let url = format!("http://{}", system.address);
    let started = json!({ "url": url, "data_dir": data_dir });
    context.output.data(&started, || {
        format!(
            "graphmill listens on {url}\ndata in {}\n\nnext: `graphmill ingest PATH --wait`, `graphmill query TEXT`; Ctrl-C ends it",
            data_dir.display()
        )
    })?;
    let mut join = system.join;
    tokio::select! {
        ended = &mut join => {
            ended.context("the system panicked")??;
            anyhow::bail!("the system ended by itself");
        }
        () = interruption.cancelled() => {
            context.output.note("ending; open requests and jobs have a moment (Ctrl-C again ends at once)");
            system.shutdown.cancel();
            join.await.context("the system panicked")??;
        }
    }
    Ok(Exit::Success)
}
