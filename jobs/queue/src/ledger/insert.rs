//! What both ledgers do alike around an insert: who stands in the way of whom.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use uuid::Uuid;

use super::{
    contract::{Holder, Inserted},
    entry::{Entry, EntryKey, read_state},
};
use crate::{JobId, Result};

/// A row of `known_jobs.sql`.
#[derive(Debug, FromRow)]
pub(super) struct KnownRow {
    id: Uuid,
    state: String,
    body_hash: Uuid,
}

/// A row of `key_holders.sql`.
#[derive(Debug, FromRow)]
pub(super) struct HolderRow {
    hash: Uuid,
    id: Uuid,
    body_hash: Uuid,
    expires_at: Option<i64>,
    state: String,
}

impl HolderRow {
    /// Tells whether somebody else has the key.
    pub(super) fn is_not(&self, id: JobId) -> bool {
        self.id != id.as_uuid()
    }
}

/// The state of one insert while it goes on.
#[derive(Debug, Default)]
pub(super) struct Found {
    known: HashMap<JobId, Holder>,
    /// Who holds a key, by its hash.
    keys: HashMap<Uuid, Holder>,
    new: HashSet<JobId>,
}

impl Found {
    /// Notes jobs that are there.
    pub(super) fn add_known(&mut self, rows: Vec<KnownRow>) -> Result<()> {
        for row in rows {
            let holder = Holder {
                id: row.id.into(),
                ended: read_state(&row.state)?,
                body_hash: row.body_hash,
                until_done: false,
            };
            self.known.insert(holder.id, holder);
        }
        Ok(())
    }

    /// Notes who holds keys.
    pub(super) fn add_holders(&mut self, rows: Vec<HolderRow>) -> Result<()> {
        for row in rows {
            let holder = Holder {
                id: row.id.into(),
                ended: read_state(&row.state)?,
                body_hash: row.body_hash,
                until_done: row.expires_at.is_none(),
            };
            self.keys.insert(row.hash, holder);
        }
        Ok(())
    }

    /// Notes jobs that were inserted.
    pub(super) fn add_new(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        self.new.extend(ids.into_iter().map(JobId::from));
    }

    /// Returns the keys to take: those of jobs that are not there.
    pub(super) fn keys_to_take<'a>(&self, entries: &[&'a Entry]) -> Vec<(&'a Entry, EntryKey)> {
        entries
            .iter()
            .filter(|entry| !self.known.contains_key(&entry.id))
            .filter_map(|entry| Some((*entry, entry.key?)))
            .collect()
    }

    /// Returns the jobs to insert: those that are not there and whose key nobody else has.
    pub(super) fn to_insert<'a>(&self, entries: &[&'a Entry]) -> Vec<&'a Entry> {
        entries
            .iter()
            .filter(|entry| !self.known.contains_key(&entry.id) && self.key_holder(entry).is_none())
            .copied()
            .collect()
    }

    /// Returns the jobs that should have been inserted and were not: somebody else was faster.
    pub(super) fn overtaken(&self, tried: &[&Entry]) -> Vec<JobId> {
        tried
            .iter()
            .map(|entry| entry.id)
            .filter(|id| !self.new.contains(id))
            .collect()
    }

    fn key_holder(&self, entry: &Entry) -> Option<&Holder> {
        let holder = self.keys.get(&entry.key?.hash)?;
        (holder.id != entry.id).then_some(holder)
    }

    /// Tells whether a job would be refused.
    pub(super) fn refuses(&self, entries: &[&Entry]) -> bool {
        entries.iter().any(|entry| {
            self.known
                .get(&entry.id)
                .or_else(|| self.key_holder(entry))
                .is_some_and(|holder| holder.body_hash != entry.body_hash)
        })
    }

    /// Answers for each entry in the order given.
    pub(super) fn answers(&self, entries: &[&Entry]) -> Vec<Inserted> {
        entries
            .iter()
            .map(|entry| {
                if let Some(holder) = self.known.get(&entry.id) {
                    Inserted::Known(holder.clone())
                } else if let Some(holder) = self.key_holder(entry) {
                    Inserted::KeyTaken(holder.clone())
                } else {
                    Inserted::New
                }
            })
            .collect()
    }
}
