//! Why a job does not run: every reason that can be seen from outside, each as data and as a sentence.
//!
//! The answer is put together from what the [`Broker`] tells, one call after the other, so it describes about one instant.
//! A ready job may have several reasons at once (its queue is paused, and no worker knows its kind): all are told, what
//! people can change first.

use std::{fmt, sync::Arc};

use futures::future::try_join_all;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::{
    Broker, DeadReason, Error, JobId, JobRecord, JobState, Result, WorkerId,
    broker::{JobFilter, ReadyJobs, Scope, ScopeRule},
    job::Progress,
    outcome::JobError,
    workers::WorkerInfo,
};

/// Dependencies that are named.
const MAX_NAMED: usize = 10;

/// Why a job does not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// What keeps it there, at least one.
    pub reasons: Vec<Reason>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Somebody stopped its queue, kind or tenant.
    Paused {
        /// Which.
        of: Scope,
    },
    /// As many jobs run as may.
    Capped {
        /// Of which scope.
        of: Scope,
        /// Jobs that run.
        running: u64,
        /// Jobs that may.
        limit: u32,
    },
    /// As many jobs were started as may be in this time.
    Rate {
        /// Of which scope.
        of: Scope,
        /// Starts a second.
        rate_per_s: f64,
        /// When the next may start.
        until: Timestamp,
    },
    /// No live worker that serves its queue knows its kind, or its version.
    NoCapableWorker {
        /// The queue.
        queue: String,
        /// The kind.
        kind: String,
        /// The version of its payload.
        schema_version: u32,
        /// Live workers that serve the queue.
        workers: usize,
        /// The newest version that any of them knows.
        newest_known: Option<u32>,
    },
    /// Other tenants have work in the queue too, and take turns with this one.
    TenantShare {
        /// Whose job it is.
        tenant: String,
        /// Its share, between 0 and 1.
        share: f64,
        /// Tenants with ready jobs in the queue.
        tenants: usize,
    },
    /// Others come first.
    InLine {
        /// Jobs before it; 0 means that it is the next of its lane.
        ahead: u64,
        /// Whether that is a count.
        exact: bool,
        /// When it may start, seconds from now, by how long its kind has run lately and how many slots there are; `None`
        /// where nothing is known of either.
        eta_s: Option<f64>,
    },
    /// It waits for other jobs.
    WaitsOn {
        /// How many have not ended.
        open: usize,
        /// The first of them, with their states.
        jobs: Vec<(JobId, JobState)>,
    },
    /// Its time lies ahead.
    DueAt {
        /// When.
        at: Timestamp,
        /// It failed and waits for its backoff: attempts spent.
        attempt: u32,
        /// Why it failed.
        error: Option<JobError>,
    },
    /// It does run.
    Leased {
        /// By whom.
        worker: Option<WorkerId>,
        /// Until when, unless renewed.
        until: Option<Timestamp>,
        /// Since when.
        since: Option<Timestamp>,
        /// What its handler last reported.
        progress: Progress,
        /// Somebody asked for its end.
        cancel_requested: bool,
    },
    /// It has ended.
    Ended {
        /// When.
        at: Option<Timestamp>,
        /// Why it is dead, if it is.
        dead_reason: Option<DeadReason>,
        /// The last error, if there is one.
        error: Option<JobError>,
    },
}

/// Explains why a job does not run.
///
/// # Errors
/// [`Error::NotFound`] where there is no such job; else those of the broker.
pub async fn why(broker: &Arc<dyn Broker>, id: JobId) -> Result<Why> {
    let job = broker.get(id).await?.ok_or(Error::NotFound(id))?;
    let error = || job.errors.last().map(|error| error.error.clone());
    let reasons = match job.state {
        JobState::Ready => ready(broker, &job).await?,
        JobState::Waiting => vec![waits_on(broker, &job).await?],
        JobState::Scheduled | JobState::Retrying => vec![Reason::DueAt {
            at: job.run_at,
            attempt: job.attempt,
            error: error().filter(|_| job.state == JobState::Retrying),
        }],
        JobState::Running => vec![Reason::Leased {
            worker: job.worker.clone(),
            until: job.lease_expires_at,
            since: job.started_at,
            progress: job.progress.clone(),
            cancel_requested: job.cancel_requested,
        }],
        JobState::Completed | JobState::Cancelled | JobState::Dead => vec![Reason::Ended {
            at: job.finished_at,
            dead_reason: job.dead_reason,
            error: error().filter(|_| job.state == JobState::Dead),
        }],
    };
    Ok(Why {
        id,
        state: job.state,
        reasons,
    })
}

