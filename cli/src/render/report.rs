//! What a long command did.

// Writing to a `String` cannot fail, so the results of `write!` are dropped below.
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use bytesize::ByteSize;

use super::{answer, fields};
use crate::{
    commands::{
        demo::report::{Report, came_first},
        ingest::tally::{Failure, Summary},
    },
    table::{cut, one_line},
};

/// Examples of a kind of failure that a summary shows.
const EXAMPLES_SHOWN: usize = 3;

pub(crate) fn ingest(summary: &Summary, width: usize) -> String {
    let mut lines = vec![
        ("accepted", summary.accepted.to_string()),
        ("unchanged", summary.unchanged.to_string()),
        ("completed", summary.completed.to_string()),
        ("failed", summary.failed.to_string()),
    ];
    if summary.pending > 0 {
        lines.push(("pending", summary.pending.to_string()));
    }
    lines.push(("chunks", summary.chunks.to_string()));
    lines.push((
        "uploaded",
        format!("{} in {:.1} s", ByteSize(summary.bytes), summary.seconds),
    ));
    let mut text = fields(&lines);
    if !summary.failures.is_empty() {
        text.push('\n');
        text.push_str(&failures(&summary.failures, width));
    }
    if summary.timed_out {
        text.push_str("\nstopped waiting at --timeout; the system goes on by itself: `graphmill document list --status processing`\n");
    }
    text
}

/// Failures by code, the most frequent first, with examples.
fn failures(failures: &[Failure], width: usize) -> String {
    let mut by_code: BTreeMap<&str, Vec<&Failure>> = BTreeMap::new();
    for failure in failures {
        by_code.entry(&failure.code).or_default().push(failure);
    }
    let mut groups: Vec<_> = by_code.into_iter().collect();
    groups.sort_by_key(|(_, failures)| std::cmp::Reverse(failures.len()));
    let mut text = String::new();
    for (code, failures) in groups {
        let _ = writeln!(text, "{} × {code}", failures.len());
        for failure in failures.iter().take(EXAMPLES_SHOWN) {
            let _ = writeln!(
                text,
                "    {}",
                cut(
                    &format!("{}: {}", failure.path, one_line(&failure.message)),
                    width.saturating_sub(4)
                )
            );
        }
        if failures.len() > EXAMPLES_SHOWN {
            let _ = writeln!(text, "    and {} more", failures.len() - EXAMPLES_SHOWN);
        }
    }
    text
}

pub(crate) fn demo(report: &Report, kept: Option<&Path>, width: usize) -> String {
    let Report {
        ingested,
        stats,
        answers,
        seconds,
    } = report;
    let mut text = fields(&[
        (
            "documents",
            format!(
                "{} completed, {} failed",
                ingested.completed, ingested.failed
            ),
        ),
        (
            "chunks",
            format!("{}, {} embeddings", stats.chunks, stats.embeddings),
        ),
        (
            "graph",
            format!("{} entities, {} relations", stats.entities, stats.relations),
        ),
        ("time", format!("{seconds:.1} s")),
    ]);
    if !ingested.failures.is_empty() {
        text.push('\n');
        text.push_str(&failures(&ingested.failures, width));
    }
    for (question, found) in answers {
        let _ = writeln!(text, "\n? {}\n  ({})", question.query, question.why);
        text.push_str(&answer(found, width));
        if !came_first(question, found) {
            let _ = writeln!(
                text,
                "  NOT AS EXPECTED: `{}` should have come first",
                question.expect_document
            );
        }
    }
    text.push_str("\ntry next:\n");
    let dev = match kept {
        Some(data_dir) => format!(
            "dev --set data_dir={}   # this knowledge base again",
            data_dir.display()
        ),
        None => "dev                         # the system, in one process".to_owned(),
    };
    let _ = writeln!(text, "  graphmill {dev}");
    text.push_str("  graphmill ingest YOUR-FOLDER --wait   # in another terminal\n  graphmill query \"a question\"\n");
    text
}
