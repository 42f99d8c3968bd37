//! Jobs as NDJSON: one [`JobRecord`] a line out, [`NewJob`] or [`JobRecord`] lines in.
//!
//! A record's line holds every field of the job that was submitted, under the same names, so what was exported can be
//! imported: the jobs are submitted again under their ids, with fresh attempts. A job that is still there is a duplicate,
//! so importing twice is the same as importing once.

use std::sync::Arc;

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::{
    Broker, Error, JobRecord, NewJob, Result,
    broker::{JobFilter, MAX_SUBMIT, Verdict},
    operate::persist,
};

/// Jobs of one page of an export.
const PAGE: usize = 1_000;
/// The longest line of an import, bytes: a job of every limit, escaped.
const MAX_LINE_BYTES: usize = 4 << 20;
/// Lines of one submit together have at most about this many bytes.
const MAX_BATCH_BYTES: usize = 16 << 20;

/// Exports the jobs that `filter` means, the newest first: one line a job, without line breaks.
///
/// Pages are read as the stream is; whoever reads slowly is waited for.
pub fn export(broker: Arc<dyn Broker>, filter: JobFilter) -> BoxStream<'static, Result<String>> {
    let pages = stream::try_unfold(Some(None::<String>), move |at| {
        let (broker, filter) = (Arc::clone(&broker), filter.clone());
        async move {
            let Some(cursor) = at else {
                return Ok(None);
            };
            let page = persist(|| broker.list(&filter, cursor.as_deref(), PAGE)).await?;
            Ok::<_, Error>(Some((page.items, page.next_cursor.map(Some))))
        }
    });
    let lines = pages.map_ok(|jobs| stream::iter(jobs.into_iter().map(|job| line(&job))));
    lines.try_flatten().boxed()
}

/// A record names the instant at which it runs twice: as it was submitted, and as it stands. By way of a map the latter
/// stays, and the line has each name once.
fn line(job: &JobRecord) -> Result<String> {
    serde_json::to_value(job)
        .map(|job| job.to_string())
        .map_err(|error| Error::Corrupt(format!("job `{}`: {error}", job.id())))
}

/// Reads a line: a job, or a record of one.
fn read_line(text: &[u8]) -> Result<NewJob, String> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let instant = |fields: &Map<String, Value>, name| {
        let text = fields.get(name)?.as_str()?;
        text.parse::<Timestamp>().ok()
    };
    // A record of a job that was to run at once says when it was.
    if let Some(submitted_at) = instant(&fields, "submitted_at")
        && instant(&fields, "run_at").is_some_and(|at| at <= submitted_at)
    {
        fields.remove("run_at");
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

/// What became of one line of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedLine {
    /// From 1; empty lines count.
    pub line: u64,
    /// What the broker said of its job; a line that is no job is rejected as `job.invalid`.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Lines that hold anything.
    pub lines: u64,
    /// Jobs accepted.
    pub accepted: u64,
    /// Jobs that were there.
    pub duplicates: u64,
    /// Jobs whose id or key another job has.
    pub conflicts: u64,
    /// Lines that are no job, or one with a bad value.
    pub rejected: u64,
}

/// Imports jobs. `told` hears of every line, in order, as soon as the submit with its job has been answered.
///
/// The jobs of one submit are sorted by id, so that a job which depends on another may stand before it: as in an export.
///
/// # Errors
/// [`Error::Unavailable`] where the broker stays away, [`Error::Invalid`] where the input cannot be read or has a line
/// that is too long. What `told` heard of is done; importing the same again does the rest.
pub async fn import(
    broker: &Arc<dyn Broker>,
    input: impl AsyncBufRead + Unpin + Send,
    mut told: impl FnMut(ImportedLine) + Send,
) -> Result<ImportReport> {
    let mut report = ImportReport::default();
    let mut lines = Lines { input, number: 0 };
    loop {
        let batch = lines.read_batch().await?;
        if batch.is_empty() {
            return Ok(report);
        }
        for imported in submit(broker, batch).await? {
            report.lines += 1;
            *match imported.verdict {
                Verdict::Accepted { .. } => &mut report.accepted,
                Verdict::Duplicate { .. } => &mut report.duplicates,
                Verdict::Conflict { .. } => &mut report.conflicts,
                Verdict::Rejected { .. } => &mut report.rejected,
            } += 1;
            told(imported);
        }
    }
}

/// A line's number, and its job or why it is none.
type Parsed = (u64, Result<NewJob, String>);

async fn submit(broker: &Arc<dyn Broker>, batch: Vec<Parsed>) -> Result<Vec<ImportedLine>> {
    let mut imported = Vec::with_capacity(batch.len());
    let mut jobs = Vec::with_capacity(batch.len());
    for (line, parsed) in batch {
        match parsed {
            Ok(job) => jobs.push((line, job)),
            Err(message) => imported.push(ImportedLine {
                line,
                verdict: Verdict::Rejected {
                    code: "job.invalid".to_owned(),
                    message,
                },
            }),
        }
    }
    jobs.sort_by_key(|(_, job)| job.id);
    let (numbers, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    let verdicts = persist(|| broker.submit(jobs.clone(), false)).await?;
    let answers = numbers.into_iter().zip(verdicts);
    imported.extend(answers.map(|(line, verdict)| ImportedLine { line, verdict }));
    imported.sort_by_key(|imported| imported.line);
    Ok(imported)
}

struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Reads the lines of the next submit; none at the end.
    async fn read_batch(&mut self) -> Result<Vec<Parsed>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut text = Vec::new();
        while batch.len() < MAX_SUBMIT && bytes < MAX_BATCH_BYTES {
            text.clear();
            let mut limited = (&mut self.input).take(MAX_LINE_BYTES as u64 + 1);
            let read = limited.read_until(b'\n', &mut text).await;
            let read = read.map_err(|error| Error::Invalid(format!("import: {error}")))?;
            if read == 0 {
                break;
            }
            self.number += 1;
            if read > MAX_LINE_BYTES {
                return Err(Error::Invalid(format!(
                    "import: line {} has more than {MAX_LINE_BYTES} bytes",
                    self.number
                )));
            }
            bytes += read;
            if !text.trim_ascii().is_empty() {
                batch.push((self.number, read_line(&text)));
            }
        }
        Ok(batch)
    }
}