async fn waits_on(broker: &Arc<dyn Broker>, job: &JobRecord) -> Result<Reason> {
    let mut open = 0;
    let mut jobs = Vec::new();
    for ids in job.spec.depends_on.chunks(32) {
        let found = try_join_all(ids.iter().map(|id| broker.get(*id))).await?;
        let live = found.into_iter().flatten();
        for other in live.filter(|other| !other.state.is_terminal()) {
            open += 1;
            if jobs.len() < MAX_NAMED {
                jobs.push((other.id(), other.state));
            }
        }
    }
    Ok(Reason::WaitsOn { open, jobs })
}

async fn ready(broker: &Arc<dyn Broker>, job: &JobRecord) -> Result<Vec<Reason>> {
    let spec = &job.spec;
    let own = [
        Scope::Queue(spec.queue.clone()),
        Scope::Kind(spec.kind.clone()),
        Scope::Tenant(spec.tenant.clone()),
    ];
    let rules = broker.scopes().await?;
    let mut reasons = Vec::new();
    for rule in rules.iter().filter(|rule| own.contains(&rule.scope)) {
        reasons.extend(held_by(broker, rule).await?);
    }
    let workers = broker.workers().await?;
    let serving: Vec<_> = workers
        .iter()
        .filter(|worker| worker.slots(&spec.queue) > 0 && !worker.draining)
        .collect();
    let capable: Vec<_> = serving
        .iter()
        .filter(|worker| worker.knows(&spec.kind, spec.schema_version))
        .collect();
    if capable.is_empty() {
        reasons.push(Reason::NoCapableWorker {
            queue: spec.queue.clone(),
            kind: spec.kind.clone(),
            schema_version: spec.schema_version,
            workers: serving.len(),
            newest_known: newest_known(&serving, &spec.kind),
        });
    }
    let waiting: Vec<_> = broker.ready().await?;
    let waiting = waiting.iter().filter(|jobs| jobs.queue == spec.queue);
    let waiting: Vec<_> = waiting.collect();
    reasons.extend(tenant_share(&spec.tenant, &waiting, &rules));
    let slots: usize = capable.iter().map(|worker| worker.slots(&spec.queue)).sum();
    if let Some(place) = broker.placement(job.id()).await? {
        let run_ms = run_ms(&spec.kind, &waiting);
        reasons.push(Reason::InLine {
            ahead: place.ahead,
            exact: place.exact,
            eta_s: run_ms
                .filter(|_| slots > 0)
                .map(|run_ms| place.ahead as f64 * run_ms / slots as f64 / 1e3),
        });
    }
    if reasons.is_empty() {
        // It has left its place since it was read.
        reasons.push(Reason::InLine {
            ahead: 0,
            exact: false,
            eta_s: None,
        });
    }
    Ok(reasons)
}

async fn held_by(broker: &Arc<dyn Broker>, rule: &ScopeRule) -> Result<Vec<Reason>> {
    let mut reasons = Vec::new();
    let of = || rule.scope.clone();
    if rule.paused {
        reasons.push(Reason::Paused { of: of() });
    }
    if let Some(limit) = rule.limits.concurrency {
        let mut filter = JobFilter {
            states: vec![JobState::Running],
            ..JobFilter::default()
        };
        match of() {
            Scope::Queue(queue) => filter.queue = Some(queue),
            Scope::Kind(kind) => filter.kind = Some(kind),
            Scope::Tenant(tenant) => filter.tenant = Some(tenant),
        }
        let counts = broker.counts(&filter).await?;
        let running = counts.iter().map(|(_, count)| count).sum();
        if running >= u64::from(limit) {
            reasons.push(Reason::Capped {
                of: of(),
                running,
                limit,
            });
        }
    }
    if let (Some(rate_per_s), Some(until)) = (rule.limits.rate_per_s, rule.opens_at) {
        reasons.push(Reason::Rate {
            of: of(),
            rate_per_s,
            until,
        });
    }
    Ok(reasons)
}

fn newest_known(workers: &[&WorkerInfo], kind: &str) -> Option<u32> {
    let kinds = workers.iter().flat_map(|worker| &worker.kinds);
    let versions = kinds.filter(|known| known.kind == kind);
    versions.map(|known| known.schema_version).max()
}

