//! One running `graphmill worker`.

use std::path::{Path, PathBuf};

use graphmill_servers::port::free_port;
use serde_json::Value;

use crate::process::Process;

/// A worker process on somebody's data folder.
pub struct Worker {
    process: Process,
    port: u16,
    log: PathBuf,
    client: reqwest::Client,
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub async fn start(data_dir: &Path, settings: &[&str], arguments: &[&str]) -> Self {
        let mut worker = Self::spawn(data_dir, settings, arguments);
        worker.wait_ready().await;
        worker
    }

    /// Waits until the worker is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub async fn wait_ready(&mut self) {
        let url = self.url("/health/ready");
        self.process.wait_ready(&self.client, &url).await;
    }

    /// Starts a worker without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(data_dir: &Path, settings: &[&str], arguments: &[&str]) -> Self {
        std::fs::create_dir_all(data_dir).expect("the data folder can be made");
        let port = free_port();
        let mut all = vec!["worker".to_owned()];
        let own = [
            format!("data_dir={}", data_dir.display()),
            format!("worker.health_listen=127.0.0.1:{port}"),
        ];
        for setting in own
            .iter()
            .map(String::as_str)
            .chain(settings.iter().copied())
        {
            all.extend(["--set".to_owned(), setting.to_owned()]);
        }
        all.extend(arguments.iter().map(ToString::to_string));
        let log = data_dir.join(format!("worker-{port}.log"));
        Self {
            process: Process::spawn(&all, &[], &log),
            port,
            log,
            client: reqwest::Client::new(),
        }
    }

    /// Returns the address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// GETs JSON; the status and the body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self
            .client
            .get(self.url(path))
            .send()
            .await
            .expect("the worker answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Returns the metrics as text.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn metrics(&self) -> String {
        let answer = self
            .client
            .get(self.url("/metrics"))
            .send()
            .await
            .expect("the worker answers");
        answer.text().await.expect("text")
    }

    /// Kills it with SIGKILL.
    pub fn kill(self) {
        self.process.kill();
    }

    /// Asks it to end and returns its exit code.
    pub async fn stop(self) -> Option<i32> {
        self.process.stop().await
    }

    /// Returns the whole log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
