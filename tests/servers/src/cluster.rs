//! A Redis Cluster: three masters with a replica each.

use std::process::Command;

use crate::{
    port::{free_cluster_port, wait_until},
    redis::{Persistence, Redis},
};

/// The cluster. It ends when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    /// Three masters, then their replicas.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts the nodes, joins them and waits until each says that all slots are served.
    pub fn start() -> Self {
        let nodes: Vec<_> = (0..6)
            .map(|_| {
                Redis::on(
                    free_cluster_port(),
                    Persistence::None,
                    &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"],
                )
            })
            .collect();
        let hosts = nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli is there with redis-server");
        assert!(
            created.status.success(),
            "{}",
            String::from_utf8_lossy(&created.stdout)
        );
        for node in &nodes {
            wait_until("a node sees the whole cluster", || {
                let info = node.cli(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:6")
            });
        }
        Self { nodes }
    }

    /// Returns its URL, which names every node.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("redis-cluster://{}", hosts.join(","))
    }
}
