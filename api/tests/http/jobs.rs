use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_listed_counted_cancelled_and_retried() {
    let app = App::start().await;
    let id = app.submit("a.txt", "one").await.json()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/jobs/{id}");
    let job = app.get(&path).await;
    assert_json_snapshot!("job", job.json(), {
        ".id" => "[id]", ".payload" => "[payload]", ".tags" => "[tags]", ".unique" => "[unique]",
        ".submitted_at" => "[time]", ".run_at" => "[time]",
    });
    let list = app
        .get("/api/jobs?state=ready,running&kind=document.process&limit=1")
        .await
        .json();
    assert_eq!(list["items"][0]["id"], id.as_str());
    let counts = app.get("/api/jobs/counts?kind=document.process").await;
    assert_json_snapshot!("job_counts", counts.json());

    let cancelled = app.post(&format!("{path}/cancel"), &json!(null)).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["state"]),
        (200, &json!("cancelled"))
    );
    let again = app.post(&format!("{path}/retry"), &json!(null)).await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (200, &json!("ready"))
    );
    app.post(&format!("{path}/retry"), &json!(null))
        .await
        .problem(409, "job.conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_paused_and_a_misspelt_one_is_refused() {
    let app = App::start().await;
    app.submit("a.txt", "one").await;
    let paused = app.post("/api/queues/documents/pause", &json!(null)).await;
    assert_eq!(paused.json(), json!({"queue": "documents", "paused": true}));
    let queues = app.get("/api/queues").await;
    assert_json_snapshot!("queues", queues.json(), {
        ".items[].oldest_ready_s" => "[seconds]", ".items[].backlog_s" => "[seconds]",
    });
    let resumed = app.post("/api/queues/documents/resume", &json!(null)).await;
    assert_eq!(resumed.json()["paused"], false);
    let problem = app
        .post("/api/queues/docments/pause", &json!(null))
        .await
        .problem(404, "queue.not_found");
    assert!(problem["detail"].as_str().unwrap().contains("documents"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_accounts_for_every_job() {
    let app = App::start().await;
    app.submit("a.txt", "one").await;
    assert_json_snapshot!("audit", app.get("/api/audit").await.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_explained_and_deleted_only_when_it_has_ended() {
    let app = App::start().await;
    let id = app.submit("a.txt", "one").await.json()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/jobs/{id}");
    app.post("/api/queues/documents/pause", &json!(null)).await;
    let why = app.get(&format!("{path}/why")).await.json();
    assert_eq!(why["state"], "ready");
    assert_eq!(why["reasons"][0]["reason"], "paused");
    let sentence = why["sentences"][0].as_str().unwrap();
    assert!(sentence.contains("documents"), "{sentence}");
    app.delete(&path).await.problem(409, "job.conflict");
    app.post(&format!("{path}/cancel"), &json!(null)).await;
    let deleted = app.delete(&path).await;
    assert_eq!(deleted.json(), json!({"id": id, "deleted": true}));
    app.get(&path).await.problem(404, "job.not_found");
    app.get(&format!("{path}/why"))
        .await
        .problem(404, "job.not_found");
    let audit = app.post("/api/audit/repair", &json!(null)).await.json();
    assert_eq!(audit["unaccounted"], 0, "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_counts_first_and_then_empties() {
    let app = App::start().await;
    for n in 0..3 {
        app.submit(&format!("{n}.txt"), "one").await;
    }
    let purge = "/api/queues/documents/purge";
    let dry = app
        .post(&format!("{purge}?dry_run=true"), &json!(null))
        .await;
    assert_eq!(
        dry.json(),
        json!({"dry_run": true, "matched": 3, "changed": 3, "refused": {}, "next_cursor": null})
    );
    let done = app.post(purge, &json!(null)).await.json();
    assert_eq!(
        (&done["changed"], &done["next_cursor"]),
        (&json!(3), &json!(null))
    );
    let left = app.get("/api/jobs?queue=documents").await.json();
    assert_eq!(left["items"], json!([]));
    app.post("/api/queues/docments/purge", &json!(null))
        .await
        .problem(404, "queue.not_found");
    let workers = app.get("/api/workers").await.json();
    assert_eq!(workers, json!({"items": []}));
}
