//! The parser sandbox against documents and programs that misbehave.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graphmill_documents::{Document, ErrorCode, Limits, ParseError};
use graphmill_worker::sandbox::{ParserCommand, ParserPool, PoolOptions};
use tokio_util::sync::CancellationToken;

const HOSTILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/hostile");

fn options() -> PoolOptions {
    PoolOptions {
        size: NonZeroUsize::MIN,
        timeout: Duration::from_secs(30),
        memory_bytes: 2 << 30,
        recycle_after: 200,
        limits: Limits::default(),
    }
}

fn parser_pool(options: PoolOptions) -> ParserPool {
    named_parser_pool("a-test", options)
}

/// A pool whose parsers have this word on their command line, so that a test finds its own among those of others.
fn named_parser_pool(name: &str, options: PoolOptions) -> ParserPool {
    let command = ParserCommand {
        program: PathBuf::from(env!("CARGO_BIN_EXE_graphmill-parser")),
        args: vec![name.into()],
    };
    ParserPool::new(command, options).expect("a thread for the pool")
}

/// A pool whose parsers are a shell script.
fn shell_pool(script: &str, options: PoolOptions) -> ParserPool {
    let command = ParserCommand {
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".into(), script.into()],
    };
    ParserPool::new(command, options).expect("a thread for the pool")
}

async fn parse(
    pool: &ParserPool,
    bytes: impl Into<Bytes>,
    declared: &str,
) -> Result<Document, ParseError> {
    pool.parse(
        bytes.into(),
        Some(declared.to_owned()),
        &CancellationToken::new(),
    )
    .await
}

async fn parse_harmless(pool: &ParserPool) {
    let document = parse(pool, "A harmless text. 无害的文字。", "txt")
        .await
        .expect("a harmless text parses");
    assert_eq!(document.text.trim(), "A harmless text. 无害的文字。");
    document.check().expect("the invariants hold");
}

#[tokio::test]
async fn one_parser_serves_document_after_document() {
    let pool = parser_pool(options());
    for _ in 0..20 {
        parse_harmless(&pool).await;
    }
}

