//! A Redis server of a test's own: the real one, on a free loopback port, its data in a temporary folder, killed by its pid.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::system::free_port;

/// A server. It ends when it is dropped.
pub struct Redis {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Redis {
    /// Starts a server that is set up as `docs/operating.md` says, with more arguments behind.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(arguments: &[&str]) -> Self {
        let mut server = Self::prepare(arguments);
        server.boot();
        server
    }

    /// Takes a port and a folder for a server that starts later.
    ///
    /// # Panics
    /// When there is no temporary folder.
    pub fn prepare(arguments: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            process: None,
        }
    }

    /// Starts it (again), on the same port with the same folder.
    ///
    /// # Panics
    /// When it does not start.
    pub fn boot(&mut self) {
        let mut process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--appendonly", "yes", "--maxmemory-policy", "noeviction"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed (Debian package redis-server)");
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = process.try_wait().expect("the process can be waited for");
            assert!(ended.is_none(), "redis-server ended: {ended:?}");
            assert!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the setting that names it.
    pub fn setting(&self) -> String {
        format!("redis.url=redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
