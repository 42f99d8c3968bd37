//! Waking workers: a list of tokens a queue, popped by a blocking call on a connection of its own.
//!
//! A token is asked for only while somebody here waits, so that a busy process does not take it from an idle one; one that
//! comes too late is given back. What a fetch learnt about the next due instant bounds the wait.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::select_all;
use redis::Value;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::link::{Link, RESPONSE_TIMEOUT};

/// A blocking call that takes this much longer than it should is stuck: its connection is replaced.
const OVERDUE: Duration = Duration::from_secs(2);
/// The wait after a connection failed.
const RECONNECT: Duration = Duration::from_millis(200);

/// One waker a queue, started with the first wait.
pub(super) struct Wakers {
    link: Link,
    idle_poll: Duration,
    /// A std mutex: sections are one lookup, no await is held.
    queues: Mutex<HashMap<String, Waker>>,
}

struct Waker {
    shared: Arc<Waiting>,
    /// Ends with the broker.
    listener: Option<AbortOnDropHandle<()>>,
    hint: Option<Hint>,
}

#[derive(Default)]
struct Waiting {
    waiters: AtomicUsize,
    /// Somebody began to wait.
    wanted: Notify,
    /// A token came.
    woken: Notify,
}

/// What a script said about the next instant at which something is due.
#[derive(Debug, Clone, Copy)]
struct Hint {
    /// When a job may become ready: a wait ends then.
    ready_at: Option<Instant>,
    /// When a sweep may have something to do.
    due_at: Option<Instant>,
    /// Until when it is believed.
    good_until: Instant,
}

/// Counts a waiter for as long as it waits.
struct Waiter(Arc<Waiting>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wakers {
    pub(super) fn new(link: Link, idle_poll: Duration) -> Arc<Self> {
        Arc::new(Self {
            link,
            idle_poll,
            queues: Mutex::default(),
        })
    }

    /// See [`crate::Broker::wait_ready`].
    pub(super) async fn wait(&self, queues: &[String], timeout: Duration) {
        let now = Instant::now();
        let mut limit = timeout;
        let mut waiting = Vec::with_capacity(queues.len());
        {
            let mut wakers = self.lock();
            for queue in queues {
                let waker = wakers.entry(queue.clone()).or_insert_with(Waker::new);
                waker.listen(&self.link, queue, self.idle_poll);
                if let Some(ready_at) = waker.hint.and_then(|hint| hint.ready_at) {
                    limit = limit.min(ready_at.saturating_duration_since(now));
                }
                waker.shared.waiters.fetch_add(1, Ordering::SeqCst);
                waker.shared.wanted.notify_one();
                waiting.push(Waiter(Arc::clone(&waker.shared)));
            }
        }
        if waiting.is_empty() {
            return tokio::time::sleep(timeout).await;
        }
        // A due instant that was not met yet must not make this spin.
        let limit = limit.max(Duration::from_millis(1));
        let woken = select_all(
            waiting
                .iter()
                .map(|waiter| Box::pin(waiter.0.woken.notified())),
        );
        drop(tokio::time::timeout(limit, woken).await);
    }

    /// Notes what a script said: in how many ms a job may become ready (`None`: it did not say) and a sweep may have
    /// something to do; -1 for never. Less: it did not look, which changes nothing. A fetch that filled every slot does not
    /// look, and a worker that is always full must keep the times too.
    pub(super) fn note(
        &self,
        queue: &str,
        until_ready_ms: Option<i64>,
        until_sweep_ms: i64,
        good_for: Duration,
    ) {
        if until_sweep_ms < -1 {
            return;
        }
        let now = Instant::now();
        let at = |ms: i64| now.checked_add(Duration::from_millis(u64::try_from(ms).ok()?));
        let mut wakers = self.lock();
        let waker = wakers.entry(queue.to_owned()).or_insert_with(Waker::new);
        waker.hint = Some(Hint {
            ready_at: match until_ready_ms {
                Some(ms) => at(ms),
                None => waker.hint.and_then(|hint| hint.ready_at),
            },
            due_at: at(until_sweep_ms),
            good_until: now + good_for.min(self.idle_poll),
        });
    }

    /// Tells whether nothing is due in any of `queues` as far as was learnt not long ago.
    pub(super) fn is_quiet(&self, queues: &[String]) -> bool {
        let now = Instant::now();
        let wakers = self.lock();
        queues.iter().all(|queue| {
            wakers
                .get(queue)
                .and_then(|waker| waker.hint)
                .is_some_and(|hint| {
                    now < hint.good_until && hint.due_at.is_none_or(|due_at| now < due_at)
                })
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waker>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waker {
    fn new() -> Self {
        Self {
            shared: Arc::default(),
            listener: None,
            hint: None,
        }
    }

    fn listen(&mut self, link: &Link, queue: &str, idle_poll: Duration) {
        if self.listener.is_none() {
            let listener = listen(
                link.clone(),
                link.key(queue, "wake"),
                Arc::clone(&self.shared),
                idle_poll,
            );
            self.listener = Some(AbortOnDropHandle::new(tokio::spawn(listener)));
        }
    }
}

/// Pops tokens for as long as somebody waits. Never ends by itself.
async fn listen(link: Link, key: String, waiting: Arc<Waiting>, block: Duration) {
    let mut pop = redis::cmd("BLPOP");
    pop.arg(&key).arg(block.as_secs_f64());
    let mut connection = None;
    loop {
        while waiting.waiters.load(Ordering::SeqCst) == 0 {
            waiting.wanted.notified().await;
        }
        if connection.is_none() {
            match link.connector().connect(block + RESPONSE_TIMEOUT).await {
                Ok(made) => connection = Some(made),
                Err(error) => {
                    tracing::debug!(error = %error, "the waking connection cannot be made");
                    // The waiters look by themselves in the meantime.
                    tokio::time::sleep(RECONNECT).await;
                    continue;
                }
            }
        }
        let Some(open) = connection.as_mut() else {
            continue;
        };
        match tokio::time::timeout(block + OVERDUE, open.call(&pop)).await {
            Ok(Ok(Value::Nil)) => {}
            Ok(Ok(_)) => {
                if waiting.waiters.load(Ordering::SeqCst) == 0 {
                    give_back(&link, &key).await;
                }
                waiting.woken.notify_one();
            }
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "the waking connection broke");
                connection = None;
                tokio::time::sleep(RECONNECT).await;
            }
            Err(_) => {
                tracing::warn!(key, "the waking connection is stuck and is replaced");
                connection = None;
            }
        }
    }
}

/// Nobody here wants the token any more; another process may.
async fn give_back(link: &Link, key: &str) {
    let mut push = redis::cmd("RPUSH");
    push.arg(key).arg("1");
    if let Err(error) = link.call(&push, false).await {
        tracing::debug!(error = %error, "a token was not given back; others look by themselves");
    }
}

#[cfg(test)]
mod tests {
    use super::{super::address::Address, *};

    #[tokio::test]
    async fn a_fetch_that_did_not_look_leaves_nothing_quiet() {
        let address = Address::parse("redis://127.0.0.1:1").unwrap();
        let link = Link::new(address, "gm".to_owned()).unwrap();
        let wakers = Wakers::new(link, Duration::from_secs(5));
        let (queues, long) = (["q".to_owned()], Duration::from_secs(5));
        for (until_ms, quiet) in [(-2, false), (-1, true), (-2, true), (0, false), (-2, false)] {
            wakers.note("q", None, until_ms, long);
            assert_eq!(wakers.is_quiet(&queues), quiet, "after {until_ms}");
        }
    }
}
