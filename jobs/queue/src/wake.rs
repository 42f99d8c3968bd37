//! Wakes whoever waits for work, queue by queue.
//!
//! Where one process has all the jobs, what becomes ready becomes ready here, and waking needs no polling. Each queue has a
//! [`Notify`]: all present waiters are woken, and one permit is kept for a caller that comes a moment too late.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// The queues' notifications. A std mutex guards the map: sections are one lookup, and no await is held across.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    queues: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Wakers {
    /// Something may have become ready in `queue`.
    pub(crate) fn wake(&self, queue: &str) {
        let notify = self.of(queue);
        notify.notify_waiters();
        notify.notify_one();
    }

    /// Something may have become ready anywhere: a pause or a limit was lifted.
    pub(crate) fn wake_all(&self) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for notify in queues.values() {
            notify.notify_waiters();
            notify.notify_one();
        }
    }

    /// Returns when one of `queues` is woken, and at the latest after `timeout`.
    pub(crate) async fn wait(&self, queues: &[String], timeout: Duration) {
        if queues.is_empty() {
            tokio::time::sleep(timeout).await;
            return;
        }
        let notifies: Vec<_> = queues.iter().map(|queue| self.of(queue)).collect();
        let woken =
            futures::future::select_all(notifies.iter().map(|notify| Box::pin(notify.notified())));
        // Both ends mean the same: look again.
        drop(tokio::time::timeout(timeout, woken).await);
    }

    fn of(&self, queue: &str) -> Arc<Notify> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = queues.get(queue) {
            return Arc::clone(notify);
        }
        let notify = Arc::new(Notify::new());
        queues.insert(queue.to_owned(), Arc::clone(&notify));
        notify
    }
}
