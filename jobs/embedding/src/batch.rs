//! Groups texts into runs of about equal work, so that short texts share one pass over the weights.

use std::ops::Range;

/// Splits `0..lengths.len()` into neighbouring ranges of at most `budget` tokens each; a longer text stands alone.
pub(crate) fn pack(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut packs = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (index, &length) in lengths.iter().enumerate() {
        if index > start && tokens + length > budget {
            packs.push(start..index);
            (start, tokens) = (index, 0);
        }
        tokens += length;
    }
    if start < lengths.len() {
        packs.push(start..lengths.len());
    }
    packs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packs_cover_all_texts_in_order_within_the_budget(
            lengths in prop::collection::vec(1usize..600, 0..50),
            budget in 1usize..600,
        ) {
            let packs = pack(&lengths, budget);
            let covered: Vec<usize> = packs.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..lengths.len()).collect::<Vec<_>>());
            for pack in packs {
                let tokens: usize = lengths[pack.clone()].iter().sum();
                prop_assert!(pack.len() == 1 || tokens <= budget);
            }
        }
    }
}
