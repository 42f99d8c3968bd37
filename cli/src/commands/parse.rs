//! `graphmill parse PATH…`: a dry run of what `document.process` does, with the same limits and parser processes.

use std::{path::PathBuf, sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use graphmill_config::ByteSize;
use graphmill_documents::{
    Chunk, Document, TokenCounter,
    chunk::{ChunkOptions, chunk_document},
};
use graphmill_pipeline::context::token_counter;
use graphmill_worker::{chunk_options, parser_pool, sandbox::ParserPool};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Context, ingest::walk::walk};
use crate::{args::ParseArguments, failure::Exit, output::Output, signals, system::parser_command};

/// What came out of one file; one object a line with `--json`.
#[derive(Debug, Default, Serialize)]
struct Parsed {
    path: PathBuf,
    r#type: Option<String>,
    language: Option<String>,
    status: &'static str,
    error_code: Option<&'static str>,
    error: Option<String>,
    pages: usize,
    characters: usize,
    blocks: usize,
    chunks: usize,
    warnings: Vec<String>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk_list: Option<Vec<Chunk>>,
}

/// What files are read with.
struct Reader {
    pool: ParserPool,
    counter: Arc<dyn TokenCounter>,
    options: ChunkOptions,
    max_document: ByteSize,
    with_text: bool,
    with_chunks: bool,
}

pub(crate) async fn run(context: &Context, arguments: ParseArguments) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let reader = Reader {
        pool: parser_pool(parser_command()?, &config)?,
        counter: token_counter(&config)?,
        options: chunk_options(&config),
        max_document: config.api.max_document_size,
        with_text: arguments.text,
        with_chunks: arguments.chunks,
    };
    let interruption = signals::interruption()?;
    let walk = walk(&arguments.paths);
    let mut exit = Exit::Success;
    for (path, why) in walk.problems {
        exit = Exit::Failed;
        print(context, &failed(path, "file.unreadable", why))?;
    }
    let files = stream::iter(walk.files);
    let parsers = config.documents.parsers.get();
    let mut parsed = files
        .map(|file| reader.read(file.path, &interruption))
        .buffered(parsers.max(1));
    let (mut count, mut bad) = (0, 0);
    while let Some(file) = parsed.next().await {
        if interruption.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        count += 1;
        if file.status != "ok" {
            bad += 1;
            exit = Exit::Failed;
        }
        print(context, &file)?;
    }
    context
        .output
        .note(&format!("{count} files, {bad} could not be read"));
    Ok(exit)
}

impl Reader {
    async fn read(&self, path: PathBuf, cancel: &CancellationToken) -> Parsed {
        let begun = Instant::now();
        let mut parsed = match self.parse(&path, cancel).await {
            Ok(document) => self.describe(document),
            Err((code, why)) => failed(PathBuf::new(), code, why),
        };
        parsed.path = path;
        parsed.seconds = begun.elapsed().as_secs_f64();
        parsed
    }

    async fn parse(
        &self,
        path: &PathBuf,
        cancel: &CancellationToken,
    ) -> Result<Document, (&'static str, String)> {
        let unreadable = |error: std::io::Error| ("file.unreadable", error.to_string());
        let size = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
        if size > self.max_document.as_u64() {
            let why = format!(
                "the file has {size} bytes; `api.max_document_size` is {}",
                self.max_document.as_u64()
            );
            return Err(("document.too_large", why));
        }
        let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
        let declared = path.extension().and_then(|extension| extension.to_str());
        let declared = declared.map(str::to_owned);
        self.pool
            .parse(bytes.into(), declared, cancel)
            .await
            .map_err(|error| (error.code.as_str(), error.message))
    }

    fn describe(&self, document: Document) -> Parsed {
        let chunks = tokio::task::block_in_place(|| {
            chunk_document(&document, &*self.counter, &self.options)
        });
        Parsed {
            r#type: Some(document.file_type),
            language: document.language,
            status: "ok",
            pages: document.pages.len(),
            characters: document.text.chars().count(),
            blocks: document.blocks.len(),
            chunks: chunks.len(),
            warnings: document.warnings,
            text: self.with_text.then_some(document.text),
            chunk_list: self.with_chunks.then_some(chunks),
            ..Parsed::default()
        }
    }
}

fn failed(path: PathBuf, code: &'static str, why: String) -> Parsed {
    Parsed {
        path,
        status: "error",
        error_code: Some(code),
        error: Some(why),
        ..Parsed::default()
    }
}

/// One line a file as JSON; a line, and what was asked for below it, as text.
fn print(context: &Context, parsed: &Parsed) -> anyhow::Result<()> {
    if context.output.is_json() {
        return Output::line(&serde_json::to_string(parsed)?);
    }
    let path = parsed.path.display();
    if let (Some(code), Some(error)) = (parsed.error_code, &parsed.error) {
        return Output::line(&format!("{path}: {code}: {error}"));
    }
    Output::line(&format!(
        "{path}: {}, {}, {} pages, {} characters, {} blocks, {} chunks, {:.3} s",
        parsed.r#type.as_deref().unwrap_or_default(),
        parsed.language.as_deref().unwrap_or("no language"),
        parsed.pages,
        parsed.characters,
        parsed.blocks,
        parsed.chunks,
        parsed.seconds,
    ))?;
    for warning in &parsed.warnings {
        Output::line(&format!("  warning: {warning}"))?;
    }
    if let Some(text) = &parsed.text {
        Output::line(text)?;
    }
    for chunk in parsed.chunk_list.iter().flatten() {
        let page = chunk.page.map(|page| format!(", page {page}"));
        Output::line(&format!(
            "--- chunk {}: {} tokens{}, under `{}`\n{}",
            chunk.ordinal,
            chunk.tokens,
            page.unwrap_or_default(),
            chunk.heading_path.join(" > "),
            chunk.text
        ))?;
    }
    Ok(())
}
