//! Leasing jobs: by priority, then by share, then by age, within limits, past what is paused.
//!
//! Ready jobs are found lane by lane (one lane per queue, kind and tenant, known from `job_counts`), each by a seek into
//! `jobs_ready`, and merged here. So jobs of paused or unknown kinds cost nothing, however many wait, and a tenant with one
//! job is found beside one with a million.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    engine::{StepError, Tx, Verb},
    load, row, scopes,
};
use crate::{
    DeadReason,
    broker::{FetchRequest, Lease, QueueSlots, Scope},
    rules::{
        self,
        fetch::{slots_left, starving_share},
        row::JobRow,
        scopes::{Gate, Scopes},
        share::{Place, ReadyLane},
    },
    state::Event,
};

/// See [`crate::Broker::fetch`].
pub(super) struct Fetch(pub(super) FetchRequest);

#[async_trait]
impl Verb for Fetch {
    type Output = Vec<Lease>;

    fn weight(&self) -> usize {
        self.0.slots.iter().map(|slots| slots.free).sum()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Lease>, StepError> {
        fetch(tx, &self.0).await
    }
}

/// Leases jobs within the transaction.
pub(super) async fn fetch(
    tx: &mut Tx<'_>,
    request: &FetchRequest,
) -> Result<Vec<Lease>, StepError> {
    let lanes = ready_lanes(tx, request).await?;
    if lanes.is_empty() {
        return Ok(Vec::new());
    }
    let mut scopes = match tx.memory.scopes.take() {
        Some(scopes) => scopes,
        None => scopes::load(tx.connection, None, tx.now).await?,
    };
    let picked = pick_all(tx, request, &lanes, &mut scopes).await;
    tx.memory.scopes = Some(scopes);
    lease(tx, request, &picked?).await
}

async fn pick_all(
    tx: &mut Tx<'_>,
    request: &FetchRequest,
    lanes: &BTreeMap<String, Vec<Lane>>,
    scopes: &mut Scopes,
) -> Result<Vec<i64>, StepError> {
    let running = scopes::running(tx.connection, &scopes.with_concurrency()).await?;
    let mut gate = Gate::new(scopes, &running, tx.now);
    let mut picked = Vec::new();
    for slots in &request.slots {
        let Some(lanes) = lanes.get(&slots.queue) else {
            continue;
        };
        let free = slots_left(slots.free, picked.len());
        let slots = QueueSlots {
            queue: slots.queue.clone(),
            free,
        };
        picked.extend(pick(tx, &slots, lanes, &mut gate).await?);
    }
    Ok(picked)
}

/// One kind of one tenant in one queue that has ready jobs.
struct Lane {
    kind: String,
    tenant: String,
    schema_version: u32,
}

/// Finds the lanes of the request that have ready jobs, by queue.
async fn ready_lanes(
    tx: &mut Tx<'_>,
    request: &FetchRequest,
) -> Result<BTreeMap<String, Vec<Lane>>, StepError> {
    let queues: Vec<_> = request
        .slots
        .iter()
        .filter(|slots| slots.free > 0)
        .map(|slots| slots.queue.as_str())
        .collect();
    let rows = sqlx::query(include_str!("../../queries/ready_lanes.sql"))
        .bind(serde_json::to_string(&queues)?)
        .fetch_all(&mut *tx.connection)
        .await?;
    let mut lanes = BTreeMap::<String, Vec<Lane>>::new();
    for row in rows {
        let kind: String = row.try_get("kind")?;
        let known = request.kinds.iter().find(|(known, _)| *known == kind);
        if let Some((_, schema_version)) = known {
            lanes.entry(row.try_get("queue")?).or_default().push(Lane {
                kind,
                tenant: row.try_get("tenant")?,
                schema_version: *schema_version,
            });
        }
    }
    Ok(lanes)
}

/// Picks jobs of one queue, at most `slots.free`.
async fn pick(
    tx: &mut Tx<'_>,
    slots: &QueueSlots,
    lanes: &[Lane],
    gate: &mut Gate<'_>,
) -> Result<Vec<i64>, StepError> {
    let before = tx.memory.fetched.get(&slots.queue).copied().unwrap_or(0);
    let starving = starving_share(before, slots.free);
    let mut seen = HashSet::new();
    let mut picked = Vec::new();
    for oldest in starving_jobs(tx, slots, lanes, gate, starving).await? {
        if gate.admit(&slots.queue, &oldest.kind, &oldest.tenant) {
            seen.insert(oldest.seq);
            picked.push(oldest.seq);
        }
    }
    let mut open = Vec::new();
    for lane in lanes {
        let may_run = gate.is_open(&Scope::Queue(slots.queue.clone()))
            && gate.is_open(&Scope::Kind(lane.kind.clone()))
            && gate.is_open(&Scope::Tenant(lane.tenant.clone()));
        if may_run {
            open.push(ReadyLane {
                kind: &lane.kind,
                tenant: &lane.tenant,
                places: ready_jobs(tx, &slots.queue, lane, slots.free)
                    .await?
                    .into_iter(),
            });
        }
    }
    let left = slots.free.saturating_sub(picked.len());
    let shares = &mut tx.memory.shares;
    picked.extend(shares.pick(&slots.queue, open, left, gate, &mut seen, |_| true));
    *tx.memory.fetched.entry(slots.queue.clone()).or_default() += picked.len() as u64;
    Ok(picked)
}

async fn ready_jobs(
    tx: &mut Tx<'_>,
    queue: &str,
    lane: &Lane,
    limit: usize,
) -> Result<Vec<Place>, StepError> {
    let rows = sqlx::query(include_str!("../../queries/ready_jobs.sql"))
        .bind(queue)
        .bind(&lane.kind)
        .bind(&lane.tenant)
        .bind(lane.schema_version)
        .bind(tx.now)
        .bind(limit as i64)
        .fetch_all(&mut *tx.connection)
        .await?;
    let place = |row: &SqliteRow| {
        Ok((
            row.try_get("priority")?,
            row.try_get("run_at")?,
            row.try_get("seq")?,
        ))
    };
    rows.iter().map(place).collect()
}

/// A job that has waited too long.
struct Starving {
    seq: i64,
    kind: String,
    tenant: String,
}

/// Finds the jobs that have waited longest, if they have waited too long.
async fn starving_jobs(
    tx: &mut Tx<'_>,
    slots: &QueueSlots,
    lanes: &[Lane],
    gate: &Gate<'_>,
    limit: u64,
) -> Result<Vec<Starving>, StepError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let patience = i64::try_from(tx.options.starvation_after.as_millis()).unwrap_or(i64::MAX);
    let kinds: BTreeMap<_, _> = lanes
        .iter()
        .filter(|lane| gate.is_open(&Scope::Kind(lane.kind.clone())))
        .map(|lane| (lane.kind.as_str(), lane.schema_version))
        .collect();
    let rows = sqlx::query(include_str!("../../queries/starving_jobs.sql"))
        .bind(&slots.queue)
        .bind(tx.now.saturating_sub(patience))
        .bind(serde_json::to_string(&kinds)?)
        .bind(tx.now)
        .bind(serde_json::to_string(gate.shut_tenants())?)
        .bind(limit as i64)
        .fetch_all(&mut *tx.connection)
        .await?;
    let starving = |row: &SqliteRow| {
        Ok(Starving {
            seq: row.try_get("seq")?,
            kind: row.try_get("kind")?,
            tenant: row.try_get("tenant")?,
        })
    };
    rows.iter().map(starving).collect()
}

/// Turns picked jobs into leases, in the order picked. One whose spec cannot be read dies: it would stop its queue.
async fn lease(
    tx: &mut Tx<'_>,
    request: &FetchRequest,
    picked: &[i64],
) -> Result<Vec<Lease>, StepError> {
    let mut loaded: HashMap<i64, (JobRow, String)> = load::with_specs(tx.connection, picked)
        .await?
        .into_iter()
        .map(|(row, spec)| (row.seq, (row, spec)))
        .collect();
    let mut leases = Vec::with_capacity(picked.len());
    for seq in picked {
        let Some((mut row, spec)) = loaded.remove(seq) else {
            continue;
        };
        rules::fetch::lease(&mut row, request, tx.now)?;
        match row::lease(row.clone(), &spec) {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                tracing::error!(job.id = %row.id, error = %error, "job cannot be read and is dead");
                row.kill(Event::Kill, DeadReason::Rejected, tx.now, "fetch")?;
            }
        }
        tx.changes.push(row, tx.now);
    }
    Ok(leases)
}
