//! A disk that is full, and has room again: nothing is lost, nothing fails for it, and nobody needs to restart anything.
//!
//! The disk is a small tmpfs, which takes root to mount; elsewhere the test says that it did not run.

use std::{path::Path, process::Command, time::Duration};

use graphmill_tests::System;

/// Room for a few documents.
const SMALL: &str = "size=6m";
/// Room for all of them.
const LARGE: &str = "size=400m";
const DOCUMENTS: usize = 60;

/// A mounted tmpfs; unmounted when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    #[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
    fn mount(at: &'a Path) -> Option<Self> {
        let mounted = mount(&["-t", "tmpfs", "-o", SMALL, "tmpfs"], at);
        if !mounted {
            println!("skipped: mounting a tmpfs takes root");
        }
        mounted.then_some(Self(at))
    }

    fn grow(&self) {
        assert!(
            mount(&["-o", &format!("remount,{LARGE}")], self.0),
            "the disk grows"
        );
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount")
        .args(arguments)
        .arg(at)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_delays_documents_and_fails_none() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let Some(disk) = Disk::mount(temp.path()) else {
        return;
    };
    let system = System::start(&temp.path().join("data"), &[]).await;
    let lines: Vec<String> = (0..400)
        .map(|line| {
            format!(
                "Line {line} of the harbour log names pier {} and ship {}. ",
                line % 7,
                line % 13
            )
        })
        .collect();
    let text = lines.concat();
    let client = reqwest::Client::new();
    let mut refused = 0;
    let mut accepted = Vec::new();
    for number in 0..DOCUMENTS {
        let body = serde_json::json!({ "title": "log", "source": format!("log-{number}"), "content": format!("{number} {text}") });
        let answer = client
            .post(system.url("/api/documents"))
            .json(&body)
            .send()
            .await
            .expect("the API answers");
        match answer.status().as_u16() {
            201 => accepted.push(body),
            503 | 507 => refused += 1,
            status => panic!("{status}: {}", answer.text().await.unwrap_or_default()),
        }
    }
    assert!(!accepted.is_empty(), "the disk has room for some");
    // What was accepted fills the disk while it is worked on, if the uploads have not.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (_, stats) = system.get("/api/stats").await;
    let done = stats["documents"]["completed"].as_u64().unwrap_or_default();
    assert!(
        refused > 0 || done < accepted.len() as u64,
        "the disk was never full: {stats}"
    );

    disk.grow();
    let documents = system.wait_settled().await;
    assert_eq!(documents["failed"], 0, "{documents}\n{}", system.log());
    // A refused one may have been written before its job could not be: then it is done too.
    assert!(
        documents["completed"].as_u64() >= Some(accepted.len() as u64),
        "{documents}"
    );
    let (_, audit) = system.get("/api/audit").await;
    assert_eq!(audit["unaccounted"], 0, "{audit}");
}
