//! What the kernel says of this process.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Lines of `/proc/self/status` with their label.
const MEMORY_LINES: [(&str, &str); 3] = [
    ("VmRSS:", "resident"),
    ("VmHWM:", "resident_peak"),
    ("VmSize:", "virtual"),
];

/// Returns this process's memory in bytes by type; nothing where the kernel has no `/proc`.
pub(crate) fn memory() -> Vec<(&'static str, u64)> {
    // A page of text that the kernel writes without a disk: no need to leave the runtime's thread.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Vec::new();
    };
    MEMORY_LINES
        .into_iter()
        .filter_map(|(line, label)| Some((label, kibibytes(&status, line)? * 1024)))
        .collect()
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Measures CPU time between two looks.
pub(crate) struct CpuMeter {
    looked_at: Instant,
    cpu: Duration,
}

impl CpuMeter {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self {
            looked_at: Instant::now(),
            cpu: cpu_time(),
        }
    }

    /// Returns the CPU time since the last look, as a share of the time that passed: 100 is one core.
    pub(crate) fn percent(&mut self) -> f64 {
        let before = std::mem::replace(self, Self::start());
        let passed = self.looked_at.duration_since(before.looked_at);
        let used = self.cpu.saturating_sub(before.cpu);
        if passed.is_zero() {
            return 0.0;
        }
        100.0 * used.as_secs_f64() / passed.as_secs_f64()
    }
}

/// Returns the CPU time of all threads since the process began.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_bytes() {
        let status = "Name:\tx\nVmSize:\t  200 kB\nVmRSS:\t     100 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(100));
        assert_eq!(kibibytes(status, "VmHWM:"), None);
    }

    #[test]
    fn cpu_time_never_runs_back() {
        let mut meter = CpuMeter::start();
        assert!(meter.percent() >= 0.0);
    }
}
