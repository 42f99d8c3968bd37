//! Redis behind TLS, as a user that may touch nothing but graphmill's keys.

use std::{path::Path, process::Command};

use graphmill_servers::{
    port::free_port,
    redis::{Persistence, Redis},
};
use graphmill_tests::System;
use serde_json::json;

/// Runs openssl in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments}: {output:?}");
}

/// Makes `ca.pem` and, signed by it, `server.pem` with `server.key` for 127.0.0.1.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        folder,
        &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"),
    );
    openssl(
        folder,
        &format!("req {key} -keyout server.key -out server.csr -subj /CN=redis"),
    );
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").expect("can be written");
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_pass_through_a_redis_with_tls_and_a_user_of_few_rights() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    certificates(temp.path());
    let file = |name: &str| temp.path().join(name).display().to_string();
    let port = free_port().to_string();
    let (certificate, key, authority) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let tls = [
        ["--tls-port", &port],
        ["--tls-cert-file", &certificate],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &authority],
        ["--tls-auth-clients", "no"],
    ];
    // As docs/operating.md writes it.
    let rights = "~gm:* +@read +@write +@scripting +@connection +@blocking +time +wait -@dangerous +info +config|get +cluster";
    let user: Vec<&str> = ["--user", "graphmill", "on", ">secret"]
        .into_iter()
        .chain(rights.split(' '))
        .collect();
    let arguments: Vec<&str> = tls.iter().flatten().copied().chain(user).collect();
    let _redis = Redis::with(Persistence::AppendOnly, &arguments);
    let url = format!("redis.url=rediss://graphmill:secret@127.0.0.1:{port}");
    let mut system = System::new(&temp.path().join("data"), &[&url])
        .with_environment("SSL_CERT_FILE", &authority);
    system.boot().await;
    let id = system
        .upload_text("a.txt", "The heron feeds the turbine.")
        .await;
    system.wait_settled().await;
    let (_, document) = system.get(&format!("/api/documents/{id}")).await;
    assert_eq!(document["status"], "completed", "{document}");
    let (_, audit) = system.get("/api/audit").await;
    assert_eq!(audit["unaccounted"], json!(0), "{audit}");
    assert_eq!(system.stop().await, Some(0));

    // Who does not trust the authority, does not connect: the system waits for a Redis that it can believe.
    let mut stranger = System::new(&temp.path().join("stranger"), &[&url])
        .with_environment("SSL_CERT_FILE", &file("server.pem"));
    stranger.spawn();
    stranger.wait_live().await;
    let (status, _) = stranger.get("/health/ready").await;
    assert_eq!(status, 503);
    assert_eq!(stranger.stop().await, Some(0));
}
