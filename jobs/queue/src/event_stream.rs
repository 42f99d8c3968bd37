//! Events as they happen: an endless stream over [`Broker::events`], for whoever shows them live.
//!
//! A task reads on and hands over one event after the other. What it holds is bounded: while its reader is slow it reads
//! nothing, and the broker keeps the rest for as long as it keeps events. Dropping the stream ends the task. Each event has
//! its number, so a reader that was cut off begins again behind the last one it saw.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::{Broker, broker::JobEvent, job::Backoff, retry};

/// Events that are read ahead of the reader.
const BUFFER: usize = 256;
/// The longest wait between two looks where nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// The shortest.
const BUSY: Duration = Duration::from_millis(50);

/// Events of one broker, oldest first, without an end.
#[derive(Debug)]
pub struct EventStream {
    events: mpsc::Receiver<JobEvent>,
    _task: AbortOnDropHandle<()>,
}

impl EventStream {
    /// Begins behind the event `after`; 0 begins with the oldest that is kept.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn after(broker: Arc<dyn Broker>, after: u64) -> Self {
        let (out, events) = mpsc::channel(BUFFER);
        Self {
            events,
            _task: AbortOnDropHandle::new(tokio::spawn(read_on(broker, after, out))),
        }
    }
}

impl Stream for EventStream {
    type Item = JobEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<JobEvent>> {
        self.events.poll_recv(cx)
    }
}

async fn read_on(broker: Arc<dyn Broker>, mut after: u64, out: mpsc::Sender<JobEvent>) {
    let mut wait = BUSY;
    let mut failures = 0;
    loop {
        match broker.events(after, BUFFER).await {
            Ok(events) => {
                failures = 0;
                let full = events.len() == BUFFER;
                wait = if events.is_empty() {
                    (wait * 2).min(IDLE)
                } else {
                    BUSY
                };
                for event in events {
                    after = event.seq;
                    if out.send(event).await.is_err() {
                        return;
                    }
                }
                if full {
                    continue;
                }
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(error = %error, "events cannot be read; the stream goes on when they can");
                }
                let backoff = Backoff {
                    base_ms: 100,
                    max_ms: 5_000,
                };
                wait = Duration::from_millis(retry::bound_ms(backoff, failures));
            }
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use serde_json::json;

    use super::*;
    use crate::{NewJob, clock::SystemClock, memory::MemoryBroker, options::BrokerOptions};

    #[tokio::test]
    async fn a_stream_tells_what_comes_and_resumes_where_it_was_cut() {
        let memory = MemoryBroker::new(Arc::new(SystemClock), BrokerOptions::default());
        let broker: Arc<dyn Broker> = Arc::new(memory);
        let jobs = |n: u64| (0..n).map(|n| NewJob::new("k", "q", json!(n))).collect();
        broker.submit(jobs(700), false).await.unwrap();
        let mut stream = EventStream::after(Arc::clone(&broker), 0);
        let first: Vec<_> = stream.by_ref().take(700).collect().await;
        assert!(first.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        broker.submit(jobs(1), false).await.unwrap();
        let next = stream.next().await.unwrap();
        assert_eq!(next.seq, first[699].seq + 1, "it waits for more");
        drop(stream);
        let resumed = EventStream::after(broker, first[690].seq);
        let rest: Vec<_> = resumed.take(10).collect().await;
        assert_eq!(rest[..9], first[691..]);
        assert_eq!(rest[9], next);
    }
}
