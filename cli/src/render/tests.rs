use graphmill_config::{Config, Sources};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use graphmill_pipeline::doctor::Finding;

use super::*;
use crate::{
    commands::{
        demo::{Question, report::Report},
        ingest::tally::{Failure, Summary},
    },
    views::{Answer, Document, Job, Queue},
};

const ID: &str = "0190b6a4-7c1e-7f3a-9d52-3b8f6e1c2a47";

fn view<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn sample_document() -> Value {
    json!({
        "document_id": ID, "version_id": ID, "version_number": 1, "title": "北极光风电场事故调查报告.docx",
        "source": "documents/北极光风电场事故调查报告.docx", "status": "processing", "file_type": "docx", "declared_type": null,
        "language": "zh", "encoding": null, "size_bytes": 48_128, "pages": 6, "characters": 5120, "chunks": 14,
        "warnings": ["an image was left out"], "metadata": {}, "error": null, "progress": { "done": 2, "total": 3 },
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z",
        "stages": [
            { "stage": "parse", "shard": 0, "state": "completed", "items": 14, "attempt": 1, "job_id": ID,
              "error_code": null, "error_message": null, "started_at": null, "finished_at": null },
            { "stage": "embed", "shard": 0, "state": "failed", "items": null, "attempt": 2, "job_id": ID,
              "error_code": "store.full", "error_message": "the disk is full", "started_at": null, "finished_at": null },
        ],
    })
}

fn failed_document() -> Value {
    let mut document = sample_document();
    document["status"] = json!("failed");
    document["title"] =
        json!("a very long name of a scanned document that somebody sent by mail on a Friday.pdf");
    document["error"] =
        json!({ "code": "parse.encrypted", "message": "the document needs a password" });
    document
}

fn sample_job() -> Value {
    json!({
        "id": ID, "kind": "document.process", "queue": "documents", "payload": {}, "priority": "normal", "tenant": "default",
        "state": "dead", "dead_reason": "crashed", "attempt": 3, "max_attempts": 20, "crashes": 3, "worker": null,
        "progress": { "done": 0, "total": 0, "stage": "parse", "message": "" },
        "errors": [{ "attempt": 3, "class": "crash", "code": "job.crashed", "message": "the lease was lost", "worker": "host-1", "at": "2026-01-02T03:04:09Z" }],
        "submitted_at": "2026-01-02T03:04:05Z", "run_at": "2026-01-02T03:04:05Z", "started_at": "2026-01-02T03:04:06Z",
        "finished_at": "2026-01-02T03:04:09Z",
    })
}

fn sample_answer() -> Answer {
    view(json!({
        "query": "超声波探头的误差超过多少需要更换？", "mode": "hybrid", "seconds": 0.0123,
        "results": [
            { "text": "超声波探头的误差超过 3% 时需要更换。更换之后应当重新校准，并把结果记录在维护日志里。", "score": 0.91234,
              "document_id": ID, "document": "传感器校准指南.md", "source": "documents/传感器校准指南.md", "chunk_id": "ab",
              "ordinal": 3, "page": null, "last_page": null, "start": 10, "end": 60, "heading_path": ["校准", "超声波探头"],
              "scores": {}, "evidence": {
                "entities": [{ "name": "超声波探头", "type": "product" }, { "name": "校准", "type": "concept" }],
                "relations": [{ "source": "超声波探头", "target": "校准", "label": "需要", "weight": 1.5 }] } },
            { "text": "Replace the probe when its error is larger than three percent. ".repeat(12), "score": 0.5,
              "document_id": ID, "document": "aurora-x2-user-manual.pdf", "source": "x", "chunk_id": "cd", "ordinal": 9,
              "page": 4, "last_page": 5, "start": 1, "end": 2, "heading_path": [], "scores": {}, "evidence": {} },
        ],
    }))
}

