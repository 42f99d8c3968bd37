//! The states of a job and the transitions between them: defined here once, as a table.
//!
//! `docs/job-lifecycle.md` draws the same table; a test compares the two.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// `run_at` lies ahead.
    Scheduled,
    /// Held by a job it depends on.
    Waiting,
    /// May run now.
    Ready,
    /// Leased by one worker.
    Running,
    /// Failed, and waits for its backoff.
    Retrying,
    /// Ended well. Terminal.
    Completed,
    /// Ended by request. Terminal.
    Cancelled,
    /// Ended badly, for a [`DeadReason`]. Terminal.
    Dead,
}

impl JobState {
    /// Every state, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Waiting,
        Self::Ready,
        Self::Running,
        Self::Retrying,
        Self::Completed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Tells whether the job has ended: no transition but [`Event::Retry`] and [`Event::Prune`] leaves it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Dead)
    }

    /// Returns the name used in SQL, JSON, metrics and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|state| state.as_str()).collect();
                format!(
                    "job state `{text}` is unknown; expected one of {}",
                    names.join(", ")
                )
            })
    }
}

/// Why a job is [`JobState::Dead`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// Every attempt failed.
    Attempts,
    /// The handler said that no retry can help.
    Permanent,
    /// Its workers were lost more often than the crash budget allows.
    Crashed,
    /// The last allowed attempt ran into its time limit.
    TimedOut,
    /// It was not started before `expires_at`, or not done before `deadline`.
    Expired,
    /// Its payload could not be read by a worker that knows its kind and version.
    Rejected,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Attempts,
        Self::Permanent,
        Self::Crashed,
        Self::TimedOut,
        Self::Expired,
        Self::Rejected,
    ];

    /// Returns the name used in SQL, JSON, metrics and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Permanent => "permanent",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }
}

impl FromStr for DeadReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("dead reason `{text}` is unknown"))
    }
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its time has come: `run_at` or the end of its backoff.
    Promote,
    /// The last job it depends on has settled.
    Unblock,
    /// A worker leased it.
    Fetch,
    /// The handler ended well.
    Complete,
    /// The handler failed, and attempts are left.
    Fail,
    /// Not yet: the handler asked to run later, without a charge (throttled, snoozed), or the last job it depends on
    /// has settled while `run_at` still lies ahead.
    Defer,
    /// The worker gave it back at shutdown, without a charge.
    Release,
    /// The lease was lost, and the crash budget is not used up.
    Rescue,
    /// It can never end well: see [`DeadReason`].
    Kill,
    /// `expires_at` or `deadline` passed before it ran.
    Expire,
    /// Somebody asked for it to end (a running job: its handler has obeyed).
    Cancel,
    /// Somebody asked for it to run again, or now.
    Retry,
    /// Somebody asked for it to wait until an instant.
    Snooze,
    /// Its retention is over, or somebody deleted it: the row goes.
    Prune,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 14] = [
        Self::Promote,
        Self::Unblock,
        Self::Fetch,
        Self::Complete,
        Self::Fail,
        Self::Defer,
        Self::Release,
        Self::Rescue,
        Self::Kill,
        Self::Expire,
        Self::Cancel,
        Self::Retry,
        Self::Snooze,
        Self::Prune,
    ];
}

/// Returns the state that follows `event` in `state`, or `None` where the event does not apply.
///
/// [`Event::Prune`] applies to terminal states only and has no following state; it gives the state back.
#[must_use]
pub fn next(state: JobState, event: Event) -> Option<JobState> {
    use Event as E;
    use JobState as S;
    match (state, event) {
        (S::Scheduled | S::Retrying, E::Promote)
        | (S::Waiting, E::Unblock)
        | (S::Running, E::Release | E::Rescue)
        | (S::Scheduled | S::Retrying | S::Completed | S::Cancelled | S::Dead, E::Retry) => {
            Some(S::Ready)
        }
        (S::Ready, E::Fetch) => Some(S::Running),
        (S::Running, E::Complete) => Some(S::Completed),
        (S::Running, E::Fail) => Some(S::Retrying),
        (S::Running | S::Waiting, E::Defer)
        | (S::Scheduled | S::Ready | S::Retrying, E::Snooze) => Some(S::Scheduled),
        (S::Running, E::Kill) | (S::Scheduled | S::Waiting | S::Ready | S::Retrying, E::Expire) => {
            Some(S::Dead)
        }
        (S::Scheduled | S::Waiting | S::Ready | S::Running | S::Retrying, E::Cancel) => {
            Some(S::Cancelled)
        }
        (S::Completed | S::Cancelled | S::Dead, E::Prune) => Some(state),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_states_leave_only_by_retry_or_prune() {
        for state in JobState::ALL.into_iter().filter(|s| s.is_terminal()) {
            for event in Event::ALL {
                let allowed = matches!(event, Event::Retry | Event::Prune);
                assert_eq!(
                    next(state, event).is_some(),
                    allowed,
                    "{state} on {event:?}"
                );
            }
        }
    }

    #[test]
    fn every_live_state_reaches_a_terminal_one() {
        for state in JobState::ALL.into_iter().filter(|s| !s.is_terminal()) {
            assert_eq!(
                next(state, Event::Cancel),
                Some(JobState::Cancelled),
                "{state}"
            );
        }
    }

    #[test]
    fn only_ready_jobs_are_fetched() {
        for state in JobState::ALL {
            assert_eq!(
                next(state, Event::Fetch).is_some(),
                state == JobState::Ready
            );
        }
    }

    #[test]
    fn names_round_trip() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), state);
        }
        for reason in DeadReason::ALL {
            assert_eq!(reason.as_str().parse::<DeadReason>().unwrap(), reason);
        }
        let message = "foo".parse::<JobState>().unwrap_err();
        assert!(
            message.starts_with("job state `foo` is unknown; expected one of scheduled, waiting")
        );
    }
}
