use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::app::{App, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_system_is_live_ready_and_empty() {
    let app = App::start().await;
    assert_json_snapshot!("live", app.get("/health/live").await.json());
    assert_json_snapshot!("ready", app.get("/health/ready").await.json());
    assert_json_snapshot!("stats", app.get("/api/stats").await.json());
    assert_eq!(
        app.get("/api/entities?limit=5").await.json(),
        json!({"items": []})
    );
    assert_eq!(
        app.get("/api/relations?entity=Ada").await.json(),
        json!({"items": []})
    );
    for mode in ["naive", "local", "hybrid"] {
        let answer = app
            .post("/api/query", &json!({"query": "who?", "mode": mode}))
            .await;
        assert_json_snapshot!(format!("answer_{mode}"), answer.json(), {".seconds" => "[seconds]"});
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_show_requests_by_route_and_queues_with_zeros() {
    let app = App::start().await;
    app.submit("a.txt", "one").await;
    app.get("/api/documents/no-such-id").await;
    app.get("/nowhere/1").await;
    let page = app.get("/metrics").await;
    assert!(page.header("content-type").starts_with("text/plain"));
    for line in [
        r#"http_requests_total{endpoint="/api/documents",method="POST",status="201"} 1"#,
        r#"http_requests_total{endpoint="/api/documents/{id}",method="GET",status="404"} 1"#,
        r#"http_requests_total{endpoint="unmatched",method="GET",status="404"} 1"#,
        r#"task_queue_size{queue="documents"} 1"#,
        r#"celery_queue_length{queue="documents"} 1"#,
        r#"graphmill_jobs{queue="documents",state="dead"} 0"#,
        r#"graphmill_jobs{queue="embedding",state="ready"} 0"#,
        "graphmill_jobs_unaccounted 0",
    ] {
        assert!(page.text.contains(line), "no `{line}` in\n{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_requests_id() {
    let app = App::start().await;
    assert!(!app.get("/nowhere").await.header("x-request-id").is_empty());
    let named = send(
        app.request("GET", "/health/live")
            .header("x-request-id", "mine"),
    )
    .await;
    assert_eq!(named.header("x-request-id"), "mine");
}

/// Begins an upload of four bytes. When it returns, the handler waits for them: `100 Continue` is sent when a handler
/// first reads a body.
async fn begin_upload(app: &App) -> TcpStream {
    let address = app.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/documents?source=slow.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\
                Expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, expected);
    stream
}

async fn read_answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn at_shutdown_an_open_request_ends_and_no_new_one_begins() {
    let app = App::start_with(|config| config.api.shutdown_grace = Duration::from_mins(1)).await;
    let mut upload = begin_upload(&app).await;
    app.shutdown.cancel();
    upload.write_all(b"text").await.unwrap();
    let answer = read_answer(upload).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    app.server.await.unwrap().unwrap();
    assert!(app.client.get(&app.url).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_grace_an_open_request_is_told_of_the_shutdown() {
    let app = App::start_with(|config| config.api.shutdown_grace = Duration::from_millis(50)).await;
    let upload = begin_upload(&app).await;
    app.shutdown.cancel();
    let answer = read_answer(upload).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("server.shutting_down"), "{answer}");
    app.server.await.unwrap().unwrap();
}
