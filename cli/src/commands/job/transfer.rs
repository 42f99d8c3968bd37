//! `graphmill job export` and `graphmill job import`: jobs as NDJSON.

use anyhow::Context as _;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWriteExt};

use super::super::Context;
use crate::{
    args::{JobFilterArguments, JobImportArguments},
    failure::Exit,
};

pub(crate) async fn export(context: &Context, filter: JobFilterArguments) -> anyhow::Result<Exit> {
    let states = filter.state.join(",");
    let filters = [
        ("state", (!states.is_empty()).then_some(states.as_str())),
        ("queue", filter.queue.as_deref()),
        ("kind", filter.kind.as_deref()),
        ("tag", filter.tag.as_deref()),
        ("error_code", filter.error_code.as_deref()),
    ];
    let client = context.client()?;
    let mut response = client.stream("/api/jobs/export", &filters).await?;
    let mut stdout = tokio::io::stdout();
    let mut lines = 0;
    while let Some(part) = response.chunk().await.context("the export broke off")? {
        lines += part.split(|byte| *byte == b'\n').count() - 1;
        stdout.write_all(&part).await?;
    }
    stdout.flush().await?;
    context.output.note(&format!("{lines} jobs"));
    Ok(Exit::Success)
}

#[derive(Debug, Deserialize)]
struct Report {
    lines: u64,
    accepted: u64,
    duplicates: u64,
    conflicts: u64,
    rejected: u64,
    problems: Vec<Problem>,
}

/// A line that gave no job; what is left out belongs to the other kind of verdict.
#[derive(Debug, Deserialize)]
struct Problem {
    line: u64,
    verdict: String,
    code: Option<String>,
    message: Option<String>,
    id: Option<String>,
}

pub(crate) async fn import(
    context: &Context,
    arguments: JobImportArguments,
) -> anyhow::Result<Exit> {
    let input: Box<dyn AsyncRead + Send + Sync + Unpin> = if arguments.file.as_os_str() == "-" {
        Box::new(tokio::io::stdin())
    } else {
        let file = tokio::fs::File::open(&arguments.file).await;
        Box::new(file.with_context(|| format!("cannot read `{}`", arguments.file.display()))?)
    };
    let client = context.client()?;
    let reply = client
        .send_lines::<Report>("/api/jobs/import", input)
        .await?;
    let report = &reply.view;
    context.output.data(&reply.raw, || text(report))?;
    Ok(if report.conflicts + report.rejected == 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn text(report: &Report) -> String {
    let mut lines = vec![format!(
        "{} lines: {} accepted, {} there already, {} in conflict, {} rejected",
        report.lines, report.accepted, report.duplicates, report.conflicts, report.rejected
    )];
    for problem in &report.problems {
        let what = match (&problem.code, &problem.message, &problem.id) {
            (Some(code), Some(message), _) => format!("{code}: {message}"),
            (_, _, Some(id)) => format!("{} with job {id}", problem.verdict),
            _ => problem.verdict.clone(),
        };
        lines.push(format!("line {}: {what}", problem.line));
    }
    lines.join("\n")
}
