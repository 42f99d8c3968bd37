//! Jobs and queues.

use super::fields;
use crate::{
    table::{Table, fixed, number, text},
    views::{Job, Queue},
};

pub(crate) fn jobs(jobs: &[Job], width: usize) -> String {
    if jobs.is_empty() {
        return "no jobs".to_owned();
    }
    let mut table = Table::new([
        fixed("ID"),
        fixed("KIND"),
        fixed("QUEUE"),
        fixed("STATE"),
        number("ATTEMPT"),
        fixed("SUBMITTED"),
        text("ERROR"),
    ]);
    for job in jobs {
        table.row([
            job.id.clone(),
            job.kind.clone(),
            job.queue.clone(),
            job_state(job),
            format!("{}/{}", job.attempt, job.max_attempts),
            job.submitted_at.clone(),
            job.errors
                .last()
                .map(|error| format!("{}: {}", error.code, error.message))
                .unwrap_or_default(),
        ]);
    }
    table.render(width)
}

fn job_state(job: &Job) -> String {
    match (&job.dead_reason, &job.progress) {
        (Some(reason), _) => format!("{}: {reason}", job.state),
        (None, Some(progress)) if job.state == "running" && progress.total > 0 => {
            format!("running {}/{}", progress.done, progress.total)
        }
        _ => job.state.clone(),
    }
}

pub(crate) fn job(job: &Job, width: usize) -> String {
    let mut lines = vec![
        ("job", job.id.clone()),
        ("kind", job.kind.clone()),
        ("queue", job.queue.clone()),
        ("state", job_state(job)),
        (
            "attempt",
            format!("{} of {}", job.attempt, job.max_attempts),
        ),
        ("crashes", job.crashes.to_string()),
    ];
    let stage = job
        .progress
        .as_ref()
        .map(|progress| progress.stage.clone())
        .filter(|stage| !stage.is_empty());
    let optional = [
        ("stage", stage),
        ("worker", job.worker.clone()),
        ("submitted", Some(job.submitted_at.clone())),
        ("started", job.started_at.clone()),
        ("finished", job.finished_at.clone()),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut rendered = fields(&lines);
    if !job.errors.is_empty() {
        let mut table = Table::new([
            number("ATTEMPT"),
            fixed("CLASS"),
            fixed("AT"),
            text("ERROR"),
        ]);
        for error in &job.errors {
            table.row([
                error.attempt.to_string(),
                error.class.clone(),
                error.at.clone(),
                format!("{}: {}", error.code, error.message),
            ]);
        }
        rendered.push('\n');
        rendered.push_str(&table.render(width));
    }
    rendered
}

pub(crate) fn queues(queues: &[Queue], width: usize) -> String {
    const STATES: [&str; 8] = [
        "ready",
        "running",
        "scheduled",
        "waiting",
        "retrying",
        "completed",
        "cancelled",
        "dead",
    ];
    let mut table = Table::new([
        text("QUEUE"),
        number("READY"),
        number("RUNNING"),
        number("SCHEDULED"),
        number("WAITING"),
        number("RETRYING"),
        number("COMPLETED"),
        number("CANCELLED"),
        number("DEAD"),
        number("OLDEST"),
        fixed(""),
    ]);
    for queue in queues {
        let counts = STATES
            .iter()
            .map(|state| queue.counts.get(*state).copied().unwrap_or(0).to_string());
        let oldest = queue
            .oldest_ready_s
            .map(|seconds| format!("{seconds:.0} s"))
            .unwrap_or_default();
        let paused = if queue.paused { "paused" } else { "" };
        table.row(
            std::iter::once(queue.queue.clone())
                .chain(counts)
                .chain([oldest, paused.to_owned()]),
        );
    }
    table.render(width)
}
