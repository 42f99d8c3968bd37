//! Where schedules are kept.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::Result;

/// A schedule, and how far it has been seen to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSchedule {
    /// The schedule.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Ticks until here have fired, or never will.
    pub seen_to: Timestamp,
}

/// Keeps schedules. All verbs are safe to repeat; every one fails with [`crate::Error::Unavailable`] where the store does
/// not answer.
#[async_trait]
pub trait ScheduleStore: Send + Sync + 'static {
    /// Adds a schedule, whose ticks count from `now`, or changes one, which stays seen to where it was.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for one that [`Schedule::plan`] refuses.
    async fn put(&self, schedule: &Schedule, now: Timestamp) -> Result<()>;

    /// Returns a schedule.
    async fn get(&self, name: &str) -> Result<Option<StoredSchedule>>;

    /// Returns all schedules, by name.
    async fn list(&self) -> Result<Vec<StoredSchedule>>;

    /// Deletes a schedule; `false` where there is none.
    async fn remove(&self, name: &str) -> Result<bool>;

    /// Stops or restarts a schedule; `false` where there is none.
    async fn set_paused(&self, name: &str, paused: bool) -> Result<bool>;

    /// Notes that ticks until here have been seen to; never goes back.
    async fn advance(&self, name: &str, seen_to: Timestamp) -> Result<()>;
}

/// Schedules in memory: for tests, and for programs that write theirs down in code.
#[derive(Debug, Default)]
pub struct MemorySchedules(Mutex<BTreeMap<String, StoredSchedule>>);

impl MemorySchedules {
    /// Sections are single map operations: a panic cannot leave one half done.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, StoredSchedule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ScheduleStore for MemorySchedules {
    async fn put(&self, schedule: &Schedule, now: Timestamp) -> Result<()> {
        schedule.plan()?;
        let mut schedules = self.lock();
        let seen_to = schedules
            .get(&schedule.name)
            .map_or(now, |before| before.seen_to);
        let stored = StoredSchedule {
            schedule: schedule.clone(),
            seen_to,
        };
        schedules.insert(schedule.name.clone(), stored);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<StoredSchedule>> {
        Ok(self.lock().get(name).cloned())
    }

    async fn list(&self) -> Result<Vec<StoredSchedule>> {
        Ok(self.lock().values().cloned().collect())
    }

    async fn remove(&self, name: &str) -> Result<bool> {
        Ok(self.lock().remove(name).is_some())
    }

    async fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let mut schedules = self.lock();
        let Some(stored) = schedules.get_mut(name) else {
            return Ok(false);
        };
        stored.schedule.paused = paused;
        Ok(true)
    }

    async fn advance(&self, name: &str, seen_to: Timestamp) -> Result<()> {
        if let Some(stored) = self.lock().get_mut(name) {
            stored.seen_to = stored.seen_to.max(seen_to);
        }
        Ok(())
    }
}