/// What a tenant gets of a queue, where others want some too.
fn tenant_share(tenant: &str, waiting: &[&ReadyJobs], rules: &[ScopeRule]) -> Option<Reason> {
    let mut tenants: Vec<_> = waiting.iter().map(|jobs| jobs.tenant.as_str()).collect();
    tenants.push(tenant);
    tenants.sort_unstable();
    tenants.dedup();
    if tenants.len() < 2 {
        return None;
    }
    let weight = |of: &str| {
        let scope = Scope::Tenant(of.to_owned());
        let rule = rules.iter().find(|rule| rule.scope == scope);
        f64::from(rule.map_or(1, |rule| rule.limits.weight()))
    };
    let all: f64 = tenants.iter().map(|tenant| weight(tenant)).sum();
    Some(Reason::TenantShare {
        tenant: tenant.to_owned(),
        share: weight(tenant) / all,
        tenants: tenants.len(),
    })
}

/// How long a job of the queue runs: by its own kind, or by the others that wait.
fn run_ms(kind: &str, waiting: &[&ReadyJobs]) -> Option<f64> {
    let own = waiting.iter().find(|jobs| jobs.kind == kind)?;
    own.run_ms_avg.or_else(|| {
        let known: Vec<_> = waiting.iter().filter_map(|jobs| jobs.run_ms_avg).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    })
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, reason) in self.reasons.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            reason.fmt(f)?;
        }
        Ok(())
    }
}

/// To the second.
fn short(at: Timestamp) -> Timestamp {
    at.round(Unit::Second).unwrap_or(at)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused { of } => write!(f, "{of} is paused"),
            Self::Capped { of, running, limit } => {
                write!(f, "{of} runs {running} jobs of the {limit} it may")
            }
            Self::Rate {
                of,
                rate_per_s,
                until,
            } => write!(
                f,
                "{of} may start {rate_per_s} jobs a second, the next at {}",
                short(*until)
            ),
            Self::NoCapableWorker {
                queue, workers: 0, ..
            } => write!(f, "no live worker serves queue `{queue}`"),
            Self::NoCapableWorker {
                queue,
                kind,
                schema_version,
                newest_known: Some(newest),
                ..
            } => write!(
                f,
                "no live worker of queue `{queue}` knows version {schema_version} of kind `{kind}`, the newest known is {newest}"
            ),
            Self::NoCapableWorker { queue, kind, .. } => {
                write!(f, "no live worker of queue `{queue}` knows kind `{kind}`")
            }
            Self::TenantShare {
                tenant,
                share,
                tenants,
            } => write!(
                f,
                "tenant `{tenant}` shares the queue with {} more and gets {:.0} % of it",
                tenants - 1,
                share * 100.0
            ),
            Self::InLine {
                ahead,
                exact,
                eta_s,
            } => {
                let about = if *exact { "" } else { "about " };
                write!(f, "{about}{ahead} jobs come before it")?;
                match eta_s {
                    Some(eta) => write!(f, ", its turn is in about {eta:.0} s"),
                    None => Ok(()),
                }
            }
            Self::WaitsOn { open, jobs } => {
                write!(f, "it waits for {open} jobs to end")?;
                for (n, (id, state)) in jobs.iter().enumerate() {
                    f.write_str(if n == 0 { ": " } else { ", " })?;
                    write!(f, "`{id}` ({state})")?;
                }
                Ok(())
            }
            Self::DueAt {
                at,
                error: Some(error),
                attempt,
            } => write!(
                f,
                "attempt {attempt} failed with `{}`, the next is due at {}",
                error.code,
                short(*at)
            ),
            Self::DueAt { at, .. } => write!(f, "it is due at {}", short(*at)),
            Self::Leased {
                worker,
                until,
                progress,
                cancel_requested,
                ..
            } => {
                let worker = worker.as_ref().map_or("a worker", WorkerId::as_str);
                write!(f, "`{worker}` runs it")?;
                if let Some(until) = until {
                    write!(f, ", leased until {}", short(*until))?;
                }
                if progress.total > 0 {
                    write!(f, ", {} of {} done", progress.done, progress.total)?;
                }
                if *cancel_requested {
                    f.write_str(", and was told to end")?;
                }
                Ok(())
            }
            Self::Ended {
                at,
                dead_reason,
                error,
            } => {
                f.write_str("it has ended")?;
                if let Some(at) = at {
                    write!(f, " at {}", short(*at))?;
                }
                if let Some(reason) = dead_reason {
                    write!(f, " and is dead: {}", reason.as_str())?;
                }
                match error {
                    Some(error) => write!(f, " (`{}`)", error.code),
                    None => Ok(()),
                }
            }
        }
    }
}
