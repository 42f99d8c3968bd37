//! One child process of a system under test.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::system::binary;

/// How long anything may take before a test gives up on it; far beyond what it needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// A `graphmill` process. It is killed by its own pid when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `graphmill <arguments>`; its standard error goes to the end of `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(arguments: &[String], environment: &[(String, String)], log: &Path) -> Self {
        let stderr = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let child = Command::new(binary())
            .args(arguments)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        Self {
            child,
            log: log.to_path_buf(),
        }
    }

    /// Waits until `url` answers well.
    ///
    /// # Panics
    /// When the process ends before, or it takes too long.
    pub async fn wait_ready(&mut self, client: &reqwest::Client, url: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = client.get(url).send().await
                && answer.status().is_success()
            {
                return;
            }
            let ended = self.ended();
            assert!(
                ended.is_none(),
                "graphmill ended while starting: {ended:?}\n{}",
                self.log()
            );
            assert!(
                Instant::now() < deadline,
                "graphmill did not get ready\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns how it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it with SIGKILL: no warning, no flush.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(self) -> Option<i32> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("the process takes signals");
        self.wait_ended().await
    }

    /// Waits until it ends, and returns its exit code.
    ///
    /// # Panics
    /// When it does not.
    pub async fn wait_ended(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "graphmill does not end\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the last lines of the log.
    pub fn log(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn tail(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
