//! Ingestion of a folder of real documents by the real client into the real server.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use graphmill_tests::System;
use serde_json::{Value, json};

use crate::process::{cpu_seconds, memory_mb};

/// Ingests `folder` once into an empty system.
pub(crate) async fn run(folder: &Path) -> Result<Value> {
    let temp = tempfile::tempdir()?;
    let system = System::start(temp.path(), &[]).await;
    let pid = system.pid().context("it runs")?;
    let folder = folder.to_str().context("the path is not UTF-8")?;
    let begun = Instant::now();
    let (code, stdout, stderr) = system
        .cli(&["--json", "ingest", folder, "--wait", "--timeout", "1h"])
        .await;
    let seconds = begun.elapsed().as_secs_f64();
    let summary: Value =
        serde_json::from_str(&stdout).with_context(|| format!("{code:?}: {stderr}"))?;
    let (_, stats) = system.get("/api/stats").await;
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    Ok(json!({
        "seconds": seconds,
        "documents_completed": summary["completed"],
        "documents_failed": summary["failed"],
        "chunks": stats["chunks"],
        "entities": stats["entities"],
        "relations": stats["relations"],
        "documents_per_s": (number(&summary["completed"]) + number(&summary["failed"])) / seconds,
        "chunks_per_s": number(&stats["chunks"]) / seconds,
        "mb_per_s": number(&stats["bytes"]) / 1e6 / seconds,
        "server_cpu_s": cpu_seconds(pid)?,
        "server_peak_rss_mb": memory_mb(pid, "VmHWM")?,
    }))
}
