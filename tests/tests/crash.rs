//! kill -9 in the middle of an ingestion, at random moments, several times: nothing is lost, nothing is doubled, and what
//! comes out equals, by hash, what an undisturbed run gives.

use std::time::Duration;

use graphmill_tests::{System, corpus, outcome::undisturbed};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Every how-manieth file of the corpus, and how large at most: a run of some seconds, so that kills fall into it.
const STRIDE: usize = 5;
const MAX_BYTES: u64 = 120_000;
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn killed_ingestion_finishes_by_itself_with_the_same_result() {
    let Some(corpus) = corpus::folder() else {
        return;
    };
    let temp = tempfile::tempdir().expect("a temporary folder");
    let folder = temp.path().join("documents");
    let files = corpus::copy_sample(&corpus, &folder, STRIDE, MAX_BYTES);
    assert!(files > 30, "the sample has {files} files");
    let expected = undisturbed(&temp.path().join("undisturbed"), &folder).await;
    assert!(expected.1.0.chunks > 100, "{expected:?}");
    assert!(expected.0["completed"].as_u64() > Some(50), "{expected:?}");

    for seed in 0..2 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut system = System::new(
            &temp.path().join(format!("killed-{seed}")),
            &["queue.lease=2s", "queue.heartbeat=500ms"],
        );
        system.boot().await;
        // The client goes on over the kills: it repeats what was not answered.
        let client = {
            let url = system.url("");
            let folder = folder.clone();
            tokio::spawn(async move {
                tokio::process::Command::new(graphmill_tests::system::binary())
                    .args(["--api-url", &url, "--json", "ingest"])
                    .arg(folder)
                    .output()
                    .await
                    .expect("the client runs")
            })
        };
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(random.random_range(50..2500))).await;
            system.kill();
            system.boot().await;
        }
        let client = client.await.expect("the client ends");
        assert!(
            client.status.success(),
            "seed {seed}: {}",
            String::from_utf8_lossy(&client.stderr)
        );
        let documents = system.wait_settled().await;
        let (_, audit) = system.get("/api/audit").await;
        assert_eq!(audit["unaccounted"], 0, "seed {seed}: {audit}");
        assert_eq!(system.stop().await, Some(0));
        let outcome = (documents, system.contents().await);
        assert_eq!(outcome, expected, "seed {seed}");
    }
}
