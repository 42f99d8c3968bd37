//! Requests that are wrong in every way we can think of: each is refused with a 4xx problem document, never a 5xx.

use std::fmt::Write as _;

use insta::assert_json_snapshot;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::app::{App, send};

/// Routes that take JSON, with a body that each accepts.
fn json_routes() -> Vec<(&'static str, String)> {
    let document = json!({"title": "t", "content": "c", "metadata": {"a": [1]}, "priority": "low"});
    let query = json!({"query": "who?", "mode": "naive", "limit": 3});
    let lookup = json!({"ids": ["00000000-0000-7000-8000-000000000000"]});
    vec![
        ("/api/documents", document.to_string()),
        ("/api/query", query.to_string()),
        ("/api/documents/lookup", lookup.to_string()),
    ]
}

async fn post_json(app: &App, path: &str, body: impl Into<reqwest::Body>) -> crate::app::Answer {
    let request = app
        .request("POST", path)
        .header("content-type", "application/json")
        .body(body);
    send(request).await
}

fn assert_refused(answer: &crate::app::Answer, what: &str) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text
    );
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{what}"
    );
    let problem = answer.json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| !detail.is_empty()),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_cut_off_anywhere_is_malformed() {
    let app = App::start().await;
    for (path, body) in json_routes() {
        for end in 0..body.len() {
            let answer = post_json(&app, path, body[..end].to_owned()).await;
            answer.problem(400, "request.malformed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_wrong_type_name_their_field() {
    let app = App::start().await;
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!(""),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!({"a": null}),
        json!("\u{0}"),
    ];
    for (path, body) in json_routes() {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        for value in &wrong {
            assert_refused(&post_json(&app, path, value.to_string()).await, path);
            for field in body.as_object().unwrap().keys() {
                let mut changed = body.clone();
                changed[field] = value.clone();
                let answer = post_json(&app, path, changed.to_string()).await;
                assert!(answer.status < 500, "{path} {changed}: {}", answer.text);
                if answer.status >= 400 {
                    let named = answer.problem(422, "request.invalid")["field"].clone();
                    let named = named.as_str().unwrap_or_default().to_owned();
                    assert!(
                        named.starts_with(field.as_str()),
                        "{path} {changed}: {named}"
                    );
                }
            }
            let mut unknown = body.clone();
            unknown["colour"] = value.clone();
            let problem = post_json(&app, path, unknown.to_string())
                .await
                .problem(422, "request.invalid");
            assert_eq!(problem["field"], "colour");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_json_are_malformed() {
    let app = App::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        b"\xff\xfe".to_vec(),
        b"{\"query\":\"\xc3\x28\"}".to_vec(),
        b"{\"query\":\"\\ud800\"}".to_vec(),
        b"{'query':'x'}".to_vec(),
        b"{\"query\":\"x\"}{}".to_vec(),
        b"{\"query\":1e999999}".to_vec(),
        b"\xef\xbb\xbf{\"query\":\"x\"}".to_vec(),
        deep.into_bytes(),
    ];
    for (path, _) in json_routes() {
        for body in &bodies {
            let what = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_refused(&post_json(&app, path, body.clone()).await, &what);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_strings_with_anything_wrong_are_refused_and_name_it() {
    let app = App::start().await;
    for path in [
        "/api/documents?limit=0",
        "/api/documents?limit=1001",
        "/api/documents?limit=-1",
        "/api/documents?limit=x",
        "/api/documents?limit=99999999999999999999999",
        "/api/documents?limit=1&limit=2",
        "/api/documents?status=done",
        "/api/documents?colour=red",
        "/api/jobs?state=ready,done",
        "/api/jobs?limit=1e3",
        "/api/jobs?colour=red",
        "/api/jobs/counts?limit=3",
        "/api/entities?limit=",
        "/api/relations?limit=1.5",
        "/api/entities?q=x",
    ] {
        let problem = app.get(path).await.problem(422, "request.invalid");
        let field = problem["field"].as_str().unwrap();
        assert!(path.contains(&format!("{field}=")), "{path}: {field}");
    }
    for path in [
        "/api/documents?cursor=%00",
        "/api/jobs?cursor=nonsense",
        "/api/documents?cursor=%F0%9F%92%A9",
    ] {
        assert_refused(&app.get(path).await, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_name_nothing_are_not_found() {
    let app = App::start().await;
    for id in [
        "x",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%ff",
        "-1",
        "00000000-0000-7000-8000-000000000000",
        "'%20or%201=1",
    ] {
        for path in [
            format!("/api/documents/{id}"),
            format!("/api/documents/{id}/chunks"),
            format!("/api/jobs/{id}"),
        ] {
            assert_refused(&app.get(&path).await, &path);
        }
        for path in [
            format!("/api/documents/{id}/retry"),
            format!("/api/jobs/{id}/cancel"),
            format!("/api/jobs/{id}/retry"),
            format!("/api/queues/{id}/pause"),
        ] {
            assert_refused(&app.post(&path, &json!(null)).await, &path);
        }
    }
    app.get("/api/nothing")
        .await
        .problem(404, "route.not_found");
    let wrong_method = send(app.request("PATCH", "/api/documents")).await;
    wrong_method.problem(405, "method.not_allowed");
    for method in ["GET", "POST"] {
        assert!(
            wrong_method.header("allow").contains(method),
            "{}",
            wrong_method.header("allow")
        );
    }
}

/// A form by hand, so that it can be wrong.
fn form(parts: &[(&str, &[u8])], end: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        let mut head = String::new();
        write!(
            head,
            "--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        )
        .unwrap();
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(end.as_bytes());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_with_anything_wrong_are_refused() {
    let app = App::start().await;
    let file: (&str, &[u8]) = ("name=\"file\"; filename=\"a.txt\"", b"text");
    let long = "x".repeat(70_000);
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        (
            "no file",
            "multipart/form-data; boundary=b",
            form(&[("name=\"title\"", b"t")], "--b--\r\n"),
        ),
        (
            "two files",
            "multipart/form-data; boundary=b",
            form(&[file, file], "--b--\r\n"),
        ),
        (
            "two titles",
            "multipart/form-data; boundary=b",
            form(
                &[("name=\"title\"", b"t"), ("name=\"title\"", b"u"), file],
                "--b--\r\n",
            ),
        ),
        (
            "unknown field",
            "multipart/form-data; boundary=b",
            form(&[file, ("name=\"colour\"", b"red")], "--b--\r\n"),
        ),
        (
            "no name",
            "multipart/form-data; boundary=b",
            form(&[("filename=\"a\"", b"t")], "--b--\r\n"),
        ),
        (
            "not UTF-8",
            "multipart/form-data; boundary=b",
            form(&[("name=\"title\"", b"\xff\xfe"), file], "--b--\r\n"),
        ),
        (
            "bad metadata",
            "multipart/form-data; boundary=b",
            form(&[("name=\"metadata\"", b"{"), file], "--b--\r\n"),
        ),
        (
            "metadata no object",
            "multipart/form-data; boundary=b",
            form(&[("name=\"metadata\"", b"[1]"), file], "--b--\r\n"),
        ),
        (
            "bad priority",
            "multipart/form-data; boundary=b",
            form(&[("name=\"priority\"", b"asap"), file], "--b--\r\n"),
        ),
        (
            "empty title",
            "multipart/form-data; boundary=b",
            form(&[("name=\"title\"", b" "), file], "--b--\r\n"),
        ),
        (
            "long title",
            "multipart/form-data; boundary=b",
            form(&[("name=\"title\"", long.as_bytes()), file], "--b--\r\n"),
        ),
        (
            "cut off",
            "multipart/form-data; boundary=b",
            form(&[file], ""),
        ),
        (
            "no boundary",
            "multipart/form-data",
            form(&[file], "--b--\r\n"),
        ),
        (
            "other boundary",
            "multipart/form-data; boundary=c",
            form(&[file], "--b--\r\n"),
        ),
        ("empty", "multipart/form-data; boundary=b", Vec::new()),
        (
            "URL-encoded",
            "application/x-www-form-urlencoded",
            b"title=t&content=c".to_vec(),
        ),
    ];
    for (what, content_type, body) in cases {
        let request = app
            .request("POST", "/api/documents")
            .header("content-type", content_type)
            .body(body);
        assert_refused(&send(request).await, what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_routes_ask_for_json() {
    let app = App::start().await;
    for content_type in ["text/plain", "application/xml", "application/jsonx", "json"] {
        let request = app
            .request("POST", "/api/query")
            .header("content-type", content_type)
            .body(r#"{"query":"x"}"#);
        send(request)
            .await
            .problem(415, "request.unsupported_media_type");
    }
    let large = json!({"query": "x".repeat(1024 * 1024 + 1)});
    app.post("/api/query", &large)
        .await
        .problem(413, "request.too_large");
    let long = json!({"query": "x".repeat(4_001)});
    app.post("/api/query", &long)
        .await
        .problem(422, "query.too_long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_off_harms_nobody() {
    let app = App::start().await;
    let address = app.url.strip_prefix("http://").unwrap();
    for request in [
        "POST /api/documents HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort",
        "POST /api/documents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET / HTTP/9\r\n\r\n",
        "\u{0}\u{1}\u{2}",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an answer here.
        if stream.read_to_end(&mut answer).await.is_ok() {
            let answer = String::from_utf8_lossy(&answer);
            assert!(
                answer.is_empty()
                    || answer.starts_with("HTTP/1.1 4")
                    || answer.starts_with("HTTP/1.0 4"),
                "{answer}"
            );
        }
    }
    let documents = app.get("/api/documents").await.json();
    assert_eq!(documents["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn problem_documents_are_stable() {
    let app = App::start().await;
    let nil = "00000000-0000-7000-8000-000000000000";
    assert_json_snapshot!(
        "problem_malformed",
        post_json(&app, "/api/query", "{\n  oops").await.json()
    );
    assert_json_snapshot!(
        "problem_unknown_field",
        app.post("/api/query", &json!({"query": "x", "colour": 1}))
            .await
            .json()
    );
    assert_json_snapshot!(
        "problem_missing_field",
        app.post("/api/query", &json!({})).await.json()
    );
    assert_json_snapshot!(
        "problem_mode",
        app.post("/api/query", &json!({"query": "x", "mode": "fuzzy"}))
            .await
            .json()
    );
    assert_json_snapshot!(
        "problem_empty_query",
        app.post("/api/query", &json!({"query": " "})).await.json()
    );
    assert_json_snapshot!(
        "problem_limit",
        app.get("/api/documents?limit=0").await.json()
    );
    assert_json_snapshot!(
        "problem_parameter",
        app.get("/api/documents?colour=red").await.json()
    );
    assert_json_snapshot!(
        "problem_document",
        app.get(&format!("/api/documents/{nil}")).await.json()
    );
    assert_json_snapshot!("problem_job", app.get("/api/jobs/x").await.json());
    assert_json_snapshot!("problem_route", app.get("/api/nothing").await.json());
    assert_json_snapshot!(
        "problem_method",
        send(app.request("DELETE", "/api/query")).await.json()
    );
}
