//! How long a failed job waits: exponential, capped, with full jitter.
//!
//! The bound doubles with each failure from `base_ms` to `max_ms`; the delay is drawn evenly from 0 to the bound, so
//! that jobs which failed together (a store went down) do not come back together. With the defaults (1 s, 5 min) the
//! bounds are 1 s, 2 s, 4 s, … 256 s, 300 s.

use rand::Rng;

use crate::job::Backoff;

/// Returns the longest delay after the `failures`-th failure (from 1), ms.
#[must_use]
pub fn bound_ms(backoff: Backoff, failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1);
    let bound = if doublings >= 64 {
        u64::MAX
    } else {
        backoff.base_ms.saturating_mul(1 << doublings)
    };
    bound.min(backoff.max_ms)
}

/// Draws the delay after the `failures`-th failure (from 1), ms.
pub fn delay_ms(backoff: Backoff, failures: u32, random: &mut impl Rng) -> u64 {
    random.random_range(0..=bound_ms(backoff, failures))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn default_bounds_double_to_the_cap() {
        let bounds: Vec<u64> = (1..=11)
            .map(|n| bound_ms(Backoff::default(), n) / 1000)
            .collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    proptest! {
        #[test]
        fn bound_never_shrinks_and_never_passes_the_cap(base_ms: u64, max_ms: u64, failures in 0..u32::MAX) {
            let backoff = Backoff { base_ms, max_ms };
            let bound = bound_ms(backoff, failures);
            prop_assert!(bound <= max_ms);
            prop_assert!(bound <= bound_ms(backoff, failures + 1));
            prop_assert!(bound >= base_ms.min(max_ms));
        }

        #[test]
        fn delay_is_within_the_bound(base_ms: u64, max_ms: u64, failures: u32, seed: u64) {
            let backoff = Backoff { base_ms, max_ms };
            let mut random = StdRng::seed_from_u64(seed);
            prop_assert!(delay_ms(backoff, failures, &mut random) <= bound_ms(backoff, failures));
        }
    }
}
