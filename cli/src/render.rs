//! Answers as text. Pure: data and a width in, text out.

// Writing to a `String` cannot fail, so the results of `write!` are dropped below.
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use bytesize::ByteSize;
use graphmill_config::{Origin, Setting};
use graphmill_pipeline::doctor::{Finding, Severity};

use crate::{
    commands::{
        demo::report::{Report, came_first},
        ingest::tally::{Failure, Summary},
    },
    table::{Table, cut, fixed, number, one_line, text, wrap},
    views::{Answer, Document, Found, Job, Queue, Stage},
};

/// Lines of a chunk that an answer shows.
const EXCERPT_LINES: usize = 4;
/// Entities and relations that an answer shows.
const EVIDENCE_SHOWN: usize = 6;
/// Examples of a kind of failure that a summary shows.
const EXAMPLES_SHOWN: usize = 3;

pub(crate) fn documents(documents: &[Document], width: usize) -> String {
    if documents.is_empty() {
        return "no documents; submit some with `graphmill ingest PATH`".to_owned();
    }
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("TYPE"),
        number("SIZE"),
        number("CHUNKS"),
        text("TITLE"),
        text("ERROR"),
    ]);
    for document in documents {
        table.row([
            document.document_id.clone(),
            status(document),
            document.file_type.clone().unwrap_or_default(),
            ByteSize(document.size_bytes).to_string(),
            document
                .chunks
                .map(|chunks| chunks.to_string())
                .unwrap_or_default(),
            document.title.clone(),
            document
                .error
                .as_ref()
                .map(|error| error.code.clone())
                .unwrap_or_default(),
        ]);
    }
    table.render(width)
}

/// The status, and while it is on its way how far it has come.
fn status(document: &Document) -> String {
    match &document.progress {
        Some(progress) if document.status == "processing" && progress.total > 0 => {
            format!("{} {}/{}", document.status, progress.done, progress.total)
        }
        _ => document.status.clone(),
    }
}

pub(crate) fn document(document: &Document, width: usize) -> String {
    let mut lines = vec![
        ("document", document.document_id.clone()),
        ("title", document.title.clone()),
        ("source", document.source.clone()),
        ("status", status(document)),
        (
            "type",
            document
                .file_type
                .clone()
                .unwrap_or_else(|| "not known yet".to_owned()),
        ),
        ("size", ByteSize(document.size_bytes).to_string()),
    ];
    let optional = [
        ("language", document.language.clone()),
        (
            "pages",
            document
                .pages
                .filter(|pages| *pages > 0)
                .map(|pages| pages.to_string()),
        ),
        ("chunks", document.chunks.map(|chunks| chunks.to_string())),
        (
            "error",
            document
                .error
                .as_ref()
                .map(|error| format!("{}: {}", error.code, error.message)),
        ),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    lines.push(("created", document.created_at.clone()));
    lines.push(("updated", document.updated_at.clone()));
    for warning in &document.warnings {
        lines.push((
            "warning",
            warning
                .as_str()
                .map_or_else(|| warning.to_string(), str::to_owned),
        ));
    }
    let mut text = fields(&lines);
    if !document.stages.is_empty() {
        text.push('\n');
        text.push_str(&stages(&document.stages, width));
    }
    text
}

fn stages(stages: &[Stage], width: usize) -> String {
    let mut table = Table::new([
        fixed("STAGE"),
        number("SHARD"),
        fixed("STATE"),
        number("ITEMS"),
        number("ATTEMPT"),
        text("ERROR"),
    ]);
    for stage in stages {
        let error = match (&stage.error_code, &stage.error_message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, _) => String::new(),
        };
        let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        table.row([
            stage.stage.clone(),
            stage.shard.to_string(),
            stage.state.clone(),
            count(stage.items),
            count(stage.attempt),
            error,
        ]);
    }
    table.render(width)
}

pub(crate) fn jobs(jobs: &[Job], width: usize) -> String {
    if jobs.is_empty() {
        return "no jobs".to_owned();
    }
    let mut table = Table::new([
        fixed("ID"),
        fixed("KIND"),
        fixed("QUEUE"),
        fixed("STATE"),
        number("ATTEMPT"),
        fixed("SUBMITTED"),
        text("ERROR"),
    ]);
    for job in jobs {
        table.row([
            job.id.clone(),
            job.kind.clone(),
            job.queue.clone(),
            job_state(job),
            format!("{}/{}", job.attempt, job.max_attempts),
            job.submitted_at.clone(),
            job.errors
                .last()
                .map(|error| format!("{}: {}", error.code, error.message))
                .unwrap_or_default(),
        ]);
    }
    table.render(width)
}

fn job_state(job: &Job) -> String {
    match (&job.dead_reason, &job.progress) {
        (Some(reason), _) => format!("{}: {reason}", job.state),
        (None, Some(progress)) if job.state == "running" && progress.total > 0 => {
            format!("running {}/{}", progress.done, progress.total)
        }
        _ => job.state.clone(),
    }
}

