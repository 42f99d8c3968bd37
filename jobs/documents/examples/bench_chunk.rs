//! How fast documents are chunked: one thread and two, exact counts, as JSON.
//!
//! `bench_chunk [--sizing cl100k] [--strategy recursive] [--target 512] [--overlap 64] [--runs 5] [--dump FILE] TEXT…`
//!
//! Each file is UTF-8 and is cut into documents at form feeds; a document's paragraphs are its blocks. One object is
//! printed for each file: the medians of the runs in MB/s of wall time, and what a first run on a new thread gives, whose
//! memory of counts is empty. `--dump` writes text and tokens of all chunks, an object a
//! line, for somebody else to count.

use std::io::Write as _;
use std::time::Instant;

use graphmill_documents::chunk::{ChunkOptions, chunk_documents};
use graphmill_documents::{Block, BlockKind, Chunk, Document, TokenCounter};

type Failure = Box<dyn std::error::Error>;

/// For sizings that ask no counter.
struct Nobody;

impl TokenCounter for Nobody {
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        ends.push(text.len());
    }
}

fn main() -> Result<(), Failure> {
    let mut options = serde_json::json!({
        "target_tokens": 512, "max_tokens": 512, "overlap_tokens": 64, "sizing": "cl100k", "strategy": "recursive",
    });
    let (mut runs, mut dump, mut files) = (5, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let Some(name) = argument.strip_prefix("--") else {
            files.push(argument);
            continue;
        };
        let value = arguments.next().ok_or("an option without a value")?;
        match name {
            "sizing" | "strategy" => options[name] = value.into(),
            "target" => {
                options["target_tokens"] = value.parse::<u32>()?.into();
                options["max_tokens"] = value.parse::<u32>()?.into();
            }
            "overlap" => options["overlap_tokens"] = value.parse::<u32>()?.into(),
            "runs" => runs = value.parse()?,
            "dump" => dump = Some(std::io::BufWriter::new(std::fs::File::create(value)?)),
            _ => return Err(format!("unknown option --{name}").into()),
        }
    }
    let options: ChunkOptions = serde_json::from_value(options)?;
    for file in files {
        let documents = documents(&std::fs::read_to_string(&file)?);
        let chunks = report(&file, &documents, &options, runs)?;
        if let Some(dump) = &mut dump {
            for chunk in chunks.iter().flatten() {
                let line = serde_json::json!({ "text": chunk.text, "tokens": chunk.tokens });
                writeln!(dump, "{line}")?;
            }
        }
    }
    Ok(())
}

/// A document for each part between form feeds, a block for each paragraph.
fn documents(text: &str) -> Vec<Document> {
    let document = |part: &str| {
        let start = |piece: &str| piece.as_ptr() as usize - part.as_ptr() as usize;
        let paragraphs = part.split("\n\n").map(str::trim);
        let block = |paragraph: &str| Block {
            kind: BlockKind::Paragraph,
            start: start(paragraph),
            end: start(paragraph) + paragraph.len(),
            page: None,
            heading_path: Vec::new(),
        };
        Document {
            text: part.to_owned(),
            blocks: paragraphs
                .filter(|paragraph| !paragraph.is_empty())
                .map(block)
                .collect(),
            ..Document::default()
        }
    };
    text.split('\u{c}').map(document).collect()
}

fn report(
    file: &str,
    documents: &[Document],
    options: &ChunkOptions,
    runs: usize,
) -> Result<Vec<Vec<Chunk>>, Failure> {
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let whole = [Document {
        text: documents
            .iter()
            .map(|document| document.text.as_str())
            .collect(),
        ..Document::default()
    }];
    // Vocabularies are loaded once in a process.
    let chunks = chunk_documents(documents, &Nobody, options);
    let mut figures = serde_json::json!({
        "file": file,
        "bytes": bytes,
        "documents": documents.len(),
        "chunks": chunks.iter().map(Vec::len).sum::<usize>(),
        "tokens_mean": mean_tokens(&chunks),
    });
    for threads in [1, 2] {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let time = |pool: &rayon::ThreadPool, documents: &[Document]| {
            let begun = Instant::now();
            let chunks = pool.install(|| chunk_documents(documents, &Nobody, options));
            let rate = bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
            drop(chunks);
            rate
        };
        let warm = pool()?;
        time(&warm, documents);
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..runs {
            rates[0].push(time(&warm, documents));
            rates[1].push(time(&pool()?, documents));
            rates[2].push(time(&warm, &whole));
        }
        for (name, rates) in ["mb_per_s", "mb_per_s_cold", "mb_per_s_one_document"]
            .into_iter()
            .zip(&mut rates)
        {
            rates.sort_by(f64::total_cmp);
            figures[format!("{name}_{threads}_threads")] = rates[rates.len() / 2].into();
        }
    }
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(chunks)
}

fn mean_tokens(chunks: &[Vec<Chunk>]) -> f64 {
    let (mut tokens, mut count) = (0, 0);
    for chunk in chunks.iter().flatten() {
        tokens += u64::from(chunk.tokens);
        count += 1;
    }
    tokens as f64 / f64::from(count.max(1))
}
