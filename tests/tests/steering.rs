//! What a whole system does beside its documents: jobs by the clock, jobs of other systems, jobs steered from the command
//! line.

use std::{fs, time::Duration};

use apalis_core::backend::TaskSink;
use apalis_redis::{Config, RedisStorage};
use graphmill_servers::redis::{Persistence, Redis};
use graphmill_tests::{System, Worker};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Returns the jobs of a queue.
async fn jobs_in(system: &System, queue: &str) -> Vec<Value> {
    let path = format!("/api/jobs?queue={queue}&limit=1000");
    let (status, page) = system.get(&path).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().expect("jobs").clone()
}

/// Waits until a queue has so many jobs.
async fn wait_for_jobs(system: &System, queue: &str, count: usize) -> Vec<Value> {
    let waiting = async {
        loop {
            let jobs = jobs_in(system, queue).await;
            if jobs.len() >= count {
                return jobs;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let jobs = tokio::time::timeout(Duration::from_mins(2), waiting).await;
    jobs.unwrap_or_else(|_| panic!("no {count} jobs in `{queue}`\n{}", system.log()))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Email {
    to: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_drain_the_queue_of_a_stock_apalis_producer_into_ours() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let data = temp.path().join("data");
    let url = redis.setting();
    let file = temp.path().join("graphmill.toml");
    let settings = format!(
        "[[compat.apalis_redis]]\nurl = \"{}\"\nqueue = \"emails\"\nkind = \"email.send\"\n\
         target_queue = \"mail\"\npayload = {{ rename = {{ to = \"recipient\" }} }}\npoll = \"100ms\"\n",
        redis.url()
    );
    fs::write(&file, settings).expect("the settings can be written");
    let file = file.to_str().expect("a path in UTF-8");
    let mut api = System::api(&data, &[&url]);
    api.boot().await;
    let workers = [
        Worker::start(&data, &[&url], &["--config", file]).await,
        Worker::start(&data, &[&url], &["--config", file]).await,
    ];
    let connection = apalis_redis::connect(redis.url()).await.expect("connects");
    let mut theirs = RedisStorage::new(connection).with_config(Config::default().queue("emails"));
    let emails = (0..300).map(|n| Email {
        to: format!("{n}@example.org"),
    });
    theirs
        .push_bulk(emails.collect())
        .await
        .expect("tasks are pushed");
    let jobs = wait_for_jobs(&api, "mail", 300).await;
    let mut recipients: Vec<_> = jobs
        .iter()
        .map(|job| {
            assert_eq!(job["kind"], "email.send");
            job["payload"]["recipient"].as_str().expect("a recipient")
        })
        .collect();
    recipients.sort_unstable();
    recipients.dedup();
    assert_eq!(recipients.len(), 300, "each task once");
    for worker in workers {
        assert_eq!(worker.stop().await, Some(0));
    }
    assert_eq!(jobs_in(&api, "mail").await.len(), 300);
    assert_eq!(api.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_once_a_tick_over_several_workers() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let settings = [&*url, "worker.queues.ticks=0"];
    let mut api = System::api(temp.path(), &settings);
    api.boot().await;
    let workers = [
        Worker::start(temp.path(), &settings, &[]).await,
        Worker::start(temp.path(), &settings, &[]).await,
    ];
    let put = ["schedule", "put", "tick", "--cron", "* * * * * *"];
    let job = ["--kind", "tick", "--queue", "ticks"];
    let (code, _, stderr) = api.cli(&[&put[..], &job[..]].concat()).await;
    assert_eq!(code, Some(0), "{stderr}");
    wait_for_jobs(&api, "ticks", 4).await;
    let (code, ..) = api.cli(&["schedule", "delete", "tick"]).await;
    assert_eq!(code, Some(0));
    let jobs = jobs_in(&api, "ticks").await;
    let mut keys: Vec<_> = jobs
        .iter()
        .map(|job| job["unique"]["key"].as_str().expect("a key"))
        .collect();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count, "a tick fired twice: {keys:?}");
    for worker in workers {
        assert_eq!(worker.stop().await, Some(0));
    }
    assert_eq!(api.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_submitted_counted_changed_and_moved_from_the_command_line() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let system = System::start(&temp.path().join("data"), &["worker.queues.notes=0"]).await;
    let run = async |arguments: &[&str]| {
        let (code, stdout, stderr) = system.cli(&[&["--json"], arguments].concat()).await;
        let json = serde_json::from_str::<Value>(&stdout).unwrap_or(Value::Null);
        (code, json, stdout, stderr)
    };
    for n in 0..3 {
        let tag = format!("n{}", n % 2);
        let submit = [
            "job",
            "submit",
            "note",
            "{\"a\": 1}",
            "--queue",
            "notes",
            "--tag",
            &tag,
        ];
        let (code, verdict, ..) = run(&submit).await;
        assert_eq!((code, &verdict["verdict"]), (Some(0), &json!("accepted")));
    }
    let (code, refused, ..) = run(&["job", "submit", "note", "--queue", "ntes"]).await;
    assert_eq!(
        (code, &refused["code"]),
        (Some(1), &json!("queue.not_found"))
    );
    let (code, ..) = run(&["job", "submit", "note", "{a: 1}", "--queue", "notes"]).await;
    assert_eq!(code, Some(2));

    let filter = ["--queue", "notes", "--tag", "n0"];
    let (_, dry, ..) = run(&[&["job", "cancel", "--dry-run"], &filter[..]].concat()).await;
    assert_eq!(
        (&dry["changed"], &dry["dry_run"]),
        (&json!(2), &json!(true))
    );
    let (code, ..) = run(&[&["job", "cancel"], &filter[..]].concat()).await;
    assert_eq!(code, Some(2), "without a terminal the answer is no");
    let (code, done, ..) = run(&[&["job", "cancel", "--yes"], &filter[..]].concat()).await;
    assert_eq!((code, &done["changed"]), (Some(0), &json!(2)));
    let (code, ..) = run(&["job", "cancel"]).await;
    assert_eq!(code, Some(2), "which jobs?");

    let (code, _, lines, _) = run(&["job", "export", "--queue", "notes"]).await;
    assert_eq!((code, lines.lines().count()), (Some(0), 3));
    let file = temp.path().join("jobs.ndjson");
    fs::write(&file, &lines).expect("a file can be written");
    let (code, ..) = run(&["queue", "purge", "notes", "--yes"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(jobs_in(&system, "notes").await, Vec::<Value>::new());
    let path = file.to_str().expect("a path in UTF-8");
    let (code, report, ..) = run(&["job", "import", path]).await;
    assert_eq!((code, &report["accepted"]), (Some(0), &json!(3)));
    let (_, again, ..) = run(&["job", "import", path]).await;
    assert_eq!(again["duplicates"], 3);
    let (code, workers, ..) = run(&["workers"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(
        workers["items"].as_array().map(Vec::len),
        Some(1),
        "{workers}"
    );
}
