//! Measures extraction on one thread and prints a line of JSON: `bench_extract ENGLISH.txt CHINESE.txt`.
//!
//! Chunks are 1,000 characters of English and 400 of Chinese; rates are per second of one thread.
#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]

use std::time::Instant;

use graphmill_graph::{ChineseTagger, Extractor, GraphOptions, LocalExtractor};

const ENGLISH_CHARS: usize = 1_000;
const CHINESE_CHARS: usize = 400;
const MAX_CHUNKS: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = std::env::args().skip(1);
    let (Some(english), Some(chinese)) = (files.next(), files.next()) else {
        return Err("expected an English and a Chinese text file".into());
    };
    let english = chunks(&std::fs::read_to_string(english)?, ENGLISH_CHARS);
    let chinese = chunks(&std::fs::read_to_string(chinese)?, CHINESE_CHARS);
    let lac = LocalExtractor::new(GraphOptions::default())?;
    let jieba = LocalExtractor::new(GraphOptions {
        chinese: ChineseTagger::Jieba,
        ..GraphOptions::default()
    })?;
    jieba.extract(&["预热"]);
    let result = serde_json::json!({
        "english": rate(&lac, &english),
        "chinese_lac": rate(&lac, &chinese),
        "chinese_jieba": rate(&jieba, &chinese),
        "peak_rss_kib": peak_rss_kib(),
    });
    println!("{result}");
    Ok(())
}

fn chunks(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(size)
        .take(MAX_CHUNKS)
        .map(|chunk| chunk.iter().collect())
        .collect()
}

fn rate(extractor: &LocalExtractor, chunks: &[String]) -> serde_json::Value {
    let texts: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let (cpu, wall) = (cpu_secs(), Instant::now());
    let mentions: usize = extractor
        .extract(&texts)
        .iter()
        .map(|extraction| extraction.mentions.len())
        .sum();
    let cpu = cpu_secs() - cpu;
    serde_json::json!({
        "chunks": texts.len(),
        "mentions": mentions,
        "chunks_per_cpu_sec": texts.len() as f64 / cpu.max(0.01),
        "chunks_per_wall_sec": texts.len() as f64 / wall.elapsed().as_secs_f64(),
    })
}

/// User and system time of this process so far; 0 where the system does not tell.
fn cpu_secs() -> f64 {
    const TICKS_PER_SEC: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SEC
}

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}
