//! Measures both built-in models and prints one JSON object a line: load time, tokenising, texts a CPU second with one
//! and two threads on English and Chinese passages of about 256 tokens, resident memory.
//!
//! `cargo run --release -p graphmill-embedding --example bench_embed [texts of the fast model] [of the accurate one]`
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{error::Error, fs, time::Instant};

use graphmill_embedding::{Embedder, ModelChoice, open};

const ENGLISH: &[&str] = &[
    "The archive keeps several versions of each package, and a mirror may hold only some of them.",
    "When a worker dies, its lease runs out and another one takes the job from where it was recorded.",
    "Free software gives its users the right to run, study, change and share what they were given.",
    "A query is embedded with the same model as the passages, or the distances mean nothing at all.",
    "PostgreSQL 16 was released in September 2023 with faster bulk loading and logical replication.",
];

const CHINESE: &[&str] = &[
    "软件仓库保存每个软件包的多个版本，镜像站点可能只保留其中的一部分。",
    "当工作进程崩溃时，它的租约会过期，另一个进程从记录的位置继续执行任务。",
    "自由软件赋予用户运行、学习、修改和分享的权利，任何人都可以参与开发。",
    "查询必须使用与文档相同的模型生成向量，否则距离没有任何意义。",
    "数据库的新版本支持更快的批量导入，并改进了逻辑复制的性能。",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut counts = std::env::args().skip(1).map(|count| count.parse::<usize>());
    let fast = counts.next().transpose()?.unwrap_or(200);
    let accurate = counts.next().transpose()?.unwrap_or(16);
    for (choice, count) in [(ModelChoice::Fast, fast), (ModelChoice::Accurate, accurate)] {
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        let model = open(&choice)?;
        println!(
            "{}",
            serde_json::json!({
                "model": model.id(), "load_seconds": start.elapsed().as_secs_f64(), "load_cpu_seconds": cpu_seconds()? - cpu,
                "resident_mb": resident_mb()?,
            })
        );
        for (language, sentences) in [("en", ENGLISH), ("zh", CHINESE)] {
            let texts = passages(&*model, sentences, count);
            tokenise(&*model, language, &texts);
            for threads in [1, 2] {
                embed(&*model, language, &texts, threads)?;
            }
        }
    }
    Ok(())
}

/// Distinct passages of about 256 tokens.
fn passages(model: &dyn Embedder, sentences: &[&str], count: usize) -> Vec<String> {
    let passage = |number: usize| {
        let mut text = format!("{number}. ");
        let mut ends = Vec::new();
        for index in number.. {
            text.push_str(sentences[index % sentences.len()]);
            text.push(' ');
            ends.clear();
            model.token_ends(&text, &mut ends);
            if ends.len() >= 248 {
                break;
            }
        }
        text
    };
    (0..count).map(passage).collect()
}

fn tokenise(model: &dyn Embedder, language: &str, texts: &[String]) {
    let start = Instant::now();
    let (mut bytes, mut tokens) = (0, 0);
    let mut ends = Vec::new();
    while start.elapsed().as_millis() < 200 {
        for text in texts {
            ends.clear();
            model.token_ends(text, &mut ends);
            bytes += text.len();
            tokens += ends.len();
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "model": model.id(), "language": language, "tokenise_mb_per_second": bytes as f64 / 1e6 / seconds,
            "tokens_per_second": tokens as f64 / seconds,
        })
    );
}

fn embed(
    model: &dyn Embedder,
    language: &str,
    texts: &[String],
    threads: usize,
) -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    pool.install(|| model.embed_passages(&texts))?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!(
        "{}",
        serde_json::json!({
            "model": model.id(), "language": language, "threads": threads, "texts": texts.len(),
            "texts_per_cpu_second": texts.len() as f64 / cpu, "texts_per_second": texts.len() as f64 / wall,
            "resident_mb": resident_mb()?,
        })
    );
    Ok(())
}

/// User and system time of this process, in clock ticks of 10 ms.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat
        .rsplit(") ")
        .next()
        .ok_or("no process name in /proc/self/stat")?;
    let ticks: Result<Vec<f64>, _> = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

fn resident_mb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("no VmRSS in /proc/self/status")?;
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .ok_or("no size after VmRSS")?
        .parse()?;
    Ok(kib / 1024)
}
