//! What was submitted, in a file of the harness's own: tried before the call, accepted after its answer.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
};

use graphmill_queue::{DeadReason, JobId};

/// How a job has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Completed, with an effect.
    Completed,
    /// Dead, for this reason, without an effect.
    Dead(DeadReason),
    /// Cancelled.
    Cancelled,
    /// Completed with an effect, and pruned since.
    Pruned,
    /// Terminal, however; completed only with an effect.
    Ended,
}

/// The append-only file, and what it says.
#[derive(Debug)]
pub struct Submits {
    file: File,
    tried: HashSet<JobId>,
    accepted: HashMap<JobId, Expected>,
}

impl Submits {
    /// Begins a file.
    pub fn create(path: &Path) -> Self {
        Self {
            file: OpenOptions::new()
                .append(true)
                .create_new(true)
                .open(path)
                .unwrap(),
            tried: HashSet::new(),
            accepted: HashMap::new(),
        }
    }

    /// Notes that a submit is about to be tried.
    pub fn trying(&mut self, ids: impl IntoIterator<Item = JobId>) {
        let ids: Vec<_> = ids.into_iter().collect();
        self.write("T", &ids);
        self.tried.extend(ids);
    }

    /// Notes what was accepted.
    pub fn accepted(&mut self, ids: impl IntoIterator<Item = JobId>, expected: Expected) {
        let ids: Vec<_> = ids.into_iter().collect();
        self.write("A", &ids);
        self.accepted
            .extend(ids.into_iter().map(|id| (id, expected)));
    }

    /// Corrects what is expected of an accepted job.
    pub fn expect(&mut self, id: JobId, expected: Expected) {
        assert!(
            self.accepted.insert(id, expected).is_some(),
            "{id} was accepted"
        );
    }

    fn write(&mut self, what: &str, ids: &[JobId]) {
        let mut lines = String::new();
        for id in ids {
            writeln!(lines, "{what} {id}").unwrap();
        }
        self.file.write_all(lines.as_bytes()).unwrap();
    }

    /// Whether a job was ever submitted.
    pub fn knows(&self, id: JobId) -> bool {
        self.tried.contains(&id)
    }

    /// Returns what was accepted.
    pub fn all_accepted(&self) -> &HashMap<JobId, Expected> {
        &self.accepted
    }

    /// Counts what was tried.
    pub fn count_tried(&self) -> usize {
        self.tried.len()
    }
}
