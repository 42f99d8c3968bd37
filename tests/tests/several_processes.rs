//! One system of several processes: Redis, `graphmill api`, and workers that come, go and are killed.

use std::time::Duration;

use graphmill_servers::redis::{Persistence, Redis};
use graphmill_tests::{System, Worker, corpus, outcome::undisturbed};
use serde_json::{Value, json};

/// Every how-manieth file of the corpus, and how large at most: some forty.
const STRIDE: usize = 8;
const MAX_BYTES: u64 = 1_000_000;

/// Leases that are lost quickly, so that a test need not wait for what a killed worker held.
const SHORT_LEASES: [&str; 2] = ["queue.lease=2s", "queue.heartbeat=500ms"];

async fn completed(system: &System) -> u64 {
    let (_, stats) = system.get("/api/stats").await;
    stats["documents"]["completed"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_changes_nothing_of_the_result() {
    let Some(corpus) = corpus::folder() else {
        return;
    };
    let temp = tempfile::tempdir().expect("a temporary folder");
    let folder = temp.path().join("documents");
    let files = corpus::copy_sample(&corpus, &folder, STRIDE, MAX_BYTES);
    assert!(files > 30, "the sample has {files} files");
    let expected = undisturbed(&temp.path().join("embedded"), &folder).await;

    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let data = temp.path().join("shared");
    let url = redis.setting();
    let settings = [SHORT_LEASES[0], SHORT_LEASES[1], &url];
    let mut api = System::api(&data, &settings);
    api.boot().await;
    let first = Worker::start(&data, &settings, &[]).await;
    let second = Worker::start(&data, &settings, &["--queues", "documents,graph=1"]).await;
    let client = {
        let (url, folder) = (api.url(""), folder.clone());
        tokio::spawn(async move {
            tokio::process::Command::new(graphmill_tests::system::binary())
                .args(["--api-url", &url, "--json", "ingest"])
                .arg(folder)
                .output()
                .await
                .expect("the client runs")
        })
    };
    // In the middle: some documents are done, others are not.
    while completed(&api).await < files as u64 / 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.kill();
    let third = Worker::start(&data, &settings, &[]).await;

    let client = client.await.expect("the client ends");
    assert!(client.status.success(), "{client:?}");
    let documents = api.wait_settled().await;
    let (_, audit) = api.get("/api/audit").await;
    assert_eq!(audit["unaccounted"], 0, "{audit}");
    for worker in [second, third] {
        let log = worker.log();
        assert!(!log.contains("locked"), "{log}");
        assert_eq!(worker.stop().await, Some(0), "{log}");
    }
    assert!(!api.log().contains("locked"), "{}", api.log());
    assert_eq!(api.stop().await, Some(0));
    assert_eq!((documents, api.contents().await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_the_same_moment_make_one_database() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    for _ in 0..3 {
        redis.cli(&["FLUSHALL"]);
        let temp = tempfile::tempdir().expect("a temporary folder");
        let url = redis.setting();
        let mut api = System::api(temp.path(), &[&url]);
        api.spawn();
        let (mut one, mut other) = (
            Worker::spawn(temp.path(), &[&url], &[]),
            Worker::spawn(temp.path(), &[&url], &[]),
        );
        api.wait_ready().await;
        one.wait_ready().await;
        other.wait_ready().await;
        assert_eq!(one.stop().await, Some(0));
        assert_eq!(other.stop().await, Some(0));
        assert_eq!(api.stop().await, Some(0));
    }
}

async fn found(system: &System, query: &str) -> Vec<String> {
    let body = json!({ "query": query, "mode": "naive", "limit": 5 });
    let (status, answer) = system.post("/api/query", &body).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().expect("results");
    results
        .iter()
        .map(|result| result["source"].as_str().expect("a source").to_owned())
        .collect()
}

/// The API keeps vectors in memory, and it is the workers that write and delete them.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_sees_what_other_processes_wrote_and_deleted_since_the_last_one() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let mut api = System::api(temp.path(), &[&url]);
    api.boot().await;
    let worker = Worker::start(temp.path(), &[&url], &[]).await;
    let query = "who keeps the lighthouse?";
    assert!(found(&api, query).await.is_empty());
    for n in 0..3 {
        let (lighthouse, mill) = (format!("lighthouse-{n}.txt"), format!("mill-{n}.txt"));
        let id = api
            .upload_text(
                &lighthouse,
                "The keeper of the lighthouse lights the lamp at dusk.",
            )
            .await;
        api.upload_text(&mill, "The miller grinds rye on Tuesdays.")
            .await;
        api.wait_settled().await;
        assert_eq!(found(&api, query).await.first(), Some(&lighthouse));
        let (status, _) = api.delete(&format!("/api/documents/{id}")).await;
        assert_eq!(status, 202);
        api.wait_settled().await;
        let left = found(&api, query).await;
        assert!(left.contains(&mill), "{left:?}");
        assert!(!left.contains(&lighthouse), "{left:?}");
    }
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(api.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_api_says_so_and_goes_on_when_it_is_there() {
    let mut redis = Redis::prepare(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    // With the ledger a submit is accepted while Redis is away, and dispatched when it is back.
    let settings: [&str; 2] = [&url, "queue.durability=redis"];
    let mut api = System::api(temp.path(), &settings);
    api.spawn();
    let mut worker = Worker::spawn(temp.path(), &settings, &[]);
    api.wait_live().await;

    let body = json!({ "title": "a", "content": "The harbour master counts ships." });
    let answer = reqwest::Client::new()
        .post(api.url("/api/documents"))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "queue.unavailable");
    let (status, ready) = api.get("/health/ready").await;
    assert_eq!(status, 503, "{ready}");
    // What needs no broker is served.
    assert!(found(&api, "ships").await.is_empty());

    redis.resume();
    worker.wait_ready().await;
    let (status, accepted) = api.post("/api/documents", &body).await;
    assert_eq!(status, 201, "{accepted}");
    let documents = api.wait_settled().await;
    assert_eq!(documents["completed"], 1, "{documents}");

    // Gone again, and back: what was refused is sent once more.
    redis.kill();
    let text = "Nobody counts the gulls.";
    let other = json!({ "title": "b", "source": "b", "content": text });
    assert_eq!(api.post("/api/documents", &other).await.0, 503);
    redis.resume();
    worker.wait_ready().await;
    api.wait_ready().await;
    api.upload_text("b", text).await;
    assert_eq!(api.wait_settled().await["completed"], 2);
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(api.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_everything_costs_only_time() {
    let mut redis = Redis::start(Persistence::None);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let settings = [SHORT_LEASES[0], SHORT_LEASES[1], &url];
    let mut api = System::api(temp.path(), &settings);
    api.boot().await;
    for n in 0..60 {
        let text = format!("Pilot number {n} brings the ship to berth {n}. ").repeat(40);
        api.upload_text(&format!("{n}.txt"), &text).await;
    }
    let worker = Worker::start(temp.path(), &settings, &[]).await;
    while completed(&api).await < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    redis.kill();
    // Long enough for the process on duty to see it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    redis.resume();
    let documents = api.wait_settled().await;
    assert_eq!(documents["completed"], 60, "{documents}");
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(api.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shows_its_health_and_its_own_queues_only() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let mut whole = System::new(temp.path(), &[&url]);
    // `dev` shares with Redis too: a worker may stand beside it.
    whole.boot().await;
    let worker = Worker::start(temp.path(), &[&url], &["--queues", "documents=1"]).await;
    whole
        .upload_text("a", "The tide table hangs in the office.")
        .await;
    whole.wait_settled().await;
    assert_eq!(worker.get("/health/live").await.0, 200);
    let (status, ready) = worker.get("/health/ready").await;
    let checks = json!({ "broker": "ok", "store": "ok", "queues": "ok" });
    assert_eq!((status, &ready["checks"]), (200, &checks));
    let metrics = worker.metrics().await;
    assert!(!metrics.contains("queue=\"embedding\""), "{metrics}");
    assert_eq!(worker.stop().await, Some(0));
    assert_eq!(whole.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_redis_does_not_get_into_a_shared_folder() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let mut api = System::api(temp.path(), &[&url]);
    api.boot().await;
    let mut alone = System::new(temp.path(), &[]);
    alone.spawn();
    assert_eq!(alone.wait_ended().await, Some(4), "{}", alone.log());
    assert_eq!(api.stop().await, Some(0));

    alone.boot().await;
    api.spawn();
    assert_eq!(api.wait_ended().await, Some(4), "{}", api.log());
    assert_eq!(alone.stop().await, Some(0));
}
