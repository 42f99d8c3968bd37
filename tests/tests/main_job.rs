//! The main job over HTTP, as a client sees it: documents in, answers out, nothing left behind.

use graphmill_tests::System;
use serde_json::{Value, json};

const ENGLISH: &str = "# Harbour notes\n\nThe Meridian crane was built in Rotterdam by Vulcan Works in 1998. \
Anna Berg inspects the Meridian crane every spring.\n\n# Repairs\n\nIn 2023 Vulcan Works replaced the main bearing of \
the Meridian crane. The bearing came from a foundry in Turin.\n";
const CHINESE: &str = "# 港口记录\n\n王芳负责上海港的集装箱调度。她在深圳大学学习过物流管理。\n\n# 设备\n\n上海港在二〇二三年购买了十二台\
自动导引车，用于运输集装箱。\n";

async fn settled(data: &std::path::Path) -> System {
    let system = System::start(data, &[]).await;
    system.upload_text("harbour.md", ENGLISH).await;
    system.upload_text("port.md", CHINESE).await;
    let documents = system.wait_settled().await;
    assert_eq!(documents["completed"], 2, "{documents}\n{}", system.log());
    system
}

async fn first_source(system: &System, query: &str, mode: &str) -> Value {
    let (status, answer) = system
        .post(
            "/api/query",
            &json!({ "query": query, "mode": mode, "limit": 5 }),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    answer["results"][0]["source"].clone()
}

#[tokio::test]
async fn a_document_is_found_by_meaning_by_words_and_by_graph_in_both_languages() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = settled(temp.path()).await;
    for mode in ["naive", "hybrid"] {
        assert_eq!(
            first_source(&system, "who repaired the crane's bearing?", mode).await,
            "harbour.md",
            "{mode}"
        );
        assert_eq!(
            first_source(&system, "谁负责集装箱调度？", mode).await,
            "port.md",
            "{mode}"
        );
    }
    assert_eq!(
        first_source(&system, "Vulcan Works", "local").await,
        "harbour.md"
    );
    assert_eq!(first_source(&system, "王芳", "local").await, "port.md");
}

#[tokio::test]
async fn a_result_maps_back_to_the_characters_of_the_document() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = settled(temp.path()).await;
    let (_, answer) = system
        .post("/api/query", &json!({ "query": "自动导引车" }))
        .await;
    let first = &answer["results"][0];
    let (start, end) = (
        first["start"].as_u64().expect("start"),
        first["end"].as_u64().expect("end"),
    );
    assert_eq!(
        first["text"].as_str().expect("text").chars().count() as u64,
        end - start
    );
    let id = first["document_id"].as_str().expect("an id");
    let (_, document) = system.get(&format!("/api/documents/{id}")).await;
    assert!(end <= document["characters"].as_u64().expect("characters"));
}

#[tokio::test]
async fn the_same_document_twice_adds_nothing() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = settled(temp.path()).await;
    let (_, before) = system.get("/api/stats").await;
    let body = json!({ "title": "harbour.md", "source": "harbour.md", "content": ENGLISH });
    let (status, again) = system.post("/api/documents", &body).await;
    assert_eq!((status, &again["result"]), (200, &json!("unchanged")));
    system.wait_settled().await;
    let (_, after) = system.get("/api/stats").await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn an_edited_document_pays_only_for_what_changed() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    // Small chunks: a section each.
    let settings = [
        "chunk.target_tokens=24",
        "chunk.max_tokens=48",
        "chunk.overlap_tokens=0",
    ];
    let system = System::start(temp.path(), &settings).await;
    let id = system.upload_text("harbour.md", ENGLISH).await;
    system.wait_settled().await;
    let (_, before) = system
        .get(&format!("/api/documents/{id}/chunks?limit=100"))
        .await;
    let edited = ENGLISH.replace("a foundry in Turin", "a foundry in Bergamo");
    let body = json!({ "title": "harbour.md", "source": "harbour.md", "content": edited });
    let (status, answer) = system.post("/api/documents", &body).await;
    assert_eq!(
        (status, &answer["result"]),
        (201, &json!("new_version")),
        "{answer}"
    );
    assert_eq!(answer["document_id"], json!(id));
    system.wait_settled().await;

    let (_, after) = system
        .get(&format!("/api/documents/{id}/chunks?limit=100"))
        .await;
    let ids = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|c| c["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let (before, after) = (ids(&before), ids(&after));
    let kept = after.iter().filter(|id| before.contains(id)).count();
    assert!(kept > 0 && kept < after.len(), "{before:?} {after:?}");
    let (_, jobs) = system.get("/api/jobs?kind=document.embed&limit=10").await;
    let newest = &jobs["items"][0]["result"];
    assert_eq!(
        newest["embedded"].as_u64().expect("a count") as usize,
        after.len() - kept,
        "{newest}"
    );
    let (_, stats) = system.get("/api/stats").await;
    assert_eq!(
        stats["embeddings"].as_u64(),
        Some(after.len() as u64),
        "vectors of the old text are gone"
    );
}

#[tokio::test]
async fn deleting_every_document_leaves_nothing_behind() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let mut system = settled(temp.path()).await;
    let (_, page) = system.get("/api/documents?limit=10").await;
    for document in page["items"].as_array().expect("items") {
        let id = document["document_id"].as_str().expect("an id");
        let (status, _) = system.delete(&format!("/api/documents/{id}")).await;
        assert_eq!(status, 202);
    }
    let documents = system.wait_settled().await;
    assert_eq!(documents["completed"], 0);
    let (_, answer) = system
        .post("/api/query", &json!({ "query": "Meridian crane" }))
        .await;
    assert_eq!(answer["results"], json!([]));
    let (_, audit) = system.get("/api/audit").await;
    assert_eq!(audit["unaccounted"], 0);
    assert_eq!(system.stop().await, Some(0));
    let (totals, _) = system.contents().await;
    assert_eq!(totals, graphmill_store::graph::Totals::default());
    assert_eq!(files_below(&temp.path().join("blobs")), 0);
}

#[tokio::test]
async fn a_failed_document_says_why_and_leaves_the_others_alone() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = System::start(temp.path(), &[]).await;
    let good = system
        .upload_text(
            "good.txt",
            "A short note about the lighthouse of Alexandria.",
        )
        .await;
    let answer = reqwest::Client::new()
        .post(system.url("/api/documents?title=broken.pdf&source=broken.pdf"))
        .header("content-type", "application/pdf")
        .body(&b"%PDF-1.7\nthis is no PDF"[..])
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 201);
    let broken: Value = answer.json().await.expect("JSON");
    let documents = system.wait_settled().await;
    assert_eq!(
        (&documents["completed"], &documents["failed"]),
        (&json!(1), &json!(1))
    );
    let (_, document) = system
        .get(&format!(
            "/api/documents/{}",
            broken["document_id"].as_str().expect("an id")
        ))
        .await;
    assert_eq!(document["status"], "failed");
    let code = document["error"]["code"].as_str().expect("a code");
    assert!(code.starts_with("parse."), "{document}");
    let (_, document) = system.get(&format!("/api/documents/{good}")).await;
    assert_eq!(document["status"], "completed");
}

fn files_below(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| {
            if entry.path().is_dir() {
                files_below(&entry.path())
            } else {
                1
            }
        })
        .sum()
}
