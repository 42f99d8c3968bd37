//! Figures of the process as such: start-up, memory, size, the demo.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use graphmill_tests::{System, system::binary};
use serde_json::{Value, json};

/// Runs `graphmill demo --json` three times.
pub(crate) fn demo() -> Result<Value> {
    let mut seconds = Vec::new();
    let mut last = Value::Null;
    for _ in 0..3 {
        let begun = Instant::now();
        let output = Command::new(binary()).args(["demo", "--json"]).output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        seconds.push(begun.elapsed().as_secs_f64());
        last = serde_json::from_slice(&output.stdout)?;
    }
    seconds.sort_by(f64::total_cmp);
    Ok(
        json!({ "seconds_median_of_3": seconds[1], "documents": last["documents"], "chunks": last["chunks"] }),
    )
}

/// Starts `graphmill dev` on an empty folder, five times, and looks at it when it is idle.
pub(crate) async fn idle() -> Result<Value> {
    let mut ready_ms = Vec::new();
    let mut rss_mb = 0.0;
    let mut cpu_ms_per_s = 0.0;
    for _ in 0..5 {
        let temp = tempfile::tempdir()?;
        let begun = Instant::now();
        let system = System::start(temp.path(), &[]).await;
        ready_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let pid = system.pid().context("it runs")?;
        let before = cpu_seconds(pid)?;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        cpu_ms_per_s = (cpu_seconds(pid)? - before) * 1e3 / 5.0;
        rss_mb = memory_mb(pid, "VmRSS")?;
    }
    ready_ms.sort_by(f64::total_cmp);
    Ok(
        json!({ "ready_ms_median_of_5": ready_ms[2], "rss_mb": rss_mb, "cpu_ms_per_s": cpu_ms_per_s }),
    )
}

/// The size of the release binary.
pub(crate) fn size() -> Result<Value> {
    let bytes = std::fs::metadata(binary())?.len();
    Ok(json!({ "binary_mb": bytes as f64 / 1e6 }))
}

/// Reads `VmRSS` or `VmHWM` of a process.
pub(crate) fn memory_mb(pid: u32, field: &str) -> Result<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .context("no such field")?;
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .context("no number")?
        .parse()?;
    Ok(kib / 1024.0)
}

/// Reads user + system time of a process, seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
    let after_name = stat.rsplit(')').next().context("no name")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks =
        |index: usize| -> Result<f64> { Ok(fields.get(index).context("too short")?.parse()?) };
    // Fields 14 and 15 of proc(5), counted from 1; two of them stand before the part that is split here. Linux gives
    // 100 ticks a second to user space on every architecture we build for.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
