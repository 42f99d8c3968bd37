//! One running `graphmill dev`, or `graphmill api` with workers beside it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use graphmill_queue::clock::SystemClock;
use graphmill_queue::sqlite::{Database, OpenOptions};
use graphmill_servers::port::free_port;
use graphmill_store::{
    graph::{ContentHashes, Graph, Totals},
    sqlite::SqliteStore,
};
use serde_json::{Value, json};

use crate::process::{PATIENCE, Process, tail};

/// A `graphmill dev` or `graphmill api` process with its data folder.
pub struct System {
    role: &'static str,
    data_dir: PathBuf,
    port: u16,
    process: Option<Process>,
    client: reqwest::Client,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Returns the binary under test: it lies beside the bench, and a folder above the tests.
///
/// # Panics
/// When it was not built.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program has an executable");
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("graphmill"))
        .find(|binary| binary.is_file())
        .expect("`graphmill` is built: `cargo build --release --workspace`")
}

impl System {
    /// Prepares a system on `data_dir` with settings (`key=value`), without starting it.
    pub fn new(data_dir: &Path, settings: &[&str]) -> Self {
        Self {
            role: "dev",
            data_dir: data_dir.to_path_buf(),
            port: free_port(),
            process: None,
            client: reqwest::Client::new(),
            settings: settings
                .iter()
                .map(|setting| (*setting).to_owned())
                .collect(),
            environment: Vec::new(),
        }
    }

    /// Sets a variable of the process.
    #[must_use]
    pub fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Prepares and starts a system, and waits until it is ready.
    pub async fn start(data_dir: &Path, settings: &[&str]) -> Self {
        let mut system = Self::new(data_dir, settings);
        system.boot().await;
        system
    }

    /// Prepares the API alone: workers are processes of their own.
    pub fn api(data_dir: &Path, settings: &[&str]) -> Self {
        Self {
            role: "api",
            ..Self::new(data_dir, settings)
        }
    }

    /// Starts the process (again, on the same port) and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub async fn boot(&mut self) {
        self.spawn();
        self.wait_ready().await;
    }

    /// Waits until the process is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub async fn wait_ready(&mut self) {
        let url = self.url("/health/ready");
        if let Some(process) = &mut self.process {
            process.wait_ready(&self.client, &url).await;
        }
    }

    /// Waits until the process answers, ready or not.
    ///
    /// # Panics
    /// When it ends before.
    pub async fn wait_live(&mut self) {
        let url = self.url("/health/live");
        if let Some(process) = &mut self.process {
            process.wait_ready(&self.client, &url).await;
        }
    }

    /// Waits until the process ends by itself, and returns its exit code.
    ///
    /// # Panics
    /// When it does not.
    pub async fn wait_ended(&mut self) -> Option<i32> {
        self.process.take()?.wait_ended().await
    }

    /// Starts the process without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&mut self) {
        std::fs::create_dir_all(&self.data_dir).expect("the data folder can be made");
        let own = [
            format!("data_dir={}", self.data_dir.display()),
            format!("api.listen=127.0.0.1:{}", self.port),
        ];
        let mut arguments = vec![self.role.to_owned()];
        for setting in own.iter().chain(&self.settings) {
            arguments.extend(["--set".to_owned(), setting.clone()]);
        }
        self.process = Some(Process::spawn(
            &arguments,
            &self.environment,
            &self.log_path(),
        ));
    }

    /// Kills the process with SIGKILL: no warning, no flush.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks the process to end (SIGTERM) and returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) -> Option<i32> {
        self.process.take()?.stop().await
    }

    /// Returns the process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Returns the address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Runs a client command of the binary against this system; returns exit code, stdout, stderr.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn cli(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = tokio::process::Command::new(binary())
            .args(["--api-url", &self.url("")])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the binary runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// GETs JSON; the status and the body.
    ///
    /// # Panics
    /// When there is no answer, or none in JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self
            .client
            .get(self.url(path))
            .send()
            .await
            .expect("the API answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// POSTs JSON; the status and the body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .client
            .post(self.url(path))
            .json(body)
            .send()
            .await
            .expect("the API answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// DELETEs; the status and the body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        let answer = self
            .client
            .delete(self.url(path))
            .send()
            .await
            .expect("the API answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Hands in a text document and returns its id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn upload_text(&self, source: &str, content: &str) -> String {
        let body = json!({ "title": source, "source": source, "content": content });
        let (status, body) = self.post("/api/documents", &body).await;
        assert!(matches!(status, 200 | 201), "{status}: {body}");
        body["document_id"].as_str().expect("an id").to_owned()
    }

    /// Waits until no document is pending, in work or being deleted; returns the counts by status.
    ///
    /// # Panics
    /// When that takes longer than anything should.
    pub async fn wait_settled(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, stats) = self.get("/api/stats").await;
            let documents = &stats["documents"];
            let open: u64 = ["pending", "processing", "searchable", "deleting"]
                .iter()
                .map(|status| documents[status].as_u64().unwrap_or(1))
                .sum();
            if open == 0 {
                return documents.clone();
            }
            assert!(
                Instant::now() < deadline,
                "documents do not settle: {stats}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Opens the data folder of a stopped system and returns what it holds.
    ///
    /// # Panics
    /// When the system still runs or the database cannot be opened.
    pub async fn contents(&self) -> (Totals, ContentHashes) {
        assert!(
            self.process.is_none(),
            "stop the system first: its data folder belongs to it alone"
        );
        let database = Database::open(self.database_path(), OpenOptions::default())
            .await
            .expect("the database opens");
        let store = SqliteStore::open(database.clone(), std::sync::Arc::new(SystemClock))
            .await
            .expect("the store opens");
        let contents = (
            store.totals().await.expect("totals"),
            store.content_hashes().await.expect("hashes"),
        );
        drop(store);
        database.close().await.expect("the database closes");
        contents
    }

    /// Returns the database file.
    pub fn database_path(&self) -> PathBuf {
        self.data_dir.join("graphmill.db")
    }

    /// Returns the last lines of the log.
    pub fn log(&self) -> String {
        tail(&self.log_path())
    }

    fn log_path(&self) -> PathBuf {
        self.data_dir.join(format!("{}.log", self.role))
    }
}
