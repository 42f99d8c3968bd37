//! One running `graphmill dev`.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use graphmill_queue::clock::SystemClock;
use graphmill_queue::sqlite::{Database, OpenOptions};
use graphmill_store::{
    graph::{ContentHashes, Graph, Totals},
    sqlite::SqliteStore,
};
use serde_json::{Value, json};

/// How long anything may take before a test gives up on it; far beyond what it needs.
const PATIENCE: Duration = Duration::from_mins(5);

/// A `graphmill dev` process with its data folder.
pub struct System {
    data_dir: PathBuf,
    port: u16,
    child: Option<Child>,
    client: reqwest::Client,
    settings: Vec<String>,
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

/// Returns a port that is free now.
///
/// # Panics
/// When loopback has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

impl System {
    /// Prepares a system on `data_dir` with settings (`key=value`), without starting it.
    pub fn new(data_dir: &Path, settings: &[&str]) -> Self {
        Self {
            data_dir: data_dir.to_path_buf(),
            port: free_port(),
            child: None,
            client: reqwest::Client::new(),
            settings: settings
                .iter()
                .map(|setting| (*setting).to_owned())
                .collect(),
        }
    }

    /// Prepares and starts a system, and waits until it is ready.
    pub async fn start(data_dir: &Path, settings: &[&str]) -> Self {
        let mut system = Self::new(data_dir, settings);
        system.boot().await;
        system
    }

    /// Starts the process (again, on the same port) and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub async fn boot(&mut self) {
        self.spawn();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = self.client.get(self.url("/health/ready")).send().await
                && answer.status().is_success()
            {
                return;
            }
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            assert!(
                ended.is_none(),
                "graphmill dev ended while starting: {ended:?}\n{}",
                self.log()
            );
            assert!(
                Instant::now() < deadline,
                "graphmill dev did not get ready\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts the process without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&mut self) {
        std::fs::create_dir_all(&self.data_dir).expect("the data folder can be made");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the log can be written");
        let mut command = Command::new(binary());
        command
            .args(["--set", &format!("data_dir={}", self.data_dir.display())])
            .args(["--set", &format!("api.listen=127.0.0.1:{}", self.port)]);
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        let child = command
            .arg("dev")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
    }

    /// Kills the process with SIGKILL: no warning, no flush.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the process to end (SIGTERM) and returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("the process takes signals");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("the process can be waited for") {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "graphmill dev does not stop\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
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
            self.child.is_none(),
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
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.data_dir.join("dev.log")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.kill();
    }
}
