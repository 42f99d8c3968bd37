//! Unique keys, and who holds them.

use std::collections::{BTreeSet, HashMap};

use crate::{JobId, JobState, rules::row::JobRow, rules::submit::Key};

/// Who holds a key. Without `expires_at` it goes when the job ends; with it, at that instant, whatever becomes of the job.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) id: JobId,
    pub(super) body_hash: String,
    expires_at: Option<i64>,
    /// The job's last state, where it was pruned before the key expired.
    pub(super) ended_as: Option<JobState>,
}

/// Every key that is taken.
#[derive(Debug, Default)]
pub(super) struct Keys {
    holders: HashMap<Key, Holder>,
    by_expiry: BTreeSet<(i64, Key)>,
}

impl Keys {
    /// Returns who holds a key now.
    pub(super) fn holder(&self, key: &Key, now: i64) -> Option<&Holder> {
        self.holders
            .get(key)
            .filter(|holder| holder.expires_at.is_none_or(|at| at > now))
    }

    /// Takes a job's key, if it has one.
    pub(super) fn take(&mut self, row: &JobRow) {
        let Some(key) = key_of(row) else {
            return;
        };
        let expires_at = row
            .unique_ttl_ms
            .map(|ms| row.submitted_at.saturating_add(ms));
        let holder = Holder {
            id: row.id,
            body_hash: row.body_hash.clone(),
            expires_at,
            ended_as: None,
        };
        if let Some(at) = expires_at {
            self.by_expiry.insert((at, key.clone()));
        }
        let before = self.holders.insert(key.clone(), holder);
        if let Some(at) = before.and_then(|before| before.expires_at)
            && Some(at) != expires_at
        {
            self.by_expiry.remove(&(at, key));
        }
    }

    /// Frees the key of a job that has ended, unless the key outlives it.
    pub(super) fn release(&mut self, row: &JobRow) {
        if row.unique_ttl_ms.is_none()
            && let Some(key) = key_of(row)
            && let Some(holder) = self.holders.get(&key)
            && holder.expires_at.is_none()
        {
            self.holders.remove(&key);
        }
    }

    /// Remembers the last state of a job that is deleted while its key lives on.
    pub(super) fn deleted(&mut self, row: &JobRow) {
        if row.unique_ttl_ms.is_some()
            && let Some(key) = key_of(row)
            && let Some(holder) = self.holders.get_mut(&key)
            && holder.id == row.id
        {
            holder.ended_as = Some(row.state);
        }
    }

    /// Takes over the body of a job that holds its key.
    pub(super) fn changed_body(&mut self, row: &JobRow) {
        if let Some(key) = key_of(row)
            && let Some(holder) = self.holders.get_mut(&key)
            && holder.id == row.id
        {
            holder.body_hash.clone_from(&row.body_hash);
        }
    }

    /// Forgets at most `limit` keys that have expired.
    pub(super) fn prune(&mut self, now: i64, limit: usize) {
        for _ in 0..limit {
            match self.by_expiry.first() {
                Some((at, _)) if *at <= now => {}
                _ => return,
            }
            if let Some((_, key)) = self.by_expiry.pop_first() {
                self.holders.remove(&key);
            }
        }
    }
}

fn key_of(row: &JobRow) -> Option<Key> {
    let key = row.unique_key.as_ref()?;
    Some([row.tenant.clone(), row.kind.clone(), key.clone()])
}
