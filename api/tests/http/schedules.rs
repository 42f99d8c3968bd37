//! Jobs by the clock.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App, send};

async fn put(app: &App, name: &str, body: &Value) -> Answer {
    let path = format!("/api/schedules/{name}");
    send(app.request(Method::PUT.as_str(), &path).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_put_paused_and_deleted() {
    let app = App::start().await;
    let job = json!({"kind": "cleanup", "queue": "control", "payload": {"days": 3}});
    let body = json!({"cron": "30 2 * * *", "timezone": "Europe/Berlin", "job": job});
    let schedule = put(&app, "nightly", &body).await.json();
    assert_eq!(schedule["name"], "nightly");
    assert_eq!(schedule["catch_up"], "one");
    assert_eq!(schedule["next"].as_array().unwrap().len(), 3);
    let again = json!({"cron": "*/5 * * * *", "job": {"kind": "cleanup", "queue": "control"}});
    put(&app, "nightly", &again).await.json();
    let list = app.get("/api/schedules").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["cron"], "*/5 * * * *");
    let path = "/api/schedules/nightly";
    let paused = app
        .post(&format!("{path}/pause"), &json!(null))
        .await
        .json();
    assert_eq!(
        (&paused["paused"], &paused["next"]),
        (&json!(true), &json!([]))
    );
    let resumed = app.post(&format!("{path}/resume"), &json!(null)).await;
    assert_eq!(resumed.json()["paused"], false);
    app.delete(path).await.json();
    app.get(path).await.problem(404, "schedule.not_found");
    app.delete(path).await.problem(404, "schedule.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_schedule_is_said() {
    let app = App::start().await;
    let with = |cron: &str, zone: &str, queue: &str| json!({"cron": cron, "timezone": zone, "job": {"kind": "k", "queue": queue}});
    put(&app, "s", &with("61 * * * *", "UTC", "control"))
        .await
        .problem(422, "request.invalid");
    put(&app, "s", &with("* * * * *", "Mars/Base", "control"))
        .await
        .problem(422, "request.invalid");
    put(&app, "s", &with("* * * * *", "UTC", "contrl"))
        .await
        .problem(404, "queue.not_found");
    assert_eq!(app.get("/api/schedules").await.json(), json!({"items": []}));
}
