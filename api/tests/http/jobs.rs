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
