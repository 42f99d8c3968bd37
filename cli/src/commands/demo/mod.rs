//! `graphmill demo`: the whole system on a temporary folder and a free port, a small corpus, three questions.
//!
//! It is also the self-test of a binary: it ends well only if every document completed and each question's expected
//! document came first. Documents and questions are data in `cli/demo/`, compiled in.

pub(crate) mod report;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use graphmill_config::Origin;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::report::Report;
use super::{
    Context,
    ingest::{self, Options, progress::Progress, tally::Summary, walk},
};
use crate::{
    args::{DemoArguments, QueryMode},
    client::Client,
    failure::Exit,
    logging, render, signals,
    system::{self, Role, RunningSystem},
    views::{Answer, Stats},
};

static CORPUS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo/documents");
const QUERIES: &str = include_str!("../../../demo/queries.json");
/// A demo that takes longer is stuck.
const TIMEOUT: Duration = Duration::from_mins(15);
/// Results shown a question.
const RESULTS: u32 = 3;
/// Calls share the machine with the work; a small one needs longer than a client usually allows.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// A question with the document that must come first.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Question {
    pub(crate) query: String,
    #[serde(default = "hybrid")]
    pub(crate) mode: QueryMode,
    pub(crate) expect_document: String,
    pub(crate) why: String,
}

fn hybrid() -> QueryMode {
    QueryMode::Hybrid
}

pub(crate) async fn run(context: &Context, arguments: DemoArguments) -> anyhow::Result<Exit> {
    let interruption = signals::interruption()?;
    let temporary = tempfile::tempdir()?;
    let folder = match &arguments.keep {
        Some(folder) => std::path::absolute(folder)?,
        None => temporary.path().to_owned(),
    };
    let documents = write_corpus(&folder)?;
    let data_dir = folder.join("graphmill-data");
    let mut config = context.config_with(&[
        ("data_dir", data_dir.display().to_string()),
        ("api.listen", "127.0.0.1:0".to_owned()),
        ("sql.url", "sqlite:".to_owned()),
        ("blob.url", "file:".to_owned()),
    ])?;
    // A demo must not touch the jobs of the system whose Redis the settings name.
    config.redis.url = None;
    let own_filter = config
        .provenance()
        .iter()
        .any(|setting| setting.key == "telemetry.log" && setting.origin != Origin::Default);
    if !own_filter {
        // What a server tells at `info` would bury the demo.
        "warn".clone_into(&mut config.telemetry.log);
    }
    config.supported()?;
    logging::start(&config.telemetry, context.output.colours())?;

    let started = Instant::now();
    context
        .output
        .note("starting the system: SQLite, local models, no network");
    let system = system::start(config, Role::Dev).await?;
    let outcome = show(context, &system, &documents, &interruption, started).await;
    system.shutdown.cancel();
    system.join.await.context("the system panicked")??;
    let report = outcome?;

    let kept = arguments.keep.as_ref().map(|_| data_dir.as_path());
    context.output.data(&report.json(), || {
        render::demo(&report, kept, context.output.width())
    })?;
    if interruption.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    Ok(if report.passed() {
        Exit::Success
    } else {
        Exit::Failed
    })
}

/// Ingests the corpus and asks the questions.
async fn show(
    context: &Context,
    system: &RunningSystem,
    documents: &Path,
    stop: &CancellationToken,
    started: Instant,
) -> anyhow::Result<Report> {
    let client = Client::at(format!("http://{}", system.address), CALL_TIMEOUT)?;
    context
        .output
        .note(&format!("the API listens on {}", client.base()));
    let options = Options {
        wait: true,
        timeout: Some(TIMEOUT),
        concurrency: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
    };
    let found = walk::walk(&[documents.to_owned()]);
    context
        .output
        .note(&format!("ingesting {} documents", found.files.len()));
    let ingested: Summary = ingest::ingest(
        &client,
        found,
        options,
        Progress::start(context.output),
        stop,
    )
    .await?;
    let stats = client.get::<Stats>("/api/stats", &[]).await?.view;
    let mut answers = Vec::new();
    for question in questions()? {
        let answer = client
            .query::<Answer>(&question.query, question.mode, RESULTS)
            .await?
            .view;
        answers.push((question, answer));
    }
    Ok(Report {
        ingested,
        stats,
        answers,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn questions() -> anyhow::Result<Vec<Question>> {
    serde_json::from_str(QUERIES).context("the demo's queries.json is broken")
}

/// Writes the documents into a folder below `folder` and returns it.
fn write_corpus(folder: &Path) -> anyhow::Result<PathBuf> {
    let documents = folder.join("documents");
    fs::create_dir_all(&documents)
        .with_context(|| format!("cannot create `{}`", documents.display()))?;
    for file in CORPUS.files() {
        let path = documents.join(file.path());
        fs::write(&path, file.contents())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_expects_a_document_of_the_corpus() {
        let questions = questions().unwrap();
        assert_eq!(questions.len(), 3);
        for question in questions {
            assert!(
                CORPUS.get_file(&question.expect_document).is_some(),
                "{}",
                question.expect_document
            );
            assert!(!question.why.is_empty());
        }
    }

    #[test]
    fn the_corpus_has_every_format_and_both_languages() {
        let names: Vec<_> = CORPUS
            .files()
            .map(|file| file.path().to_string_lossy().into_owned())
            .collect();
        assert!(names.len() >= 12, "{names:?}");
        for extension in ["pdf", "docx", "html", "md", "txt", "csv", "json"] {
            assert!(
                names
                    .iter()
                    .any(|name| name.ends_with(&format!(".{extension}"))),
                "no {extension}"
            );
        }
        assert!(
            names.iter().any(|name| !name.is_ascii()),
            "no Chinese document"
        );
    }
}