#[tokio::test]
async fn parsers_are_recycled_and_replaced() {
    let pool = parser_pool(PoolOptions {
        recycle_after: 3,
        ..options()
    });
    for _ in 0..10 {
        parse_harmless(&pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_a_small_pool() {
    let pool = Arc::new(parser_pool(PoolOptions {
        size: NonZeroUsize::new(2).unwrap(),
        ..options()
    }));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let pool = Arc::clone(&pool);
        tasks.spawn(async move { parse_harmless(&pool).await });
    }
    for result in tasks.join_all().await {
        let () = result;
    }
}

#[tokio::test]
async fn a_document_larger_than_a_pipe_goes_through() {
    let pool = parser_pool(options());
    let text = "Eine Zeile mit Umlauten: äöü 汉字。\n".repeat(200_000);
    let document = parse(&pool, text.clone(), "txt").await.unwrap();
    assert!(document.text.len() > text.len() / 2);
}

#[tokio::test]
async fn a_parser_that_hangs_is_killed_and_replaced() {
    let pool = shell_pool(
        "sleep 1000",
        PoolOptions {
            timeout: Duration::from_millis(100),
            ..options()
        },
    );
    for _ in 0..2 {
        assert_eq!(
            parse(&pool, "x", "txt").await.unwrap_err().code,
            ErrorCode::Timeout
        );
    }
}

#[tokio::test]
async fn deaths_have_their_codes() {
    for (script, code) in [
        ("kill -SEGV $$", ErrorCode::Crashed),
        ("exit 3", ErrorCode::Crashed),
        ("kill -XCPU $$", ErrorCode::Timeout),
        ("kill -KILL $$", ErrorCode::Memory),
        (
            "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$",
            ErrorCode::Memory,
        ),
    ] {
        let pool = shell_pool(script, options());
        let error = parse(&pool, vec![b'x'; 1 << 20], "txt").await.unwrap_err();
        assert_eq!(error.code, code, "{script}: {error}");
    }
}

#[tokio::test]
async fn a_parser_that_answers_nonsense_is_killed_and_not_called_out_of_memory() {
    let pool = shell_pool("echo no frame at all; exec sleep 1000", options());
    assert_eq!(
        parse(&pool, "x", "txt").await.unwrap_err().code,
        ErrorCode::Crashed
    );
}

#[tokio::test]
async fn a_program_that_is_missing_is_an_error_with_its_reason() {
    let command = ParserCommand {
        program: PathBuf::from("/nonexistent/parser"),
        args: Vec::new(),
    };
    let pool = ParserPool::new(command, options()).unwrap();
    let error = parse(&pool, "x", "txt").await.unwrap_err();
    assert!(error.message.contains("could not be started"), "{error}");
}

#[tokio::test]
async fn cancelling_kills_the_parser() {
    let pool = shell_pool("sleep 1000", options());
    let cancel = CancellationToken::new();
    let (result, ()) = tokio::join!(pool.parse(Bytes::from("x"), None, &cancel), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert!(result.is_err());
}

#[tokio::test]
async fn a_parser_that_needs_too_much_memory_says_so() {
    let pool = parser_pool(PoolOptions {
        memory_bytes: 256 << 20,
        ..options()
    });
    let error = parse(&pool, vec![b'a'; 200 << 20], "txt")
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Memory, "{error}");
    parse_harmless(&pool).await;
}

#[tokio::test]
async fn children_inherit_no_environment_and_can_open_nothing() {
    let pool = named_parser_pool("the-confined-one", options());
    parse_harmless(&pool).await;
    let parser = processes_with_argument("the-confined-one")
        .pop()
        .expect("a warm parser");
    let environment = std::fs::read(parser.join("environ")).unwrap();
    assert!(environment.is_empty());
    let limits = std::fs::read_to_string(parser.join("limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..]
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(limit("Max open files"), "4");
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max address space"), (2_u64 << 30).to_string());
    assert_ne!(limit("Max cpu time"), "unlimited");
    let descriptors = std::fs::read_dir(parser.join("fd")).unwrap().count();
    assert_eq!(descriptors, 4);
}

#[tokio::test]
async fn no_parser_outlives_its_pool() {
    let pool = named_parser_pool("the-orphan", options());
    parse_harmless(&pool).await;
    let parsers = processes_with_argument("the-orphan");
    assert_eq!(parsers.len(), 1);
    drop(pool);
    for _ in 0..500 {
        if parsers.iter().all(|parser| !is_alive(parser)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{parsers:?} still run");
}

/// Whether a process runs; one that has ended but was not waited for does not.
fn is_alive(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit(") ")
                .next()
                .map(|rest| !rest.starts_with(['Z', 'X']))
        })
        .unwrap_or(false)
}

/// The `/proc` folders of the processes that have this argument.
fn processes_with_argument(argument: &str) -> Vec<PathBuf> {
    std::fs::read_dir("/proc")
        .expect("tests of the sandbox run on Linux")
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let line = std::fs::read(folder.join("cmdline")).ok()?;
            line.split(|&byte| byte == 0)
                .any(|part| part == argument.as_bytes())
                .then_some(folder)
        })
        .collect()
}

#[tokio::test]
async fn every_hostile_file_ends_in_text_or_a_code_and_the_next_document_parses() {
    let Ok(folder) = std::fs::read_dir(HOSTILE) else {
        println!("skipped: no {HOSTILE}");
        return;
    };
    let pool = parser_pool(options());
    let mut counts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut files: Vec<PathBuf> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let extension = file
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned())
            .unwrap_or_default();
        let outcome = match parse(&pool, std::fs::read(&file).unwrap(), &extension).await {
            Ok(document) => {
                document
                    .check()
                    .unwrap_or_else(|broken| panic!("{name}: {broken}"));
                "ok".to_owned()
            }
            Err(error) => {
                assert!(!error.message.is_empty());
                error.code.to_string()
            }
        };
        counts.entry(outcome).or_default().push(name);
        parse_harmless(&pool).await;
    }
    for (outcome, names) in &counts {
        println!("{outcome}: {} {names:?}", names.len());
    }
    assert!(!counts.contains_key("parse.timeout"), "{counts:#?}");
}
