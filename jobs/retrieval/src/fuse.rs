//! Reciprocal rank fusion: one order from several, whose scores cannot be compared.
//!
//! A chunk's fused score is the sum of `weight / (k + rank)` over the lists that hold it (rank from 1). `k` keeps the
//! first ranks from deciding alone; 60 is the value of the method's paper (Cormack, Clarke, Büttcher, SIGIR 2009).

use std::collections::HashMap;

use graphmill_store::ChunkId;

/// The constant of the method.
pub(crate) const K: f64 = 60.0;

/// Fuses ranked lists, each with its weight; best first, ties by chunk id.
pub(crate) fn reciprocal_ranks(lists: &[(f64, Vec<ChunkId>)]) -> Vec<(ChunkId, f64)> {
    let mut scores: HashMap<&ChunkId, f64> = HashMap::new();
    for (weight, list) in lists {
        for (rank, chunk) in (1_u32..).zip(list) {
            *scores.entry(chunk).or_default() += weight / (K + f64::from(rank));
        }
    }
    let mut fused: Vec<_> = scores
        .into_iter()
        .map(|(chunk, score)| (chunk.clone(), score))
        .collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<ChunkId> {
        names
            .iter()
            .map(|name| ChunkId::from_stored((*name).to_owned()))
            .collect()
    }

    fn order(fused: &[(ChunkId, f64)]) -> Vec<&str> {
        fused.iter().map(|(chunk, _)| chunk.as_str()).collect()
    }

    #[test]
    fn a_chunk_in_two_lists_comes_before_the_first_of_one() {
        let fused = reciprocal_ranks(&[(1.0, ids(&["a", "b"])), (1.0, ids(&["c", "b"]))]);
        assert_eq!(order(&fused), ["b", "a", "c"]);
        assert!((fused[0].1 - 2.0 / 62.0).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_are_ordered_by_chunk_id() {
        let fused = reciprocal_ranks(&[(1.0, ids(&["z"])), (1.0, ids(&["m"])), (1.0, ids(&["a"]))]);
        assert_eq!(order(&fused), ["a", "m", "z"]);
    }

    #[test]
    fn a_lighter_list_moves_less() {
        let fused = reciprocal_ranks(&[(1.0, ids(&["a"])), (0.5, ids(&["b"]))]);
        assert_eq!(order(&fused), ["a", "b"]);
    }

    #[test]
    fn no_lists_give_no_order() {
        assert!(reciprocal_ranks(&[]).is_empty());
    }
}
