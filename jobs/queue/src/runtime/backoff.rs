//! Repeating calls to a broker that does not answer: the wait grows, and the log says so once.

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};

use crate::{Error, job::Backoff, retry};

/// Capped so low that work goes on within 5 s of the broker's return, connecting included.
const BACKOFF: Backoff = Backoff {
    base_ms: 100,
    max_ms: 2_000,
};

/// Counts failures in a row of one loop.
#[derive(Debug)]
pub(super) struct Failures {
    what: &'static str,
    in_a_row: u32,
    random: StdRng,
}

impl Failures {
    pub(super) fn of(what: &'static str) -> Self {
        Self {
            what,
            in_a_row: 0,
            random: StdRng::from_os_rng(),
        }
    }

    /// Notes a failure; returns how long to wait. Logs the first in a row only.
    pub(super) fn failed(&mut self, error: &Error) -> Duration {
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row == 1 {
            tracing::error!(loop.name = self.what, error = %error, "broker call failed; it is repeated");
        }
        // Half of the bound is fixed: full jitter may draw 0 again and again.
        let half = retry::bound_ms(BACKOFF, self.in_a_row) / 2;
        let rest = Backoff {
            base_ms: half,
            max_ms: half,
        };
        Duration::from_millis(half + retry::delay_ms(rest, 1, &mut self.random))
    }

    /// Notes a success; logs it where it ends a row of failures.
    pub(super) fn succeeded(&mut self) {
        if self.in_a_row > 0 {
            tracing::info!(
                loop.name = self.what,
                failures = self.in_a_row,
                "broker answers again"
            );
            self.in_a_row = 0;
        }
    }
}
