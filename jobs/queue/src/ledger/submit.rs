//! Accepting jobs: into SQL first, then to the broker.
//!
//! Small submits travel to one task that writes all that have queued up in one statement, so that many callers share a
//! commit; when nothing waits, a submit is written at once. Large ones go to SQL directly.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{
    broker::Shared,
    contract::{Holder, Inserted, Keep, Ledger, Settlement},
    entry::Entry,
    settle::{Item, Look},
};
use crate::{
    Error, JobId, JobState, NewJob, Result,
    broker::{MAX_SUBMIT, Verdict},
    clock::Clock,
    rules::check::{invalid, prepare},
};

/// A submit of more jobs than this does not share a statement.
const MAX_SHARED: usize = 1_000;
/// Bounds one shared statement.
const MAX_GROUP_ROWS: usize = 5_000;
/// Submits that may wait for the task; more callers than that wait to enqueue theirs.
const MAX_WAITING: usize = 1_024;

/// One caller's jobs.
struct Call {
    entries: Arc<[Entry]>,
    reply: oneshot::Sender<Result<Vec<Inserted>>>,
}

/// Writes small submits together.
#[derive(Debug)]
pub(super) struct Submitter {
    calls: mpsc::Sender<Call>,
    _task: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl Submitter {
    /// Starts the task.
    pub(super) fn start(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        let (calls, waiting) = mpsc::channel(MAX_WAITING);
        Self {
            calls,
            _task: AbortOnDropHandle::new(tokio::spawn(run(ledger, clock, waiting))),
        }
    }

    async fn insert(&self, entries: &Arc<[Entry]>) -> Result<Vec<Inserted>> {
        let (reply, answer) = oneshot::channel();
        let call = Call {
            entries: Arc::clone(entries),
            reply,
        };
        let closed = || Error::Unavailable("the ledger is closed".into());
        self.calls.send(call).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

async fn run(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>, mut waiting: mpsc::Receiver<Call>) {
    while let Some(first) = waiting.recv().await {
        let mut rows = first.entries.len();
        let mut group = vec![first];
        while rows < MAX_GROUP_ROWS
            && let Ok(call) = waiting.try_recv()
        {
            rows += call.entries.len();
            group.push(call);
        }
        write_group(&*ledger, &*clock, group).await;
    }
}

async fn write_group(ledger: &dyn Ledger, clock: &dyn Clock, group: Vec<Call>) {
    let entries: Vec<_> = group.iter().flat_map(|call| call.entries.iter()).collect();
    match insert(ledger, &entries, Keep::Each, clock).await {
        Ok(mut inserted) => {
            for call in group {
                let rest = inserted.split_off(call.entries.len().min(inserted.len()));
                // A caller that has gone does not want its answer.
                drop(call.reply.send(Ok(std::mem::replace(&mut inserted, rest))));
            }
        }
        Err(error) if error.is_transient() || group.len() == 1 => {
            let message = error.to_string();
            let mut error = Some(error);
            for call in group {
                let error = error
                    .take()
                    .unwrap_or_else(|| Error::Unavailable(message.clone().into()));
                drop(call.reply.send(Err(error)));
            }
        }
        // One of them cannot be stored: each alone, so that it does not spoil the others.
        Err(_) => {
            for call in group {
                let entries: Vec<_> = call.entries.iter().collect();
                let inserted = insert(ledger, &entries, Keep::Each, clock).await;
                drop(call.reply.send(inserted));
            }
        }
    }
}

/// Inserts jobs of which several may have the same id or key: the first of them is inserted, the others find it there.
async fn insert(
    ledger: &dyn Ledger,
    entries: &[&Entry],
    keep: Keep,
    clock: &dyn Clock,
) -> Result<Vec<Inserted>> {
    let mut answers: Vec<Option<Inserted>> = vec![None; entries.len()];
    loop {
        let mut ids = HashMap::<JobId, usize>::new();
        let mut keys = HashMap::<Uuid, usize>::new();
        // Index of an entry, and of the one before it that has the same id or key.
        let mut first = Vec::new();
        let mut again = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if answers[index].is_some() {
                continue;
            }
            let key = entry.key.map(|key| key.hash);
            if let Some(before) = ids.get(&entry.id) {
                again.push((index, *before, true));
            } else if let Some(before) = key.and_then(|key| keys.get(&key)) {
                again.push((index, *before, false));
            } else {
                ids.insert(entry.id, index);
                key.map(|key| keys.insert(key, index));
                first.push(index);
            }
        }
        let distinct: Vec<_> = first.iter().map(|index| entries[*index]).collect();
        // What repeats another job may be a conflict that only shows here.
        let refused = again
            .iter()
            .any(|(index, before, _)| entries[*index].body_hash != entries[*before].body_hash);
        let keep = match keep {
            Keep::AllOrNone if refused => Keep::None,
            keep => keep,
        };
        let inserted = ledger.insert(&distinct, keep, clock.now()).await?;
        for (index, inserted) in first.into_iter().zip(inserted) {
            answers[index] = Some(inserted);
        }
        let mut open = false;
        for (index, before, by_id) in again {
            answers[index] = repeated(entries[before], answers[before].as_ref(), by_id);
            open |= answers[index].is_none();
        }
        if !open {
            return Ok(answers.into_iter().flatten().collect());
        }
    }
}

/// Answers for a job whose id or key an earlier one of the same insert has; `None` where that one turned out to have no
/// claim to it.
fn repeated(first: &Entry, answer: Option<&Inserted>, by_id: bool) -> Option<Inserted> {
    let holder = Holder {
        id: first.id,
        ended: None,
        body_hash: first.body_hash,
        until_done: first.key.is_some_and(|key| key.ttl_ms.is_none()),
    };
    match (answer?, by_id) {
        (Inserted::New, true) => Some(Inserted::Known(holder)),
        (Inserted::New, false) => Some(Inserted::KeyTaken(holder)),
        (same @ Inserted::Known(_), true) | (same @ Inserted::KeyTaken(_), _) => Some(same.clone()),
        (Inserted::Known(_), false) => None,
    }
}

/// See [`crate::Broker::submit`].
pub(super) async fn submit(
    shared: &Shared,
    jobs: Vec<NewJob>,
    all_or_nothing: bool,
) -> Result<Vec<Verdict>> {
    if jobs.len() > MAX_SUBMIT {
        return Err(Error::Invalid(format!(
            "{} jobs in one submit; at most {MAX_SUBMIT} are allowed",
            jobs.len()
        )));
    }
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(jobs.len());
    let mut checked = Vec::with_capacity(jobs.len());
    let mut entries = Vec::with_capacity(jobs.len());
    for job in jobs {
        match check(job, shared) {
            Ok((job, entry)) => {
                verdicts.push(None);
                checked.push(job);
                entries.push(entry);
            }
            Err(rejected) => verdicts.push(Some(rejected)),
        }
    }
    let rejected = verdicts.iter().any(Option::is_some);
    let keep = match (all_or_nothing, rejected) {
        (false, _) => Keep::Each,
        (true, false) => Keep::AllOrNone,
        (true, true) => Keep::None,
    };
    let entries: Arc<[Entry]> = entries.into();
    let inserted = insert_current(shared, &entries, keep).await?;
    let kept_out = all_or_nothing && (rejected || refuses(&inserted, &entries));
    let decided = if kept_out {
        answers(shared, &checked, &entries, inserted, HashMap::new()).await?
    } else {
        let given = dispatch(shared, &checked, &inserted, all_or_nothing).await?;
        let bereft = bereft(&inserted, &given);
        let mut decided = answers(shared, &checked, &entries, inserted, given).await?;
        if !bereft.is_empty() && !all_or_nothing {
            // Each round decides the first job of every key: this ends.
            let again = bereft.iter().map(|index| checked[*index].clone()).collect();
            let again = Box::pin(submit(shared, again, false)).await?;
            for (index, verdict) in bereft.into_iter().zip(again) {
                decided[index] = verdict;
            }
        }
        decided
    };
    let mut decided = decided.into_iter();
    Ok(verdicts
        .into_iter()
        .filter_map(|verdict| verdict.or_else(|| decided.next()))
        .collect())
}

/// Returns which jobs were kept out by one of the same call that the broker then would not have.
fn bereft(inserted: &[Inserted], given: &HashMap<JobId, Verdict>) -> Vec<usize> {
    let stands = |id: &JobId| match given.get(id) {
        None => true,
        Some(Verdict::Accepted { id: there } | Verdict::Duplicate { id: there, .. }) => there == id,
        Some(Verdict::Conflict { .. } | Verdict::Rejected { .. }) => false,
    };
    inserted
        .iter()
        .enumerate()
        .filter(|(_, inserted)| match inserted {
            Inserted::New => false,
            Inserted::Known(holder) | Inserted::KeyTaken(holder) => !stands(&holder.id),
        })
        .map(|(index, _)| index)
        .collect()
}

fn check(job: NewJob, shared: &Shared) -> Result<(NewJob, Entry), Verdict> {
    let job = prepare(job, &shared.options.broker)?.job;
    let names = [&job.kind, &job.queue, &job.tenant];
    if names
        .into_iter()
        .chain(&job.tags)
        .any(|name| name.contains('\0'))
    {
        return Err(invalid(
            "kind, queue, tenant or tag holds a NUL character, which SQL cannot store".to_owned(),
        ));
    }
    let entry = Entry::new(&job).map_err(|error| invalid(error.to_string()))?;
    Ok((job, entry))
}

fn refuses(inserted: &[Inserted], entries: &[Entry]) -> bool {
    inserted
        .iter()
        .zip(entries)
        .any(|(inserted, entry)| match inserted {
            Inserted::New => false,
            Inserted::Known(holder) | Inserted::KeyTaken(holder) => {
                holder.body_hash != entry.body_hash
            }
        })
}

/// Inserts, and looks twice at keys whose holders may have ended without the ledger knowing yet.
async fn insert_current(
    shared: &Shared,
    entries: &Arc<[Entry]>,
    keep: Keep,
) -> Result<Vec<Inserted>> {
    let mut inserted = insert_once(shared, entries, keep).await?;
    let mut settled = HashSet::new();
    for holder in inserted.iter().filter_map(|inserted| match inserted {
        Inserted::KeyTaken(holder) if holder.until_done && holder.ended.is_none() => Some(holder),
        _ => None,
    }) {
        if settled.contains(&holder.id) {
            continue;
        }
        // A broker that is away cannot tell: the ledger's word stands.
        let Ok(Some(record)) = shared.inner.get(holder.id).await else {
            continue;
        };
        if let Some(end) = Settlement::of(&record) {
            shared.ledger.settle(&[end], false).await?;
            settled.insert(holder.id);
        }
    }
    if settled.is_empty() {
        return Ok(inserted);
    }
    if keep == Keep::Each {
        let stale: Vec<usize> = (0..inserted.len())
            .filter(|index| {
                matches!(&inserted[*index], Inserted::KeyTaken(holder) if settled.contains(&holder.id))
            })
            .collect();
        let again: Arc<[Entry]> = stale.iter().map(|index| entries[*index].clone()).collect();
        for (index, answer) in stale
            .into_iter()
            .zip(insert_once(shared, &again, keep).await?)
        {
            inserted[index] = answer;
        }
        return Ok(inserted);
    }
    insert_once(shared, entries, keep).await
}

async fn insert_once(shared: &Shared, entries: &Arc<[Entry]>, keep: Keep) -> Result<Vec<Inserted>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    if keep == Keep::Each && entries.len() <= MAX_SHARED {
        return shared.submitter.insert(entries).await;
    }
    let entries: Vec<_> = entries.iter().collect();
    insert(&*shared.ledger, &entries, keep, &*shared.clock).await
}

/// Gives new jobs to the broker. Returns its verdicts; what it would not have is no longer in the ledger.
async fn dispatch(
    shared: &Shared,
    jobs: &[NewJob],
    inserted: &[Inserted],
    all_or_nothing: bool,
) -> Result<HashMap<JobId, Verdict>> {
    let stands_for: HashMap<JobId, JobId> = jobs
        .iter()
        .zip(inserted)
        .filter_map(|(job, inserted)| match inserted {
            Inserted::KeyTaken(holder) => Some((job.id, holder.id)),
            Inserted::New | Inserted::Known(_) => None,
        })
        .collect();
    let new: Vec<NewJob> = jobs
        .iter()
        .zip(inserted)
        .filter(|(_, inserted)| **inserted == Inserted::New)
        .map(|(job, _)| {
            let mut job = job.clone();
            for id in &mut job.depends_on {
                *id = stands_for.get(id).copied().unwrap_or(*id);
            }
            job
        })
        .collect();
    if new.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = new.iter().map(|job| job.id).collect();
    let verdicts = match shared.inner.submit(new, all_or_nothing).await {
        Ok(verdicts) => verdicts,
        // They are accepted: the ledger has them, and the reconciler dispatches them when the broker is back.
        Err(error) if error.is_transient() => {
            shared.fell_behind();
            tracing::warn!(error = %error, jobs = ids.len(), "jobs are accepted by the ledger alone");
            let accepted = |id| (id, Verdict::Accepted { id });
            return Ok(ids.into_iter().map(accepted).collect());
        }
        Err(error) => {
            shared.ledger.discard(&ids).await?;
            return Err(error);
        }
    };
    let refused = all_or_nothing && verdicts.iter().any(|verdict| verdict.id().is_none());
    let mut unwanted = Vec::new();
    for (id, verdict) in ids.iter().zip(&verdicts) {
        match verdict {
            Verdict::Accepted { .. } if !refused => {}
            // The broker had it before the ledger did.
            Verdict::Duplicate { id: there, state } if there == id => {
                if state.is_terminal() {
                    shared.settler.push([Item::Look(Look {
                        id: *id,
                        known: None,
                    })]);
                }
            }
            _ => unwanted.push(*id),
        }
    }
    if !unwanted.is_empty() {
        shared.ledger.discard(&unwanted).await?;
    }
    Ok(ids.into_iter().zip(verdicts).collect())
}

/// Turns what the ledger and the broker said into verdicts, in the order given.
async fn answers(
    shared: &Shared,
    jobs: &[NewJob],
    entries: &[Entry],
    inserted: Vec<Inserted>,
    mut given: HashMap<JobId, Verdict>,
) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::with_capacity(jobs.len());
    for ((job, entry), inserted) in jobs.iter().zip(entries).zip(inserted) {
        verdicts.push(match inserted {
            Inserted::New => given
                .remove(&job.id)
                .unwrap_or(Verdict::Accepted { id: job.id }),
            Inserted::Known(holder) | Inserted::KeyTaken(holder)
                if holder.body_hash != entry.body_hash =>
            {
                Verdict::Conflict { id: holder.id }
            }
            Inserted::Known(holder) | Inserted::KeyTaken(holder) => Verdict::Duplicate {
                id: holder.id,
                state: present_state(shared, &holder).await?,
            },
        });
    }
    Ok(verdicts)
}

/// Returns the state of a job that stands for another.
async fn present_state(shared: &Shared, holder: &Holder) -> Result<JobState> {
    if let Some(ended) = holder.ended {
        return Ok(ended);
    }
    if let Ok(Some(record)) = shared.inner.get(holder.id).await {
        return Ok(record.state);
    }
    // It waits to be dispatched.
    let row = shared.ledger.get(holder.id).await?;
    row.map_or(Ok(JobState::Ready), |row| {
        Ok(row.to_record(shared.clock.now())?.state)
    })
}
