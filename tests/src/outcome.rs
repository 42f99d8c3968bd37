//! What an ingestion leaves behind, to be compared with what another one left.

use std::path::Path;

use graphmill_store::graph::{ContentHashes, Totals};
use serde_json::Value;

use crate::System;

/// Documents by status (scans without text fail, whatever happens), sums, hashes.
pub type Outcome = (Value, (Totals, ContentHashes));

/// Ingests a folder with the client and waits.
///
/// # Panics
/// When the client fails other than by documents that fail.
pub async fn ingest(system: &System, folder: &Path) {
    let folder = folder
        .to_str()
        .expect("a temporary folder has a printable path");
    let (code, stdout, stderr) = system.cli(&["--json", "ingest", folder, "--wait"]).await;
    assert!(matches!(code, Some(0 | 1)), "{code:?}\n{stdout}\n{stderr}");
}

/// Ingests a folder into one process on SQLite, which nobody disturbs.
///
/// # Panics
/// When anything goes wrong.
pub async fn undisturbed(data: &Path, folder: &Path) -> Outcome {
    let mut system = System::start(data, &[]).await;
    ingest(&system, folder).await;
    let documents = system.wait_settled().await;
    assert_eq!(system.stop().await, Some(0));
    (documents, system.contents().await)
}
