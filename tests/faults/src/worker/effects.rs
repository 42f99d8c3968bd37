//! The file in which a worker notes what its handlers do. Nothing else writes it, and nothing in it comes from Redis but
//! what the handler was given.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
};

use graphmill_queue::{
    JobContext,
    broker::Rescued,
    runtime::{Observer, RunReport},
};

/// One append-only file for each worker process: a line is one write, so a killed process leaves no half of one behind
/// that could be taken for a whole one.
///
/// Lines are `<what> <job id> <attempt> <epoch> <worker> <note>`. `what`: S started, E effect, P a step, Q rescued,
/// R the worker runs, X it has ended in good order.
#[derive(Debug, Clone)]
pub struct EffectLog {
    file: Arc<File>,
    worker: Arc<str>,
}

impl EffectLog {
    pub(super) fn open(folder: &Path, worker: &str) -> Self {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.join(format!("{worker}.log")))
            .unwrap();
        Self {
            file: Arc::new(file),
            worker: worker.into(),
        }
    }

    fn write(&self, line: &str) {
        (&*self.file).write_all(line.as_bytes()).unwrap();
    }

    pub(super) fn note(&self, what: char, job: &JobContext, note: u64) {
        self.write(&format!(
            "{what} {} {} {} {} {note}\n",
            job.record().id(),
            job.attempt(),
            job.epoch(),
            self.worker,
        ));
    }

    pub(super) fn ready(&self) {
        self.write(&format!("R - 0 0 {} 0\n", self.worker));
    }

    /// Notes a run's end; the note is the number of attempts that were refused.
    pub(super) fn ended(&self, report: &RunReport) {
        self.write(&format!("X - 0 0 {} {}\n", self.worker, report.refused));
    }
}

impl Observer for EffectLog {
    fn job_rescued(&self, job: &Rescued) {
        self.write(&format!("Q {} 0 0 {} 0\n", job.id, self.worker));
    }
}
