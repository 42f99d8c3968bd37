//! Uploads, so many at once, each repeated while the API is full or away.

use std::{num::NonZeroUsize, pin::pin, time::Duration};

use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::{tally::Tally, walk::Found};
use crate::client::{Client, ClientError};

/// Tries of one upload while nobody answers: half a minute, enough for a restart.
const MAX_TRIES: u32 = 8;
/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// No wait is longer, whatever the API asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Uploads the files.
///
/// # Errors
/// Nobody answered for [`MAX_TRIES`] tries: the rest would not fare better.
pub(crate) async fn all(
    client: &Client,
    files: Vec<Found>,
    tally: &Tally,
    concurrency: NonZeroUsize,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let uploads = stream::iter(files)
        .take_until(stop.cancelled())
        .map(|file| one(client, file, tally))
        .buffer_unordered(concurrency.get());
    let mut uploads = pin!(uploads);
    while let Some(result) = uploads.next().await {
        result?;
    }
    Ok(())
}

async fn one(client: &Client, file: Found, tally: &Tally) -> Result<(), ClientError> {
    let mut tries = 0;
    loop {
        let error = match client.upload(&file.path, &file.title, &file.source).await {
            Ok(Ok(uploaded)) => {
                tally.uploaded(&file, &uploaded);
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(error) => {
                tally.refused(&file, "file.unreadable", &error.to_string());
                return Ok(());
            }
        };
        tries += 1;
        match &error {
            // Admission is closed, not broken: it opens when workers catch up, so this may take any time.
            ClientError::Problem { .. } if error.may_pass() => {}
            ClientError::Problem { code, detail, .. } => {
                tally.refused(&file, code, detail);
                return Ok(());
            }
            _ if error.may_pass() && tries < MAX_TRIES => {}
            _ => return Err(error),
        }
        tokio::time::sleep(wait(tries, error.retry_after())).await;
    }
}

/// Returns the wait after a failed try, from 1: what was asked for, or twice as long each time.
fn wait(tries: u32, asked: Option<Duration>) -> Duration {
    let backoff = FIRST_WAIT.saturating_mul(1 << (tries - 1).min(10));
    asked.unwrap_or(backoff).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let waits: Vec<_> = (1..=8).map(|tries| wait(tries, None).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(wait(1, Some(Duration::from_secs(3))).as_secs(), 3);
        assert_eq!(wait(u32::MAX, Some(Duration::from_mins(5))), LONGEST_WAIT);
    }
}
