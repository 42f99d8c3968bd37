//! Bounds of requests that are no settings, and how many bytes of a body are read.
//!
//! A body over its limit is read on for a while and thrown away before the answer goes out: a client that is still
//! sending would otherwise see a broken connection instead of the error.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// The longest title, source and type, in characters.
pub(crate) const MAX_TITLE_CHARACTERS: usize = 1_000;
pub(crate) const MAX_SOURCE_CHARACTERS: usize = 2_000;
pub(crate) const MAX_TYPE_CHARACTERS: usize = 200;
/// Items of a page whose size is not asked for.
pub(crate) const DEFAULT_PAGE: usize = 100;
/// Bytes beyond a limit that are read and thrown away.
const DRAIN_BYTES: u64 = 64 * 1024 * 1024;

/// Why a bounded stream ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It holds more bytes than its limit.
    TooLarge,
    /// The client's side failed: broken off, or not what its framing says.
    Broken(String),
}

/// Why a stream stopped, told apart from failures of whoever reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict(Arc<Mutex<Option<Stop>>>);

impl Verdict {
    /// Returns why the stream ended early, if it did.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, stop: Stop) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
    }
}

/// A stream of at most `limit` bytes; see [`bounded`].
pub(crate) struct Bounded<S> {
    inner: S,
    seen: u64,
    limit: u64,
    verdict: Verdict,
    ended: bool,
}

/// Bounds a stream of bytes. When it ends with an error, the verdict says whose fault it was.
pub(crate) fn bounded<S>(inner: S, limit: u64) -> (Bounded<S>, Verdict) {
    let verdict = Verdict::default();
    let stream = Bounded {
        inner,
        seen: 0,
        limit,
        verdict: verdict.clone(),
        ended: false,
    };
    (stream, verdict)
}

impl<S, E> Stream for Bounded<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let next = ready!(self.inner.poll_next_unpin(cx));
            let over = self.seen > self.limit;
            match next {
                Some(Ok(bytes)) => {
                    self.seen = self.seen.saturating_add(bytes.len() as u64);
                    if self.seen <= self.limit {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    if self.seen - self.limit <= DRAIN_BYTES {
                        continue;
                    }
                    self.verdict.set(Stop::TooLarge);
                }
                Some(Err(_)) | None if over => self.verdict.set(Stop::TooLarge),
                Some(Err(error)) => self.verdict.set(Stop::Broken(error.to_string())),
                None => return Poll::Ready(None),
            }
            self.ended = true;
            return Poll::Ready(Some(Err(io::Error::other("the body ended early"))));
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// Why it stopped early.
pub(crate) async fn read_body(body: Body, limit: u64) -> Result<Bytes, Stop> {
    let (mut stream, verdict) = bounded(body.into_data_stream(), limit);
    let mut whole = BytesMut::new();
    while let Some(part) = stream.next().await {
        match part {
            Ok(bytes) => whole.extend_from_slice(&bytes),
            Err(error) => return Err(verdict.stop().unwrap_or(Stop::Broken(error.to_string()))),
        }
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn parts(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, io::Error>> + Unpin + use<> {
        let parts: Vec<_> = sizes
            .iter()
            .map(|size| Ok(Bytes::from(vec![b'x'; *size])))
            .collect();
        stream::iter(parts)
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let (stream, verdict) = bounded(parts(&[4, 6]), 10);
        let read: Vec<_> = stream.collect().await;
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(Result::is_ok));
        assert_eq!(verdict.stop(), None);
    }

    #[tokio::test]
    async fn one_byte_more_stops_with_too_large_and_passes_nothing_of_it() {
        let (stream, verdict) = bounded(parts(&[10, 1, 5]), 10);
        let read: Vec<_> = stream.collect().await;
        assert_eq!(read.len(), 2);
        assert!(read[1].is_err());
        assert_eq!(verdict.stop(), Some(Stop::TooLarge));
    }

    #[tokio::test]
    async fn a_broken_body_is_told_apart() {
        let broken = stream::iter([
            Ok(Bytes::from_static(b"ab")),
            Err(io::Error::other("reset")),
        ]);
        let (stream, verdict) = bounded(broken, 10);
        assert_eq!(stream.collect::<Vec<_>>().await.len(), 2);
        assert_eq!(verdict.stop(), Some(Stop::Broken("reset".to_owned())));
    }
}
