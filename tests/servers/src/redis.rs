//! A Redis server of one's own.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    port::{free_port, wait_until},
    process::Server,
};

/// The Debian package that has the servers.
pub(crate) const PACKAGE: &str = "the Debian package redis-server";

/// How a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Not at all: after a restart it is empty.
    None,
    /// By its log of appends, as `docs/operating.md` says.
    AppendOnly,
    /// Every write, before its answer.
    EveryWrite,
}

/// A server. It ends when it is dropped.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    server: Option<Server>,
}

impl Redis {
    /// Starts a server.
    pub fn start(persistence: Persistence) -> Self {
        Self::with(persistence, &[])
    }

    /// Starts a server with more arguments.
    pub fn with(persistence: Persistence, arguments: &[&str]) -> Self {
        Self::on(free_port(), persistence, arguments)
    }

    /// Takes a port and a folder for a server that [`Redis::resume`] starts.
    pub fn prepare(persistence: Persistence, arguments: &[&str]) -> Self {
        Self::prepare_on(free_port(), persistence, arguments)
    }

    pub(crate) fn on(port: u16, persistence: Persistence, arguments: &[&str]) -> Self {
        let mut redis = Self::prepare_on(port, persistence, arguments);
        redis.resume();
        redis
    }

    fn prepare_on(port: u16, persistence: Persistence, arguments: &[&str]) -> Self {
        let keep: &[&str] = match persistence {
            Persistence::None => &["--save", "", "--appendonly", "no"],
            Persistence::AppendOnly => &["--appendonly", "yes"],
            Persistence::EveryWrite => &[
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ],
        };
        Self {
            folder: tempfile::tempdir().expect("there is a temporary folder"),
            port,
            arguments: keep
                .iter()
                .chain(arguments)
                .map(ToString::to_string)
                .collect(),
            server: None,
        }
    }

    /// Starts it (again), on the same port with the same folder.
    pub fn resume(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--loglevel", "warning"])
            .args(&self.arguments);
        self.server = Some(Server::start(&mut command, PACKAGE));
        wait_until("Redis answers", || {
            let answer = self.cli(&["PING"]);
            // A server with a password answers, too.
            ["PONG", "NOAUTH", "NOPERM"]
                .iter()
                .any(|word| answer.starts_with(word))
        });
    }

    /// Kills it: what was not written is lost.
    pub fn kill(&mut self) {
        drop(self.server.take());
    }

    /// Stops answering without closing a connection, until [`Redis::thaw`].
    pub fn freeze(&self) {
        self.server.as_ref().expect("it runs").signal("STOP");
    }

    /// Goes on after [`Redis::freeze`].
    pub fn thaw(&self) {
        self.server.as_ref().expect("it runs").signal("CONT");
    }

    /// Runs `redis-cli` with these words on it; returns what it prints.
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.port, words)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its process's id.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("it runs").pid()
    }

    /// Returns the folder of its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the setting of graphmill that names it.
    pub fn setting(&self) -> String {
        format!("redis.url={}", self.url())
    }
}

/// Runs `redis-cli` on a port of loopback.
pub(crate) fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli is there with redis-server");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
