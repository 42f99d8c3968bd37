use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn shared() -> OpenOptions {
    OpenOptions {
        shared: true,
        busy_timeout: Duration::from_secs(5),
        ..OpenOptions::default()
    }
}

/// Opens a file three times at the same moment, as three processes would: the kernel and SQLite tell them apart by
/// what they have open.
async fn open_three(path: &Path) -> Vec<Database> {
    let opening = (0..3).map(|_| tokio::spawn(Database::open(path.to_path_buf(), shared())));
    futures::future::join_all(opening)
        .await
        .into_iter()
        .map(|opened| opened.unwrap().unwrap())
        .collect()
}

#[tokio::test]
async fn a_shared_file_is_closed_to_who_wants_it_alone_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let databases = open_three(&path).await;
    let alone = Database::open(&path, OpenOptions::default()).await;
    assert!(matches!(alone, Err(Error::Locked { .. })), "{alone:?}");
    for database in databases {
        database.close().await.unwrap();
    }
    let _alone = Database::open(&path, OpenOptions::default()).await.unwrap();
    let beside = Database::open(&path, shared()).await;
    assert!(matches!(beside, Err(Error::Locked { .. })), "{beside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_write_all_the_time_take_turns() {
    const TURNS: usize = 90;
    let folder = tempfile::tempdir().unwrap();
    let databases = open_three(&folder.path().join("x.db")).await;
    let taken = Arc::new(AtomicUsize::new(0));
    // Two writers each, so that one always wants its turn when the other ends.
    let writing = databases.into_iter().map(|database| {
        let write = move |taken: Arc<AtomicUsize>, database: Database| async move {
            let mut own = 0;
            while taken.fetch_add(1, Ordering::SeqCst) < TURNS {
                let _turn = database.write_turn().await;
                let transaction = database.writer().begin_with("BEGIN IMMEDIATE").await;
                // Long against the pauses in which SQLite itself looks for a free lock.
                tokio::time::sleep(Duration::from_millis(20)).await;
                transaction.unwrap().commit().await.unwrap();
                own += 1;
            }
            own
        };
        let taken = Arc::clone(&taken);
        async move {
            let (one, other) = tokio::join!(
                tokio::spawn(write(Arc::clone(&taken), database.clone())),
                tokio::spawn(write(taken, database)),
            );
            one.unwrap() + other.unwrap()
        }
    });
    let turns = futures::future::join_all(writing).await;
    assert_eq!(turns.iter().sum::<usize>(), TURNS);
    assert!(turns.iter().all(|own| *own > TURNS / 6), "{turns:?}");
}

#[tokio::test]
async fn a_file_is_inspected_while_others_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let alone = Database::open(&path, OpenOptions::default()).await.unwrap();
    let patience = Duration::from_secs(3);
    assert_eq!(Database::inspect(&path, patience).await.unwrap(), 0);
    alone.close().await.unwrap();
    std::fs::write(&path, "no database, whatever its name. ".repeat(200)).unwrap();
    let damaged = Database::inspect(&path, patience).await;
    assert!(matches!(damaged, Err(Error::Corrupt(_))), "{damaged:?}");
}
