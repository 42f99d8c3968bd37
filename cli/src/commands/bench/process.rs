//! What the system says about processes and time.

use std::{fs, time::UNIX_EPOCH};

/// Clock ticks a second in `/proc`: fixed by the kernel's interface.
const TICKS_PER_S: f64 = 100.0;

/// Returns the time, ns since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time over two processes"
)]
pub(super) fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Returns the CPU time of a process, s.
pub(super) fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS_PER_S
}

/// Returns the resident memory of a process, MB.
pub(super) fn rss_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or_default() / 1024.0
}
