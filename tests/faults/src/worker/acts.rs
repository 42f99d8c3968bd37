//! Handlers that behave as their payload says.

use std::time::{Duration, Instant};

use graphmill_queue::{Job, JobContext, Outcome, job::Backoff, outcome::JobError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::effects::EffectLog;

/// The one kind that every worker of these tests knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Takes `ms` (the first lease: `first_ms`, where that is not 0), then has its effect.
    Effect {
        /// How long it takes.
        ms: u64,
        /// How long it takes under its first lease.
        first_ms: u64,
        /// Whether it returns its epoch.
        result: bool,
    },
    /// Blocks its thread, then has its effect.
    Spin {
        /// For so long.
        ms: u64,
    },
    /// Ignores every token for ever.
    Hang,
    /// Goes on from its checkpoint; on shutdown gives itself back.
    Steps {
        /// So many in all.
        steps: u64,
        /// Each takes so long.
        step_ms: u64,
    },
    /// Panics.
    Panic,
    /// Ends the process.
    Abort,
    /// Calls itself until the stack is full, which ends the process.
    Overflow,
    /// Takes memory until there is none, which ends the process.
    Allocate,
    /// Fails so many times, then has its effect.
    Fail {
        /// So many times.
        times: u32,
    },
    /// Fails in a way that no retry mends.
    Permanent,
}

impl Act {
    /// An effect at once.
    pub fn effect() -> Self {
        Self::effect_after(0)
    }

    /// An effect after some time.
    pub fn effect_after(ms: u64) -> Self {
        Self::Effect {
            ms,
            first_ms: 0,
            result: false,
        }
    }

    async fn act(self, log: EffectLog, job: JobContext) -> Outcome {
        log.note('S', &job, 0);
        match self {
            Self::Effect {
                ms,
                first_ms,
                result,
            } => {
                let ms = if job.epoch() == 1 && first_ms > 0 {
                    first_ms
                } else {
                    ms
                };
                if ms > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                log.note('E', &job, 0);
                if result {
                    return Outcome::Done(json!({"epoch": job.epoch()}));
                }
            }
            Self::Spin { ms } => {
                let until = Instant::now() + Duration::from_millis(ms);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                log.note('E', &job, 0);
            }
            Self::Hang => std::future::pending().await,
            Self::Steps { steps, step_ms } => return take_steps(&log, &job, steps, step_ms).await,
            Self::Panic => panic!("told to"),
            Self::Abort => std::process::abort(),
            Self::Overflow => {
                overflow(0);
            }
            Self::Allocate => allocate(),
            Self::Fail { times } => {
                if job.attempt() <= times {
                    return Outcome::Retry(JobError::new("fault.failed", "told to"));
                }
                log.note('E', &job, 0);
            }
            Self::Permanent => {
                return Outcome::Permanent(JobError::new("fault.permanent", "told to"));
            }
        }
        Outcome::done()
    }
}

async fn take_steps(log: &EffectLog, job: &JobContext, steps: u64, step_ms: u64) -> Outcome {
    let done = |checkpoint: serde_json::Value| checkpoint["done"].as_u64();
    let from = job.checkpoint().and_then(done).unwrap_or(0);
    for step in from..steps {
        if job.shutdown().is_cancelled() {
            return Outcome::Released;
        }
        log.note('P', job, step);
        tokio::time::sleep(Duration::from_millis(step_ms)).await;
        job.save_checkpoint(json!({"done": step + 1}));
        job.progress(step + 1, steps, "steps");
    }
    log.note('E', job, 0);
    Outcome::Done(json!({"epoch": job.epoch(), "from": from}))
}

fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    if room[1] == u64::MAX {
        return 0;
    }
    std::hint::black_box(overflow(depth + 1)) + room[0]
}

fn allocate() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1; 16 << 20]));
    }
}

macro_rules! kind {
    ($type:ty, $kind:literal, $version:literal) => {
        impl Job for $type {
            const KIND: &'static str = $kind;
            const SCHEMA_VERSION: u32 = $version;
            const BACKOFF: Backoff = Backoff {
                base_ms: 10,
                max_ms: 100,
            };
            const MAX_ATTEMPTS: u32 = 5;
            type Context = EffectLog;

            async fn run(self, log: EffectLog, job: JobContext) -> Outcome {
                Act::from(self).act(log, job).await
            }
        }
    };
}

kind!(Act, "fault.act", 1);

/// The same kind, as a newer worker knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NewerAct(pub Act);

impl From<NewerAct> for Act {
    fn from(newer: NewerAct) -> Self {
        newer.0
    }
}

kind!(NewerAct, "fault.act", 2);

/// A kind that only a newer worker knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnknownAct(pub Act);

impl From<UnknownAct> for Act {
    fn from(unknown: UnknownAct) -> Self {
        unknown.0
    }
}

kind!(UnknownAct, "fault.unknown", 1);