pub(crate) fn job(job: &Job, width: usize) -> String {
    let mut lines = vec![
        ("job", job.id.clone()),
        ("kind", job.kind.clone()),
        ("queue", job.queue.clone()),
        ("state", job_state(job)),
        (
            "attempt",
            format!("{} of {}", job.attempt, job.max_attempts),
        ),
        ("crashes", job.crashes.to_string()),
    ];
    let stage = job
        .progress
        .as_ref()
        .map(|progress| progress.stage.clone())
        .filter(|stage| !stage.is_empty());
    let optional = [
        ("stage", stage),
        ("worker", job.worker.clone()),
        ("submitted", Some(job.submitted_at.clone())),
        ("started", job.started_at.clone()),
        ("finished", job.finished_at.clone()),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut rendered = fields(&lines);
    if !job.errors.is_empty() {
        let mut table = Table::new([
            number("ATTEMPT"),
            fixed("CLASS"),
            fixed("AT"),
            text("ERROR"),
        ]);
        for error in &job.errors {
            table.row([
                error.attempt.to_string(),
                error.class.clone(),
                error.at.clone(),
                format!("{}: {}", error.code, error.message),
            ]);
        }
        rendered.push('\n');
        rendered.push_str(&table.render(width));
    }
    rendered
}

pub(crate) fn queues(queues: &[Queue], width: usize) -> String {
    const STATES: [&str; 8] = [
        "ready",
        "running",
        "scheduled",
        "waiting",
        "retrying",
        "completed",
        "cancelled",
        "dead",
    ];
    let mut table = Table::new([
        text("QUEUE"),
        number("READY"),
        number("RUNNING"),
        number("SCHEDULED"),
        number("WAITING"),
        number("RETRYING"),
        number("COMPLETED"),
        number("CANCELLED"),
        number("DEAD"),
        number("OLDEST"),
        fixed(""),
    ]);
    for queue in queues {
        let counts = STATES
            .iter()
            .map(|state| queue.counts.get(*state).copied().unwrap_or(0).to_string());
        let oldest = queue
            .oldest_ready_s
            .map(|seconds| format!("{seconds:.0} s"))
            .unwrap_or_default();
        let paused = if queue.paused { "paused" } else { "" };
        table.row(
            std::iter::once(queue.queue.clone())
                .chain(counts)
                .chain([oldest, paused.to_owned()]),
        );
    }
    table.render(width)
}

pub(crate) fn settings(settings: &[Setting], width: usize) -> String {
    let mut table = Table::new([fixed("SETTING"), text("VALUE"), text("FROM")]);
    for Setting { key, value, origin } in settings {
        let from = if *origin == Origin::Default {
            String::new()
        } else {
            origin.to_string()
        };
        table.row([key.clone(), value.to_string(), from]);
    }
    table.render(width)
}

pub(crate) fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut counts = [0, 0];
    for finding in findings {
        let word = match finding.severity {
            Severity::Ok => "ok",
            Severity::Warning => {
                counts[1] += 1;
                "warning"
            }
            Severity::Error => {
                counts[0] += 1;
                "error"
            }
        };
        let _ = writeln!(text, "{word:<8} {:<18} {}", finding.code, finding.message);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "{:27} hint: {hint}", "");
        }
    }
    let [errors, warnings] = counts;
    let _ = writeln!(text, "\n{errors} errors, {warnings} warnings");
    text
}

pub(crate) fn answer(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    for (rank, found) in answer.results.iter().enumerate() {
        text.push_str(&result(rank + 1, found, width));
        text.push('\n');
    }
    let count = answer.results.len();
    let summary = match count {
        0 => "nothing was found".to_owned(),
        1 => "1 result".to_owned(),
        _ => format!("{count} results"),
    };
    let _ = writeln!(text, "{summary} in {:.0} ms", answer.seconds * 1000.0);
    text
}

/// One result: where it stands, what it says, and what it rests on.
fn result(rank: usize, found: &Found, width: usize) -> String {
    const INDENT: &str = "   ";
    let mut place = found.document.clone();
    if let Some(page) = found.page {
        let _ = write!(place, ", page {page}");
    }
    if !found.heading_path.is_empty() {
        let _ = write!(place, " › {}", found.heading_path.join(" › "));
    }
    let score = format!("{:.3}", found.score);
    let mut text = format!(
        "{rank}. {score}  {}\n",
        cut(&one_line(&place), width.saturating_sub(score.len() + 5))
    );
    let inner = width.saturating_sub(INDENT.len()).max(20);
    let lines = wrap(&one_line(&found.text), inner);
    for line in lines.iter().take(EXCERPT_LINES) {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    if lines.len() > EXCERPT_LINES {
        let _ = writeln!(text, "{INDENT}…");
    }
    for (name, items) in [
        ("entities", entities(found)),
        ("relations", relations(found)),
    ] {
        if !items.is_empty() {
            let _ = writeln!(
                text,
                "{INDENT}{}",
                cut(&format!("{name}: {}", some(&items)), inner)
            );
        }
    }
    text
}

fn entities(found: &Found) -> Vec<String> {
    found
        .evidence
        .entities
        .iter()
        .map(|entity| entity.name.clone())
        .collect()
}

fn relations(found: &Found) -> Vec<String> {
    let arrow = |label: &Option<String>| match label.as_deref() {
        None | Some("") => "—".to_owned(),
        Some(label) => format!("—{label}→"),
    };
    let relations = found.evidence.relations.iter();
    relations
        .map(|relation| {
            format!(
                "{} {} {}",
                relation.source,
                arrow(&relation.label),
                relation.target
            )
        })
        .collect()
}

/// The first few, and how many more there are.
fn some(items: &[String]) -> String {
    let shown = items
        .iter()
        .take(EVIDENCE_SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match items.len().saturating_sub(EVIDENCE_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

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

/// Names and values, the values aligned.
fn fields(lines: &[(&str, String)]) -> String {
    let widest = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:widest$}  {}", one_line(value));
    }
    text
}

#[cfg(test)]
#[path = "render_test.rs"]
mod tests;
