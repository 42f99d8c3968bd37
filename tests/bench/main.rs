//! The figures of `docs/benchmarks.md`, each printed as one JSON object: `cargo run --release -p graphmill-tests --bin
//! bench -- <what>`.
//!
//! They run the real binary (or, for searches at 100,000 chunks, the real API in this process) on a temporary folder.

mod ingest;
mod process;
mod query;
mod queue;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: bench demo | idle | queue | ingest FOLDER | query [CHUNKS] | size";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(figures) => {
            print(&figures);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<serde_json::Value> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo"] => process::demo(),
        ["idle"] => process::idle().await,
        ["size"] => process::size(),
        ["queue"] => queue::run().await,
        ["ingest", folder] => ingest::run(folder.as_ref()).await,
        ["query"] => query::run(100_000).await,
        ["query", chunks] => query::run(chunks.parse()?).await,
        _ => bail!("{USAGE}"),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn print(figures: &serde_json::Value) {
    println!("{figures:#}");
}

#[expect(clippy::print_stderr, reason = "errors of a program without a log")]
fn complain(message: &str) {
    eprintln!("{message}");
}

/// Returns the value below which `share` (0–1) of the sorted values lie.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}
