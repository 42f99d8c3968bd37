//! What a scenario says when it is over.

use std::time::Duration;

use serde::Serialize;

/// The figures of a scenario, and what was wrong.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// How often it ran.
    pub runs: u32,
    /// Jobs accepted.
    pub submitted: u64,
    /// Jobs accepted that never ended, or were completed without an effect.
    pub lost: u64,
    /// Effects beyond the first of a job.
    pub duplicated: u64,
    /// The longest time from a fault to the recovery that the scenario is about, seconds.
    pub worst_recovery_s: Option<f64>,
    /// Figures of its own.
    pub notes: Vec<String>,
    /// What must never be, and was. Empty, or the scenario has failed.
    pub violations: Vec<String>,
}

impl Report {
    /// Adds another run.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.submitted += other.submitted;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        if let Some(worst) = other.worst_recovery_s {
            self.worst_recovery_s = Some(self.worst_recovery_s.unwrap_or(0.0).max(worst));
        }
        self.notes.extend(other.notes);
        self.violations.extend(other.violations);
    }

    /// Notes how long a recovery took. More than the limit and the room that a shared machine needs is a violation.
    pub fn recovered(&mut self, took: Duration, limit: Duration) {
        const ROOM: Duration = Duration::from_secs(10);
        let seconds = took.as_secs_f64();
        self.worst_recovery_s = Some(self.worst_recovery_s.unwrap_or(0.0).max(seconds));
        if took > limit + ROOM {
            self.violation(format!(
                "recovery took {seconds:.1} s; {limit:?} is the limit"
            ));
        }
    }

    /// Notes a figure.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Notes what must never be.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Notes a violation unless something holds.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violation(what());
        }
    }
}
