//! Redis servers that do not fit: what `graphmill doctor` and a start say of them, and what they say to change.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
};

use graphmill_servers::redis::{Persistence, Redis};
use graphmill_tests::{System, Worker, system::binary};
use serde_json::Value;

fn run(command: &str, data_dir: &Path, url: &str) -> Output {
    Command::new(binary())
        .args(["--json", command])
        .args(["--set", &format!("data_dir={}", data_dir.display())])
        .args(["--set", "api.listen=127.0.0.1:0"])
        .args(["--set", url])
        .output()
        .expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The findings of `doctor` that are not ok, as code and severity, and what it says to change.
fn doctor(url: &str) -> (Option<i32>, Vec<(String, String)>, String) {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let output = run("doctor", temp.path(), url);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    let bad: Vec<&Value> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["severity"] != "ok" && finding["code"] != "data_dir.room")
        .collect();
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let hints: Vec<String> = bad.iter().map(|finding| word(finding, "hint")).collect();
    let codes = bad
        .iter()
        .map(|finding| (word(finding, "code"), word(finding, "severity")))
        .collect();
    (output.status.code(), codes, hints.join("\n"))
}

/// `doctor` names the error with its code, and every role refuses to start with exit code 2; both say what to change.
#[track_caller]
fn assert_refused(url: &str, code: &str, remedy: &str) {
    let (exit, codes, hints) = doctor(url);
    let expected = (code.to_owned(), "error".to_owned());
    assert!(codes.contains(&expected), "{codes:?}\n{hints}");
    assert_eq!(exit, Some(1));
    assert!(hints.contains(remedy), "{hints}");
    for role in ["dev", "api", "worker"] {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let output = run(role, temp.path(), url);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{role}: {message}");
        assert!(message.contains(remedy), "{role}: {message}");
        assert!(!message.contains("hunter2"), "{role}: {message}");
    }
}

#[test]
fn a_server_as_the_manual_sets_it_up_is_fine() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    assert_eq!(
        doctor(&redis.setting()),
        (Some(0), Vec::new(), String::new())
    );
}

