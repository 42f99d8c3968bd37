//! `[worker]`: the process that runs jobs.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::{self, Auto};

/// The process that runs jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Queue → slots, as written; 0 is a queue that this process does not serve.
    pub queues: BTreeMap<String, Auto>,
    /// Threads for parsing, chunking, embedding and extraction.
    pub cpu_threads: Auto,
    /// Address of a worker process's health checks and metrics; port 0 takes a free one.
    #[serde(with = "units::socket")]
    pub health_listen: SocketAddr,
    /// Time that jobs have at a shutdown before they are released.
    #[serde(with = "units::duration")]
    pub shutdown_grace: Duration,
    /// Time that a handler which was told to stop has before it is aborted.
    #[serde(with = "units::duration")]
    pub stop_grace: Duration,
}

impl WorkerConfig {
    /// Returns the queues that are served with their slots (jobs that run at once, from 1), by name.
    pub fn served_queues(&self) -> impl Iterator<Item = (&str, usize)> {
        self.queues
            .iter()
            .map(|(queue, slots)| (queue.as_str(), slots.get()))
            .filter(|(_, slots)| *slots > 0)
    }
}
