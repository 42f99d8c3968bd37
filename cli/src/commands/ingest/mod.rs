//! `graphmill ingest PATH…`: walk the paths, upload with bounded concurrency, and with `--wait` follow every document
//! to its end.
//!
//! Uploading and following run side by side over one [`Tally`]; the progress display reads the same.
//! What is wrong with one file or document is counted and shown at the end, and never stops the rest.

mod follow;
pub(crate) mod progress;
pub(crate) mod tally;
mod upload;
pub(crate) mod walk;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use self::{
    progress::Progress,
    tally::{Summary, Tally},
    walk::Walk,
};
use super::Context;
use crate::{
    args::IngestArguments,
    client::{Client, ClientError},
    failure::Exit,
    render, signals,
};

/// How to ingest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Follow every document to its end.
    pub(crate) wait: bool,
    /// For how long.
    pub(crate) timeout: Option<Duration>,
    /// Uploads that run at once.
    pub(crate) concurrency: NonZeroUsize,
}

pub(crate) async fn run(context: &Context, arguments: IngestArguments) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let interruption = signals::interruption()?;
    // Walking a large tree blocks.
    let walk = tokio::task::spawn_blocking(move || walk::walk(&arguments.paths)).await?;
    client.ping().await?;
    let options = Options {
        wait: arguments.wait,
        timeout: arguments.timeout,
        concurrency: NonZeroUsize::new(usize::from(arguments.concurrency))
            .unwrap_or(NonZeroUsize::MIN),
    };
    let progress = Progress::start(context.output);
    let summary = ingest(&client, walk, options, progress, &interruption).await?;
    context.output.data(&summary, || {
        render::ingest(&summary, context.output.width())
    })?;
    Ok(if interruption.is_cancelled() {
        Exit::Interrupted
    } else if summary.is_clean() {
        Exit::Success
    } else {
        Exit::Failed
    })
}

/// Submits what was found and returns what became of it. Ends early, with what is known then, when `stop` fires.
///
/// # Errors
/// The API is gone and stays away.
pub(crate) async fn ingest(
    client: &Client,
    walk: Walk,
    options: Options,
    progress: Progress,
    stop: &CancellationToken,
) -> Result<Summary, ClientError> {
    let tally = Arc::new(Tally::new(&walk, options.wait));
    let shown = progress.follow(tally.clone());
    let work = async {
        let uploads = async {
            let result = upload::all(client, walk.files, &tally, options.concurrency, stop).await;
            tally.uploads_ended();
            result
        };
        if options.wait {
            tokio::try_join!(uploads, follow::all(client, &tally)).map(drop)
        } else {
            uploads.await
        }
    };
    let limit = async {
        match options.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = work => ended,
        () = limit => { tally.time_is_over(); Ok(()) }
        () = stop.cancelled() => Ok(()),
    };
    shown.finish().await;
    ended?;
    Ok(tally.summary())
}
