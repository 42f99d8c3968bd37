//! A master with a replica, watched by three sentinels.

use std::{fmt::Write as _, fs, process::Command};

use tempfile::TempDir;

use crate::{
    port::{free_port, wait_until},
    process::Server,
    redis::{PACKAGE, Persistence, Redis, cli},
};

const NAME: &str = "graphmill";

/// The set. It ends when it is dropped.
#[derive(Debug)]
pub struct SentinelSet {
    /// The first master; after a failover it may be the replica.
    pub first: Redis,
    /// The first replica.
    pub second: Redis,
    sentinels: Vec<(u16, Server)>,
    _folder: TempDir,
}

impl SentinelSet {
    /// Starts everything and waits until the sentinels know each other and the replica.
    pub fn start() -> Self {
        let first = Redis::start(Persistence::None);
        let master = first.port().to_string();
        let second = Redis::with(Persistence::None, &["--replicaof", "127.0.0.1", &master]);
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let sentinels = (0..3)
            .map(|n| {
                let port = free_port();
                let path = folder.path().join(format!("sentinel-{n}.conf"));
                let mut text = String::new();
                for line in [
                    format!("port {port}"),
                    "bind 127.0.0.1".to_owned(),
                    format!("dir {}", folder.path().display()),
                    format!("sentinel monitor {NAME} 127.0.0.1 {master} 2"),
                    format!("sentinel down-after-milliseconds {NAME} 1000"),
                    format!("sentinel failover-timeout {NAME} 5000"),
                ] {
                    writeln!(text, "{line}").expect("a string takes lines");
                }
                fs::write(&path, text).expect("the folder takes a file");
                let mut command = Command::new("redis-server");
                command.arg(&path).arg("--sentinel");
                (port, Server::start(&mut command, PACKAGE))
            })
            .collect();
        let set = Self {
            first,
            second,
            sentinels,
            _folder: folder,
        };
        for (port, _) in &set.sentinels {
            wait_until("a sentinel knows the others and the replica", || {
                let about = cli(*port, &["SENTINEL", "MASTER", NAME]);
                let lines: Vec<_> = about.lines().collect();
                let value = |field: &str| {
                    let at = lines.iter().position(|line| *line == field)?;
                    lines.get(at + 1).copied()
                };
                value("num-other-sentinels") == Some("2") && value("num-slaves") == Some("1")
            });
        }
        set
    }

    /// Asks for a failover in good order.
    pub fn fail_over(&self) {
        let answer = cli(self.sentinels[0].0, &["SENTINEL", "FAILOVER", NAME]);
        assert!(answer.starts_with("OK"), "a failover begins: {answer}");
    }

    /// Returns the port of the present master.
    pub fn master_port(&self) -> u16 {
        let answer = cli(
            self.sentinels[0].0,
            &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME],
        );
        let port = answer.lines().nth(1).and_then(|port| port.parse().ok());
        port.expect("a sentinel knows the master")
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|(port, _)| format!("127.0.0.1:{port}"))
            .collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }
}
