//! `graphmill queue purge QUEUE [--dry-run] [--yes]`

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Context;
use crate::{
    args::QueuePurgeArguments,
    failure::{Exit, UsageError},
    output::Output,
};

/// What one request did; a long queue takes several.
#[derive(Debug, Deserialize)]
struct Answer {
    matched: u64,
    changed: u64,
    refused: BTreeMap<String, u64>,
    complete: bool,
}

/// What all of them did.
#[derive(Debug, Default, Serialize)]
struct Report {
    dry_run: bool,
    matched: u64,
    changed: u64,
    refused: u64,
    /// Whether the queue was counted to its end; only a dry run stops before.
    complete: bool,
}

impl Report {
    fn add(&mut self, answer: &Answer) {
        self.matched += answer.matched;
        self.changed += answer.changed;
        self.refused += answer.refused.values().sum::<u64>();
        self.complete = answer.complete;
    }
}

pub(crate) async fn run(context: &Context, arguments: QueuePurgeArguments) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let path = super::path(&arguments.queue, "purge")?;
    let mut report = Report {
        dry_run: arguments.dry_run,
        ..Report::default()
    };
    let dry_path = format!("{path}?dry_run=true");
    let dry = client.post::<Answer>(&dry_path, &json!({})).await?.view;
    if arguments.dry_run {
        report.add(&dry);
    } else {
        let at_least = if dry.complete { "" } else { "more than " };
        let question = format!(
            "empty queue `{}` of its {at_least}{} jobs? There is no way back",
            arguments.queue, dry.matched
        );
        if !arguments.yes && !Output::confirm(&question)? {
            return Err(UsageError {
                message: "nothing was purged".to_owned(),
                hint: "pass --yes to purge without a question",
            }
            .into());
        }
        while !report.complete {
            let answer = client.post::<Answer>(&path, &json!({})).await?.view;
            // One that got nowhere would get nowhere the next time either.
            let stuck = !answer.complete && answer.changed == 0;
            report.add(&answer);
            anyhow::ensure!(
                !stuck,
                "the purge does not get on; {} jobs went",
                report.changed
            );
            if !report.complete {
                context
                    .output
                    .note(&format!("{} jobs so far", report.changed));
            }
        }
    }
    context.output.data(&report, || {
        let would = if report.dry_run { "would be " } else { "" };
        let more = if report.complete { "" } else { ", and more" };
        format!(
            "{} jobs{more}: {} {would}cancelled, stopped or deleted, {} refused",
            report.matched, report.changed, report.refused
        )
    })?;
    Ok(Exit::Success)
}
