//! Follows submitted documents to their end, by asking for many at once.

use std::time::Duration;

use super::tally::Tally;
use crate::client::{Client, ClientError, LOOKUP_BATCH};

/// The pause between two rounds; it grows while nothing settles.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Rounds in a row that may get no answer: about a minute, enough for a restart.
const MAX_FAILED_ROUNDS: u32 = 30;

/// Looks pending documents up until all uploads have ended and nothing is pending.
///
/// # Errors
/// Nobody answered for [`MAX_FAILED_ROUNDS`] rounds, or the API refused.
pub(crate) async fn all(client: &Client, tally: &Tally) -> Result<(), ClientError> {
    let mut pause = SHORTEST_PAUSE;
    let mut failed_rounds = 0;
    loop {
        let before = tally.settled();
        // Read before the look-up: an upload that ends in between is seen by the next round.
        let last = tally.have_uploads_ended();
        match round(client, tally).await {
            Ok(()) => failed_rounds = 0,
            Err(error) if error.may_pass() && failed_rounds < MAX_FAILED_ROUNDS => {
                failed_rounds += 1;
            }
            Err(error) => return Err(error),
        }
        if last && tally.pending().is_empty() {
            return Ok(());
        }
        pause = if tally.settled() > before {
            SHORTEST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        tokio::time::sleep(pause).await;
    }
}

async fn round(client: &Client, tally: &Tally) -> Result<(), ClientError> {
    for ids in tally.pending().chunks(LOOKUP_BATCH) {
        let items = client.lookup(ids).await?;
        tally.looked_up(ids, items);
    }
    Ok(())
}
