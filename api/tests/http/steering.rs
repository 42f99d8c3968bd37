//! Jobs submitted, changed, moved and followed over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{App, send};

/// Submits jobs of queue `control`, and returns their ids.
async fn submit(app: &App, jobs: Vec<Value>) -> Vec<String> {
    let answer = app.post("/api/jobs", &json!({ "jobs": jobs })).await.json();
    let items = answer["items"].as_array().unwrap();
    items
        .iter()
        .map(|verdict| {
            assert_eq!(verdict["verdict"], "accepted", "{verdict}");
            verdict["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn job(n: u64) -> Value {
    json!({"kind": "note", "queue": "control", "payload": {"n": n}, "tags": [format!("n{}", n % 2)]})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_submitted_job_has_a_verdict() {
    let app = App::start().await;
    let unique = |n: u64| json!({"kind": "note", "queue": "control", "payload": n, "unique": {"key": "a", "until": "done"}});
    let jobs = json!([
        unique(1),
        unique(1),
        unique(2),
        {"kind": "note", "queue": "contrl"},
        {"kind": "", "queue": "control"},
    ]);
    let answer = app.post("/api/jobs", &json!({ "jobs": jobs })).await.json();
    let verdicts: Vec<_> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|verdict| verdict["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(
        verdicts,
        ["accepted", "duplicate", "conflict", "rejected", "rejected"]
    );
    assert_eq!(answer["items"][3]["code"], "queue.not_found");
    let all = json!([job(1), {"kind": "note", "queue": "contrl"}]);
    let answer = app
        .post("/api/jobs?all_or_nothing=true", &json!({ "jobs": all }))
        .await
        .json();
    assert_eq!(answer["items"][0]["verdict"], "rejected");
    let counts = app.get("/api/jobs/counts").await.json();
    assert_eq!(counts["counts"]["ready"], 1);
    app.post("/api/jobs", &json!({"jobs": []}))
        .await
        .problem(422, "request.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_is_snoozed_and_promoted() {
    let app = App::start().await;
    let ids = submit(&app, vec![job(1)]).await;
    let path = format!("/api/jobs/{}", ids[0]);
    let until = json!({"until": "2100-01-01T00:00:00Z"});
    let snoozed = app.post(&format!("{path}/snooze"), &until).await.json();
    assert_eq!(
        (&snoozed["state"], &snoozed["run_at"]),
        (&json!("scheduled"), &json!("2100-01-01T00:00:00Z"))
    );
    let promoted = app.post(&format!("{path}/promote"), &json!(null)).await;
    assert_eq!(promoted.json()["state"], "ready");
    app.post(&format!("{path}/cancel"), &json!(null)).await;
    app.post(&format!("{path}/promote"), &json!(null))
        .await
        .problem(409, "job.conflict");
    let payload = app.request("PUT", &format!("{path}/payload"));
    send(payload.json(&json!({"payload": 1})))
        .await
        .problem(409, "job.conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_means_the_jobs_of_its_filter() {
    let app = App::start().await;
    submit(&app, (0..10).map(job).collect()).await;
    let operate = async |body: Value| app.post("/api/jobs/operate", &body).await;
    let cancel = json!({"operation": "cancel", "filter": {"tag": "n1"}, "dry_run": true});
    let dry = operate(cancel.clone()).await.json();
    assert_eq!(
        dry,
        json!({"dry_run": true, "matched": 5, "changed": 5, "refused": {}, "next_cursor": null})
    );
    let mut wet = cancel;
    wet["dry_run"] = json!(false);
    assert_eq!(operate(wet).await.json()["changed"], 5);
    let deleted = operate(json!({"operation": "delete", "all": true}))
        .await
        .json();
    assert_eq!(
        (&deleted["changed"], &deleted["refused"]),
        (&json!(5), &json!({"job.conflict": 5}))
    );
    for wrong in [
        json!({"operation": "cancel"}),
        json!({"operation": "cancel", "all": true, "filter": {"queue": "control"}}),
        json!({"operation": "snooze", "all": true}),
        json!({"operation": "cancel", "all": true, "until": "2100-01-01T00:00:00Z"}),
        json!({"operation": "cancel", "all": true, "cursor": "nowhere"}),
        json!({"operation": "burn", "all": true}),
    ] {
        operate(wrong).await.problem(422, "request.invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_can_be_imported_once() {
    let app = App::start().await;
    submit(&app, (0..3).map(job).collect()).await;
    let exported = app
        .request("GET", "/api/jobs/export?tag=n0")
        .send()
        .await
        .unwrap();
    assert_eq!(exported.headers()["content-type"], "application/x-ndjson");
    let mut lines = exported.text().await.unwrap();
    assert_eq!(lines.lines().count(), 2);
    app.post("/api/queues/control/purge", &json!(null)).await;
    lines.push_str("no job\n");
    let import = async || {
        let body = lines.clone();
        send(app.request("POST", "/api/jobs/import").body(body))
            .await
            .json()
    };
    let first = import().await;
    assert_eq!(
        (&first["accepted"], &first["rejected"], &first["lines"]),
        (&json!(2), &json!(1), &json!(3))
    );
    assert_eq!(first["problems"][0]["line"], 3);
    assert_eq!(import().await["duplicates"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen() {
    let app = App::start().await;
    submit(&app, vec![job(1)]).await;
    let mut stream = app.request("GET", "/api/events").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    // Instants have a resolution of a millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let ids = submit(&app, vec![job(2)]).await;
    let mut text = String::new();
    while !text.contains("\n\n") {
        let part = tokio::time::timeout(Duration::from_secs(20), stream.chunk());
        let part = part.await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&part));
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data:"));
    let event: Value = serde_json::from_str(data.unwrap()).unwrap();
    assert_eq!(
        (event["job_id"].as_str(), event["state"].as_str()),
        (Some(ids[0].as_str()), Some("ready"))
    );
}