fn sample_summary() -> Summary {
    let failure = |path: &str, code: &str, message: &str| Failure {
        path: path.to_owned(),
        document_id: None,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    Summary {
        accepted: 40,
        unchanged: 2,
        completed: 36,
        failed: 6,
        pending: 0,
        timed_out: false,
        failures: vec![
            failure(
                "corpus/a.pdf",
                "parse.encrypted",
                "the document needs a password",
            ),
            failure(
                "corpus/b.bin",
                "document.unsupported_type",
                "type `elf` is not supported",
            ),
            failure(
                "corpus/c.bin",
                "document.unsupported_type",
                "type `elf` is not supported",
            ),
            failure(
                "corpus/d.bin",
                "document.unsupported_type",
                "type `elf` is not supported",
            ),
            failure(
                "corpus/e.bin",
                "document.unsupported_type",
                "type `elf` is not supported",
            ),
            failure("missing", "path.invalid", "`missing` does not exist"),
        ],
        chunks: 512,
        bytes: 12_345_678,
        seconds: 6.54,
    }
}

fn sample_report(expected: &str) -> Report {
    let question = Question {
        query: "超声波探头的误差超过多少需要更换？".to_owned(),
        mode: crate::args::QueryMode::Hybrid,
        expect_document: expected.to_owned(),
        why: "a Chinese question".to_owned(),
    };
    let mut ingested = sample_summary();
    ingested.failures.clear();
    ingested.failed = 0;
    Report {
        ingested,
        stats: view(
            json!({ "documents": {}, "chunks": 120, "embeddings": 118, "entities": 300, "relations": 420, "bytes": 1 }),
        ),
        answers: vec![(question, sample_answer())],
        seconds: 4.2,
    }
}

#[test]
fn documents_as_a_list_and_as_one() {
    let all: Vec<Document> = view(json!([sample_document(), failed_document()]));
    insta::assert_snapshot!(documents(&all, 110));
    insta::assert_snapshot!(document(&all[0], 80));
    insta::assert_snapshot!(documents(&[], 80));
}

#[test]
fn jobs_as_a_list_and_as_one() {
    let all: Vec<Job> = view(json!([sample_job()]));
    insta::assert_snapshot!(jobs(&all, 140));
    insta::assert_snapshot!(job(&all[0], 80));
}

#[test]
fn queues_have_a_column_a_state() {
    let all: Vec<Queue> = view(json!([
        { "queue": "documents", "counts": { "ready": 1200, "running": 2 }, "oldest_ready_s": 12.4, "backlog_s": 30.0, "paused": false },
        { "queue": "graph", "counts": {}, "oldest_ready_s": null, "backlog_s": null, "paused": true },
    ]));
    insta::assert_snapshot!(queues(&all, 120));
}

#[test]
fn settings_show_where_they_came_from() {
    let sources = Sources {
        environment: vec![(
            "GRAPHMILL_SQL_URL".to_owned(),
            "postgres://me:pass@db/x".to_owned(),
        )],
        flags: vec![("queue.lease".to_owned(), "30s".to_owned())],
        ..Sources::default()
    };
    let (config, _) = Config::load(sources).unwrap();
    let shown = settings(config.provenance(), 100);
    assert!(!shown.contains("pass"), "passwords are hidden");
    let changed: Vec<_> = shown
        .lines()
        .filter(|line| line.contains("flag") || line.contains("environment"))
        .collect();
    insta::assert_snapshot!(changed.join("\n"));
}

#[test]
fn an_answer_shows_place_excerpt_and_evidence() {
    insta::assert_snapshot!(answer(&sample_answer(), 80));
}

#[test]
fn an_ingest_groups_failures_by_code() {
    insta::assert_snapshot!(ingest(&sample_summary(), 80));
}

#[test]
fn a_demo_passes_only_if_the_expected_document_came_first() {
    let good = sample_report("传感器校准指南.md");
    assert!(good.passed());
    insta::assert_snapshot!(demo(&good, None, 80));
    insta::assert_json_snapshot!(good.json());
    let wrong = sample_report("aurora-x2-user-manual.pdf");
    assert!(!wrong.passed());
    assert!(demo(&wrong, None, 80).contains("NOT AS EXPECTED"));
    let mut unfinished = sample_report("传感器校准指南.md");
    unfinished.ingested.failed = 1;
    assert!(!unfinished.passed());
}

#[test]
fn findings_stand_one_a_line_with_what_to_change_below() {
    let found = [
        Finding::ok("data_dir", "`/data` can be written"),
        Finding::error(
            "redis.eviction",
            "`maxmemory-policy` is `allkeys-lru`",
            "write `maxmemory-policy noeviction` into redis.conf",
        ),
        Finding::warning("redis.clock", "the clock is off", "synchronise it"),
    ];
    insta::assert_snapshot!(findings(&found));
}