#[test]
fn a_url_that_cannot_be_read_is_a_wrong_setting() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    for url in ["redis.url=localhost:6379", "redis.url=http://x:hunter2@y"] {
        for command in ["doctor", "api"] {
            let output = run(command, temp.path(), url);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains("redis://127.0.0.1:6379/0"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
    assert_refused(
        "redis.url=redis://:hunter2@host:port",
        "redis.url",
        "GRAPHMILL_REDIS_URL",
    );
}

#[test]
fn a_server_that_is_not_there_is_an_error_for_the_doctor_only() {
    let redis = Redis::prepare(Persistence::AppendOnly, &[]);
    let (exit, codes, hints) = doctor(&redis.setting());
    assert_eq!(codes, [("redis.away".to_owned(), "error".to_owned())]);
    assert_eq!(exit, Some(1));
    assert!(hints.contains("redis.url"), "{hints}");
}

#[test]
fn a_password_that_is_wrong_missing_or_too_much() {
    let redis = Redis::with(Persistence::AppendOnly, &["--requirepass", "right"]);
    let port = redis.port();
    for credentials in ["", ":hunter2@", "nobody:hunter2@"] {
        let url = format!("redis.url=redis://{credentials}127.0.0.1:{port}/0");
        assert_refused(&url, "redis.auth", "requirepass");
    }
    let url = format!("redis.url=redis://:right@127.0.0.1:{port}/0");
    assert_eq!(doctor(&url).0, Some(0));
    let open = Redis::with(Persistence::AppendOnly, &[]);
    let url = format!("redis.url=redis://:hunter2@127.0.0.1:{}/0", open.port());
    assert_refused(&url, "redis.auth", "requirepass");
}

#[test]
fn a_server_that_deletes_jobs_when_it_is_full() {
    for policy in ["allkeys-lru", "volatile-lru"] {
        let redis = Redis::with(Persistence::AppendOnly, &["--maxmemory-policy", policy]);
        assert_refused(
            &redis.setting(),
            "redis.eviction",
            "`maxmemory-policy noeviction`",
        );
    }
}

#[test]
fn a_node_of_a_cluster_behind_a_plain_url_and_the_other_way_round() {
    let node = Redis::with(Persistence::AppendOnly, &["--cluster-enabled", "yes"]);
    assert_refused(&node.setting(), "redis.cluster", "redis-cluster://");
    let single = Redis::with(Persistence::AppendOnly, &[]);
    let url = format!("redis.url=redis-cluster://127.0.0.1:{}", single.port());
    assert_refused(&url, "redis.cluster", "redis://host:6379/0");
}

#[test]
fn a_replica() {
    let master = Redis::with(Persistence::AppendOnly, &[]);
    let port = master.port().to_string();
    let replica = Redis::with(
        Persistence::AppendOnly,
        &["--replicaof", "127.0.0.1", &port],
    );
    assert_refused(&replica.setting(), "redis.replica", "replicaof");
}

/// Starts a server with a user as a line of redis.conf describes it.
fn with_user(line: &str) -> Redis {
    let mut arguments = vec!["--user"];
    arguments.extend(line.split(' '));
    Redis::with(Persistence::AppendOnly, &arguments)
}

#[test]
fn a_user_without_the_rights() {
    let redis = with_user("app on >hunter2 ~other:* +@all");
    let url = format!("redis.url=redis://app:hunter2@127.0.0.1:{}/0", redis.port());
    assert_refused(&url, "redis.acl", "~gm:*");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_the_hint_names_are_enough_for_the_whole_pipeline() {
    let rights = "app on >hunter2 ~gm:* +@read +@write +@scripting +@connection +@blocking +time +wait -@dangerous +info +config|get +cluster";
    let redis = with_user(rights);
    let url = format!("redis.url=redis://app:hunter2@127.0.0.1:{}/0", redis.port());
    assert_eq!(doctor(&url), (Some(0), Vec::new(), String::new()));
    let temp = tempfile::tempdir().expect("a temporary folder");
    let mut api = System::api(temp.path(), &[&url]);
    api.boot().await;
    let worker = Worker::start(temp.path(), &[&url], &[]).await;
    api.upload_text("a.txt", "The lock keeper opens the gates at six.")
        .await;
    assert_eq!(api.wait_settled().await["completed"], 1);
    assert!(!worker.log().contains("NOPERM"), "{}", worker.log());
    assert_eq!(worker.stop().await, Some(0));
    assert!(!api.log().contains("NOPERM"), "{}", api.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_nothing_on_disk_is_a_warning() {
    let redis = Redis::start(Persistence::None);
    let (exit, codes, hints) = doctor(&redis.setting());
    let warning = ("redis.persistence".to_owned(), "warning".to_owned());
    assert_eq!((exit, codes), (Some(0), vec![warning]));
    assert!(hints.contains("`appendonly yes`"), "{hints}");
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let mut api = System::api(temp.path(), &[&url]);
    api.boot().await;
    assert!(api.log().contains("appendonly yes"), "{}", api.log());
    assert_eq!(api.stop().await, Some(0));
}

/// Answers every command as a server of version 6.0 does, as far as anybody asks.
fn answer_as_6_0(mut stream: TcpStream) -> std::io::Result<()> {
    const INFO: &str = "# Server\r\nredis_version:6.0.16\r\nredis_mode:standalone\r\n# Memory\r\nmaxmemory:0\r\n\
        maxmemory_policy:noeviction\r\n# Persistence\r\nloading:0\r\naof_enabled:1\r\n# Replication\r\nrole:master\r\n\
        # Cluster\r\ncluster_enabled:0\r\n";
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        // `*2`, then for each part `$3` and its bytes.
        let parts: usize = line.trim().trim_start_matches('*').parse().unwrap_or(0);
        let mut command = Vec::new();
        for _ in 0..parts {
            line.clear();
            reader.read_line(&mut line)?;
            let length: usize = line.trim().trim_start_matches('$').parse().unwrap_or(0);
            let mut part = vec![0; length + 2];
            reader.read_exact(&mut part)?;
            command.push(String::from_utf8_lossy(&part[..length]).to_uppercase());
        }
        match command.first().map(String::as_str) {
            Some("INFO") => write!(stream, "${}\r\n{INFO}\r\n", INFO.len())?,
            Some("CLIENT") => stream.write_all(b"-ERR Unknown subcommand\r\n")?,
            Some("CONFIG") => stream.write_all(b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n")?,
            _ => stream.write_all(b"+OK\r\n")?,
        }
        line.clear();
    }
    Ok(())
}

/// Serves connections for as long as the test runs.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    port
}

#[test]
fn a_server_that_is_too_old() {
    let port = listen(|stream| drop(answer_as_6_0(stream)));
    let url = format!("redis.url=redis://127.0.0.1:{port}/0");
    assert_refused(&url, "redis.version", "install Redis 6.2 or newer");
}

#[test]
fn a_server_of_another_kind() {
    let port = listen(|mut stream| {
        let mut asked = [0; 512];
        drop(stream.read(&mut asked));
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
    });
    let url = format!("redis.url=redis://127.0.0.1:{port}/0");
    assert_refused(&url, "redis.protocol", "host and port");
}

#[test]
fn roles_of_several_processes_need_a_redis() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    for role in ["api", "worker"] {
        let output = run(role, temp.path(), "redis.prefix=gm");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("redis.url"), "{message}");
    }
}

/// They would run each other's jobs, on data that the other does not have.
#[tokio::test(flavor = "multi_thread")]
async fn two_systems_with_one_prefix() {
    let redis = Redis::with(Persistence::AppendOnly, &[]);
    let temp = tempfile::tempdir().expect("a temporary folder");
    let url = redis.setting();
    let mut first = System::api(&temp.path().join("one"), &[&url]);
    first.boot().await;
    for role in ["api", "worker"] {
        let output = run(role, &temp.path().join("other"), &url);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{role}: {message}");
        assert!(message.contains("redis.prefix"), "{role}: {message}");
    }
    let prefixed = [&*url, "redis.prefix=other"];
    let mut second = System::api(&temp.path().join("other"), &prefixed);
    second.boot().await;
    assert_eq!(second.stop().await, Some(0));
    // The same system again, by another process.
    assert_eq!(first.stop().await, Some(0));
    first.boot().await;
    assert_eq!(first.stop().await, Some(0));
}
