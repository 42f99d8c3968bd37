use insta::assert_json_snapshot;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::app::{App, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_json_document_is_accepted_listed_and_shown() {
    let app = App::start().await;
    let body = json!({
        "title": "Notes", "content": "Ada wrote to Grace.", "source": "notes.txt", "file_type": "text",
        "metadata": {"year": 1843}, "priority": "high",
    });
    let accepted = app.post("/api/documents", &body).await;
    assert_eq!(accepted.status, 201);
    assert_json_snapshot!("accepted", accepted.json(), {
        ".document_id" => "[id]", ".version_id" => "[id]", ".job_id" => "[id]",
    });
    let location = accepted.header("location").to_owned();
    assert_eq!(
        location,
        format!(
            "/api/documents/{}",
            accepted.json()["document_id"].as_str().unwrap()
        )
    );

    let shown = app.get(&location).await;
    assert_eq!(shown.status, 200);
    assert_json_snapshot!("document", shown.json(), {
        ".document_id" => "[id]", ".version_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
        ".stages[].job_id" => "[id]",
    });
    let list = app
        .get("/api/documents?source=notes.txt&status=pending")
        .await;
    assert_json_snapshot!("document_list", list.json(), {
        ".items[].document_id" => "[id]", ".items[].version_id" => "[id]",
        ".items[].created_at" => "[time]", ".items[].updated_at" => "[time]",
    });
    let chunks = app.get(&format!("{location}/chunks")).await;
    assert_eq!(chunks.json(), json!({"items": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_unchanged_and_other_bytes_a_new_version() {
    let app = App::start().await;
    let first = app.submit("a.txt", "one").await;
    let again = app.submit("a.txt", "one").await;
    let other = app.submit("a.txt", "two").await;
    assert_eq!((first.status, again.status, other.status), (201, 200, 201));
    assert_eq!(again.json()["result"], "unchanged");
    assert_eq!(other.json()["result"], "new_version");
    for answer in [&again, &other] {
        assert_eq!(answer.json()["document_id"], first.json()["document_id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_source_the_content_is_the_identity() {
    let app = App::start().await;
    let send_raw = || send(app.request("POST", "/api/documents").body("same bytes"));
    let (first, second) = (send_raw().await, send_raw().await);
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json()["document_id"], second.json()["document_id"]);
    let shown = app.get(first.header("location")).await.json();
    assert!(shown["source"].as_str().unwrap().starts_with("blake3:"));
    assert_eq!(shown["title"], "Untitled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_and_raw_bytes_describe_the_document() {
    let app = App::start().await;
    let part = Part::bytes(b"# Title".to_vec())
        .file_name("folder/读我.md")
        .mime_str("text/markdown")
        .unwrap();
    let form = Form::new()
        .text("source", "readme")
        .part("file", part)
        .text("metadata", r#"{"a":1}"#)
        .text("priority", "low");
    let accepted = send(app.request("POST", "/api/documents").multipart(form)).await;
    assert_eq!(accepted.status, 201, "{}", accepted.text);
    let shown = app.get(accepted.header("location")).await.json();
    assert_eq!(shown["title"], "读我.md");
    assert_eq!(shown["source"], "readme");
    assert_eq!(shown["declared_type"], "text/markdown");
    assert_eq!(shown["metadata"], json!({"a": 1}));
    assert_eq!(shown["size_bytes"], 7);

    let raw = app
        .request("POST", "/api/documents?source=dir/b.txt&priority=urgent")
        .header("content-type", "text/plain")
        .body("b");
    let accepted = send(raw).await;
    let shown = app.get(accepted.header("location")).await.json();
    assert_eq!(shown["title"], "b.txt");
    assert_eq!(shown["declared_type"], "text/plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn put_adds_a_version_and_keeps_source_and_title() {
    let app = App::start().await;
    let location = app
        .submit("a.txt", "one")
        .await
        .header("location")
        .to_owned();
    let put = send(app.request("PUT", &location).body("two")).await;
    assert_eq!(
        (put.status, &put.json()["result"]),
        (201, &json!("new_version"))
    );
    let shown = app.get(&location).await.json();
    assert_eq!(shown["version_number"], 2);
    assert_eq!(shown["title"], "a.txt");
    let elsewhere = send(
        app.request("PUT", &format!("{location}?source=b.txt"))
            .body("x"),
    )
    .await;
    assert_eq!(elsewhere.problem(422, "request.invalid")["field"], "source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_over_the_limit_is_refused_in_every_form() {
    let app = App::start_with(|config| {
        config.api.max_document_size = graphmill_config::ByteSize::kib(64);
    })
    .await;
    let large = "x".repeat(64 * 1024 + 1);
    let form = Form::new().part("file", Part::text(large.clone()).file_name("l.txt"));
    let answers = [
        send(app.request("POST", "/api/documents").body(large.clone())).await,
        send(app.request("POST", "/api/documents").multipart(form)).await,
        app.submit("l.txt", &large).await,
    ];
    for answer in answers {
        let problem = answer.problem(413, "document.too_large");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("api.max_document_size"), "{detail}");
    }
    let fits = "x".repeat(64 * 1024);
    assert_eq!(
        send(app.request("POST", "/api/documents").body(fits))
            .await
            .status,
        201
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_document_is_hidden_and_its_removal_queued() {
    let app = App::start().await;
    let location = app
        .submit("a.txt", "one")
        .await
        .header("location")
        .to_owned();
    let deleted = send(app.request("DELETE", &location)).await;
    assert_eq!(deleted.status, 202, "{}", deleted.text);
    assert_json_snapshot!("deleted", deleted.json(), {".document_id" => "[id]", ".job_id" => "[id]"});
    assert_eq!(app.get(&location).await.json()["status"], "deleting");
    app.submit("a.txt", "one")
        .await
        .problem(409, "document.deleting");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_failed_document_is_retried() {
    let app = App::start().await;
    let location = app
        .submit("a.txt", "one")
        .await
        .header("location")
        .to_owned();
    app.post(&format!("{location}/retry"), &json!(null))
        .await
        .problem(409, "document.not_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn lookup_leaves_unknown_ids_out() {
    let app = App::start().await;
    let id = app.submit("a.txt", "one").await.json()["document_id"].clone();
    let unknown = "00000000-0000-7000-8000-000000000000";
    let found = app
        .post("/api/documents/lookup", &json!({"ids": [unknown, id]}))
        .await;
    assert_json_snapshot!("lookup", found.json(), {".items[].document_id" => "[id]"});
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let app = App::start().await;
    for n in 0..5 {
        app.submit(&format!("{n}.txt"), &format!("text {n}")).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/documents?limit=2".to_owned();
    loop {
        let page = app.get(&path).await.json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["source"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/documents?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]);
}
