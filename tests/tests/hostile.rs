//! Documents made to do harm, through the whole system: each ends with text or with a code that its owner can act on, the
//! process survives, and a harmless document after them is found.

use graphmill_tests::{System, corpus};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_process_survives_every_hostile_document() {
    let Some(corpus) = corpus::folder() else {
        return;
    };
    let temp = tempfile::tempdir().expect("a temporary folder");
    // The tagger adds nothing to what this shows, and some of these files are megabytes of Chinese.
    let mut system = System::start(temp.path(), &["graph.chinese=jieba"]).await;
    let pid = system.pid();
    let folder = corpus.join("hostile");
    let folder = folder.to_str().expect("the corpus has a printable path");
    let (code, stdout, stderr) = system.cli(&["--json", "ingest", folder, "--wait"]).await;
    assert_eq!(code, Some(1), "some of them fail\n{stdout}\n{stderr}");

    let documents = system.wait_settled().await;
    let settled = documents["completed"]
        .as_u64()
        .zip(documents["failed"].as_u64());
    let files = corpus::manifest(&corpus)
        .iter()
        .filter(|entry| entry.is_hostile())
        .count() as u64;
    // Besides the manifest's files the folder may hold notes of its own.
    assert!(
        settled.is_some_and(|(done, failed)| done + failed >= files),
        "{documents}"
    );

    let (_, failed) = system.get("/api/documents?status=failed&limit=500").await;
    for document in failed["items"].as_array().expect("items") {
        let code = document["error"]["code"].as_str().unwrap_or_default();
        let message = document["error"]["message"].as_str().unwrap_or_default();
        assert!(
            code.starts_with("parse.") && !message.is_empty(),
            "{document}"
        );
        let harmless_end = !matches!(code, "parse.crashed" | "parse.timeout");
        assert!(
            harmless_end,
            "{} took its parser down: {message}",
            document["source"]
        );
    }

    system
        .upload_text("after.txt", "The lighthouse of Eddystone stands on a reef.")
        .await;
    system.wait_settled().await;
    let (_, answer) = system
        .post("/api/query", &json!({ "query": "lighthouse on a reef" }))
        .await;
    assert_eq!(answer["results"][0]["source"], "after.txt");
    assert_eq!(system.pid(), pid, "the process is the one that was started");
    assert_eq!(system.stop().await, Some(0));
}
