//! Which jobs of a submit are accepted.

use std::collections::{HashMap, HashSet};

use super::{
    check::{Prepared, invalid, prepare},
    row::JobRow,
};
use crate::{
    Error, JobId, JobState, NewJob, Result,
    broker::{MAX_SUBMIT, Verdict},
    options::BrokerOptions,
};

/// Scope of a unique key: tenant, kind, key.
pub(crate) type Key = [String; 3];

/// Returns the key that a job wants to take.
pub(crate) fn key_of(job: &NewJob) -> Option<Key> {
    let unique = job.unique.as_ref()?;
    Some([job.tenant.clone(), job.kind.clone(), unique.key.clone()])
}

/// Checks the jobs of a submit, each by itself and that none depends on one that does not come before it.
///
/// # Errors
/// [`Error::Invalid`] when there are more than [`MAX_SUBMIT`].
pub(crate) fn check_all(
    jobs: Vec<NewJob>,
    options: &BrokerOptions,
) -> Result<Vec<Result<Prepared, Verdict>>> {
    if jobs.len() > MAX_SUBMIT {
        return Err(Error::Invalid(format!(
            "{} jobs in one submit; at most {MAX_SUBMIT} are allowed",
            jobs.len()
        )));
    }
    let mut earlier_or_later: HashMap<JobId, usize> = HashMap::new();
    for (index, job) in jobs.iter().enumerate() {
        earlier_or_later.entry(job.id).or_insert(index);
    }
    let checked = jobs.into_iter().enumerate().map(|(index, job)| {
        let too_early = job
            .depends_on
            .iter()
            .find(|id| earlier_or_later.get(id).is_some_and(|at| *at >= index));
        if let Some(id) = too_early {
            return Err(invalid(format!(
                "job `{}` depends on `{id}`, which does not come before it in the same submit",
                job.id
            )));
        }
        prepare(job, options)
    });
    Ok(checked.collect())
}

/// What stands in the way of a job: another one with its id or key.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) id: JobId,
    pub(crate) state: JobState,
    pub(crate) body_hash: String,
}

impl Taken {
    fn verdict(&self, body_hash: &str) -> Verdict {
        if self.body_hash == body_hash {
            Verdict::Duplicate {
                id: self.id,
                state: self.state,
            }
        } else {
            Verdict::Conflict { id: self.id }
        }
    }
}

/// What a broker knows about the ids and keys of a submit.
#[derive(Debug, Default)]
pub(crate) struct Present {
    /// Jobs with an id of the submit.
    pub(crate) by_id: HashMap<JobId, Taken>,
    /// Jobs that hold a key of the submit.
    pub(crate) by_key: HashMap<Key, Taken>,
    /// Jobs that others depend on and that have not settled.
    pub(crate) open: HashSet<JobId>,
}

/// A job that is accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Its place in the submit.
    pub(crate) index: usize,
    pub(crate) row: JobRow,
    pub(crate) waits_for: HashSet<JobId>,
}

/// Says what becomes of each job, and which are to be stored: the first gets `next_seq`.
pub(crate) fn decide(
    jobs: &[Result<Prepared, Verdict>],
    mut present: Present,
    all_or_nothing: bool,
    mut next_seq: i64,
    now: i64,
) -> (Vec<Verdict>, Vec<Accepted>) {
    let mut verdicts = Vec::with_capacity(jobs.len());
    let mut accepted = Vec::new();
    // Which job stands for an id of this submit, and is still to settle.
    let mut stands_for: HashMap<JobId, JobId> = HashMap::new();
    for (index, item) in jobs.iter().enumerate() {
        let prepared = match item {
            Ok(prepared) => prepared,
            Err(rejected) => {
                verdicts.push(rejected.clone());
                continue;
            }
        };
        let job = &prepared.job;
        let key = key_of(job);
        let taken = present
            .by_id
            .get(&job.id)
            .or_else(|| key.as_ref().and_then(|key| present.by_key.get(key)));
        if let Some(taken) = taken {
            let verdict = taken.verdict(&prepared.body_hash);
            if let (Some(id), false) = (verdict.id(), taken.state.is_terminal()) {
                stands_for.insert(job.id, id);
            }
            verdicts.push(verdict);
            continue;
        }
        let waits_for: HashSet<JobId> = job
            .depends_on
            .iter()
            .filter_map(|id| match stands_for.get(id) {
                Some(id) => Some(*id),
                None => present.open.contains(id).then_some(*id),
            })
            .collect();
        let row = JobRow::new(prepared, next_seq, waits_for.len() as u32, now);
        next_seq += 1;
        let taken = Taken {
            id: job.id,
            state: row.state,
            body_hash: prepared.body_hash.clone(),
        };
        stands_for.insert(job.id, job.id);
        present.by_id.insert(job.id, taken.clone());
        if let Some(key) = key {
            present.by_key.insert(key, taken);
        }
        verdicts.push(Verdict::Accepted { id: job.id });
        accepted.push(Accepted {
            index,
            row,
            waits_for,
        });
    }
    if all_or_nothing && verdicts.iter().any(|verdict| verdict.id().is_none()) {
        accepted.clear();
    }
    (verdicts, accepted)
}
