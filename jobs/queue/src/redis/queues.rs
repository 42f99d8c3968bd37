//! Which queues there are, which lanes they have, and what must hold in all of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use redis::Value;

use super::{Shared, codec::Lane, courier::Pace, keys, reply, scripts};
use crate::Result;

/// How long the set of queues is taken to be as it was last read.
const FRESH: Duration = Duration::from_secs(10);

/// What this process knows of the queues. Lanes never change once they have a number, so they are remembered; std locks,
/// no await is held.
#[derive(Default)]
pub(super) struct Queues {
    known: RwLock<Known>,
    lanes: RwLock<HashMap<String, HashMap<u32, Arc<Lane>>>>,
    looked_after: Mutex<Pace>,
}

#[derive(Default)]
struct Known {
    /// With their numbers, which are small and never change; 0 where this process only knows the name.
    names: BTreeMap<String, u32>,
    /// Queues this process has registered itself.
    registered: BTreeSet<String>,
    read_at: Option<Instant>,
}

impl Queues {
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the queues this process knows.
    pub(super) fn known(&self) -> Vec<String> {
        self.read().names.keys().cloned().collect()
    }

    /// Notes a queue that this process serves.
    pub(super) fn note(&self, queue: &str) {
        if !self.read().names.contains_key(queue) {
            self.write().names.insert(queue.to_owned(), 0);
        }
    }

    fn is_registered(&self, queue: &str) -> bool {
        self.read().registered.contains(queue)
    }

    /// Tells whether it is time to look after what waits for jobs of other queues.
    pub(super) fn is_time(&self, interval: Duration) -> bool {
        self.looked_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_time(interval)
    }

    /// Remembers lanes of a queue.
    pub(super) fn add_lanes(&self, queue: &str, lanes: Vec<(u32, Lane)>) {
        if lanes.is_empty() {
            return;
        }
        let mut all = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(queue.to_owned()).or_default();
        for (number, lane) in lanes {
            known.insert(number, Arc::new(lane));
        }
    }

    pub(super) fn lane(&self, queue: &str, number: u32) -> Option<Arc<Lane>> {
        let all = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        all.get(queue)?.get(&number).cloned()
    }

    /// Forgets the lanes of a queue: its server has lost it, and numbers may mean other lanes now.
    fn forget_lanes(&self, queue: &str) {
        let mut all = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(queue);
    }
}

/// Reads lanes from a flat array of numbers and names.
pub(super) fn read_lanes(value: Value) -> Result<Vec<(u32, Lane)>> {
    reply::text_pairs(value)?
        .into_iter()
        .map(|(number, name)| Ok((reply::parse(&number)? as u32, Lane::parse(&name)?)))
        .collect()
}

impl Shared {
    /// Returns every queue there is, read not long ago.
    pub(super) async fn all_queues(&self) -> Result<Vec<String>> {
        let stale = self
            .queues
            .read()
            .read_at
            .is_none_or(|at| at.elapsed() > FRESH);
        if stale {
            self.read_queues().await?;
        }
        Ok(self.queues.known())
    }

    /// Returns every queue there is at this moment.
    pub(super) async fn read_queues(&self) -> Result<Vec<String>> {
        let numbers = self.read_numbers().await?;
        Ok(numbers.into_iter().map(|(name, _)| name).collect())
    }

    /// Returns every queue there is at this moment, with its number.
    pub(super) async fn read_numbers(&self) -> Result<Vec<(String, u32)>> {
        let mut command = redis::cmd("HGETALL");
        command.arg(keys::queues_key(self.link.prefix()));
        let mut numbers = Vec::new();
        for (name, number) in reply::text_pairs(self.link.call(&command, true).await?)? {
            if name != keys::QUEUE_COUNTER {
                numbers.push((name, reply::parse(&number)? as u32));
            }
        }
        let mut known = self.queues.write();
        known.names.extend(numbers.iter().cloned());
        known.read_at = Some(Instant::now());
        Ok(numbers)
    }

    /// Makes sure that a queue is in the set of queues, before its first job.
    pub(super) async fn ensure_registered(&self, queue: &str) -> Result<()> {
        if self.queues.is_registered(queue) {
            return Ok(());
        }
        self.register(queue).await
    }

    /// Puts a queue into the set, and gives it the pauses and limits that hold everywhere.
    pub(super) async fn register(&self, queue: &str) -> Result<()> {
        let key = keys::queues_key(self.link.prefix());
        let mut command = redis::cmd("HEXISTS");
        command.arg(&key).arg(queue);
        if reply::number(self.link.call(&command, true).await?)? == 0 {
            let mut command = redis::cmd("HINCRBY");
            command.arg(&key).arg(keys::QUEUE_COUNTER).arg(1);
            let number = reply::number(self.link.call(&command, false).await?)?;
            // Somebody else may have been faster; then this number is left unused.
            let mut command = redis::cmd("HSETNX");
            command.arg(&key).arg(queue).arg(number);
            self.link.call(&command, true).await?;
        }
        let mut command = redis::cmd("HGETALL");
        command.arg(keys::rules_key(self.link.prefix()));
        for (scope, rule) in reply::text_pairs(self.link.call(&command, true).await?)? {
            let mut arguments = self.arguments();
            arguments.push(&scope).push("w").push(&rule);
            self.link
                .eval(&scripts::RULE, queue, &arguments, true)
                .await?;
        }
        self.close_to_horizon(queue).await?;
        let mut known = self.queues.write();
        known.names.entry(queue.to_owned()).or_insert(0);
        known.registered.insert(queue.to_owned());
        Ok(())
    }

    /// Deletes every key of every queue, and those of the installation.
    pub(super) async fn erase(&self) -> Result<()> {
        for queue in self.read_queues().await? {
            // One key a call: in a cluster that is at home everywhere.
            for name in keys::NAMES {
                let mut command = redis::cmd("UNLINK");
                command.arg(self.link.key(&queue, name));
                self.link.call(&command, true).await?;
            }
            self.queues.forget_lanes(&queue);
        }
        let prefix = self.link.prefix();
        for key in [
            keys::queues_key(prefix),
            keys::rules_key(prefix),
            keys::horizon_key(prefix),
        ] {
            let mut command = redis::cmd("UNLINK");
            command.arg(key);
            self.link.call(&command, true).await?;
        }
        let mut known = self.queues.write();
        known.names.clear();
        known.registered.clear();
        Ok(())
    }

    /// A queue had no job when one was accepted: it is new, or its server was emptied since it was registered.
    pub(super) async fn begun_anew(&self, queue: &str) -> Result<()> {
        self.queues.forget_lanes(queue);
        self.register(queue).await
    }

    /// Returns the lane of a job, from memory or from the server.
    pub(super) async fn lane(&self, queue: &str, number: u32) -> Result<Arc<Lane>> {
        if let Some(lane) = self.queues.lane(queue, number) {
            return Ok(lane);
        }
        let mut command = redis::cmd("HGET");
        command
            .arg(self.link.key(queue, "lanes"))
            .arg(format!("i{number}"));
        let name = reply::text(self.link.call(&command, true).await?)?;
        let lane = Lane::parse(&name)?;
        self.queues.add_lanes(queue, vec![(number, lane.clone())]);
        Ok(Arc::new(lane))
    }
}
