//! `graphmill tail`: what happens to jobs, as it happens, until Ctrl-C.

use serde::Deserialize;

use super::Context;
use crate::{args::TailArguments, failure::Exit, output::Output, signals};

#[derive(Debug, Deserialize)]
struct Event {
    job_id: String,
    kind: String,
    queue: String,
    state: String,
    attempt: u64,
    dead_reason: Option<String>,
    at: String,
}

pub(crate) async fn run(context: &Context, arguments: TailArguments) -> anyhow::Result<Exit> {
    let filters = [
        ("job", arguments.job.as_deref()),
        ("queue", arguments.queue.as_deref()),
    ];
    let interruption = signals::interruption()?;
    let client = context.client()?;
    let mut response = client.stream("/api/events", &filters).await?;
    let mut pending = Vec::new();
    loop {
        let part = tokio::select! {
            part = response.chunk() => part?,
            () = interruption.cancelled() => return Ok(Exit::Interrupted),
        };
        let Some(part) = part else {
            anyhow::bail!("the API ended the stream");
        };
        pending.extend_from_slice(&part);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data:") {
                print(context, data.trim_ascii())?;
            }
        }
    }
}

/// One line an event, or its JSON as it came.
fn print(context: &Context, data: &[u8]) -> anyhow::Result<()> {
    if context.output.is_json() {
        return Output::line(&String::from_utf8_lossy(data));
    }
    let event: Event = serde_json::from_slice(data)?;
    let reason = event.dead_reason.map(|reason| format!(": {reason}"));
    Output::line(&format!(
        "{}  {}  {:<10} attempt {}  {} in {}{}",
        event.at,
        event.job_id,
        event.state,
        event.attempt,
        event.kind,
        event.queue,
        reason.unwrap_or_default()
    ))
}
