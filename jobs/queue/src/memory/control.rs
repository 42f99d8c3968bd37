//! What people ask for: cancel, retry, pause, limits.

use jiff::Timestamp;
use serde_json::Value;

use super::core::Core;
use crate::{
    Error, JobId, JobRecord, Result,
    broker::{Limits, Scope},
    rules,
};

impl Core {
    /// See [`crate::Broker::cancel`].
    pub(super) fn cancel(&mut self, id: JobId) -> Result<JobRecord> {
        let now = self.now();
        let mut row = self.jobs.row(id).ok_or(Error::NotFound(id))?;
        rules::control::cancel(&mut row, now)?;
        self.put(row, now);
        self.settle(now)?;
        self.record(id)
    }

    /// See [`crate::Broker::retry`].
    pub(super) fn retry(&mut self, id: JobId) -> Result<JobRecord> {
        let now = self.now();
        let mut row = self.jobs.row(id).ok_or(Error::NotFound(id))?;
        if rules::control::retry(&mut row, now)? {
            if let Some(key) = rules::control::key_to_retake(&row) {
                let taken = [row.tenant.clone(), row.kind.clone(), key.to_owned()];
                if self.keys.holder(&taken, now).is_some() {
                    return Err(rules::control::key_is_taken(&row, key));
                }
                self.keys.take(&row);
            }
            self.waiting.forget(row.seq);
        }
        self.put(row, now);
        self.record(id)
    }

    /// See [`crate::Broker::snooze`].
    pub(super) fn snooze(&mut self, id: JobId, until: Timestamp) -> Result<JobRecord> {
        let now = self.now();
        let mut row = self.jobs.row(id).ok_or(Error::NotFound(id))?;
        rules::control::snooze(&mut row, until.as_millisecond(), now)?;
        self.put(row, now);
        self.record(id)
    }

    /// See [`crate::Broker::delete`].
    pub(super) fn delete_one(&mut self, id: JobId) -> Result<()> {
        let row = self.jobs.row(id).ok_or(Error::NotFound(id))?;
        rules::control::check_delete(id, row.state)?;
        self.delete(row.seq);
        Ok(())
    }

    /// See [`crate::Broker::set_payload`].
    pub(super) fn set_payload(&mut self, id: JobId, payload: Value) -> Result<JobRecord> {
        let mut row = self.jobs.row(id).ok_or(Error::NotFound(id))?;
        let text = rules::control::check_new_payload(id, row.state, &payload, &self.options)?;
        row.body_hash = rules::check::body_hash_text(&row.kind, &text);
        self.keys.changed_body(&row);
        self.jobs.put_with_payload(row, payload);
        self.record(id)
    }

    /// See [`crate::Broker::set_paused`].
    pub(super) fn set_paused(&mut self, scope: Scope, paused: bool) {
        let now = self.now();
        let (_, limits) = self.scopes.get(&scope);
        self.scopes.set(scope, paused, limits, now);
    }

    /// See [`crate::Broker::set_limits`].
    pub(super) fn set_limits(&mut self, scope: Scope, limits: Limits) -> Result<()> {
        rules::control::check_limits(limits)?;
        let now = self.now();
        let (paused, _) = self.scopes.get(&scope);
        self.scopes.set(scope, paused, limits, now);
        Ok(())
    }

    fn record(&self, id: JobId) -> Result<JobRecord> {
        self.get(id)?.ok_or(Error::NotFound(id))
    }
}
