//! Byte-pair merging: how many tokens a piece has.
//!
//! Two neighbouring parts whose joined bytes are a token may be joined; again and again the pair with the lowest rank is,
//! the leftmost of equals, until none is left. (Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with
//! Subword Units, 2016; ranks as in tiktoken.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// Pieces up to this many bytes are searched for the lowest rank from end to end: for so few that is faster than a heap.
const SHORT_BYTES: usize = 96;

/// Rank of a pair that is no token.
const NONE: u32 = u32::MAX;

/// Counts the tokens of a piece. Time: the square of a short piece's bytes, n log n of a long one's.
pub(super) fn count(vocabulary: &Vocabulary, piece: &[u8]) -> usize {
    if piece.len() < 2 || vocabulary.rank(piece).is_some() {
        return piece.len().min(1);
    }
    if piece.len() <= SHORT_BYTES {
        count_short(vocabulary, piece)
    } else {
        count_long(vocabulary, piece)
    }
}

fn count_short(vocabulary: &Vocabulary, piece: &[u8]) -> usize {
    // Part `i` begins at `starts[i]`; `ranks[i]` is the rank of parts `i` and `i + 1` joined.
    let mut starts = [0_u8; SHORT_BYTES + 1];
    for (index, start) in starts.iter_mut().enumerate() {
        *start = index as u8;
    }
    let mut ranks = [NONE; SHORT_BYTES];
    for (rank, pair) in ranks.iter_mut().zip(piece.windows(2)) {
        *rank = vocabulary.rank(pair).unwrap_or(NONE);
    }
    let mut parts = piece.len();
    while parts > 1 {
        let pairs = ranks[..parts - 1].iter().enumerate();
        let Some((left, &rank)) = pairs.min_by_key(|&(_, &rank)| rank) else {
            break;
        };
        if rank == NONE {
            break;
        }
        starts.copy_within(left + 2..=parts, left + 1);
        ranks.copy_within(left + 1..parts - 1, left);
        parts -= 1;
        for pair in left.saturating_sub(1)..=left {
            if pair + 2 <= parts {
                let joined = usize::from(starts[pair])..usize::from(starts[pair + 2]);
                ranks[pair] = vocabulary.rank(&piece[joined]).unwrap_or(NONE);
            }
        }
    }
    parts
}

/// The same with a heap of pairs over a linked list of parts. A pair that has changed stays in the heap until it comes up.
fn count_long(vocabulary: &Vocabulary, piece: &[u8]) -> usize {
    let end = piece.len();
    // For the part that begins at an index: where the next and the one before begin, and the rank of the pair it opens.
    let mut next: Vec<usize> = (1..=end).collect();
    let mut before: Vec<usize> = (0..end).map(|at| at.saturating_sub(1)).collect();
    let mut ranks = vec![NONE; end];
    let mut heap = BinaryHeap::new();
    for (at, pair) in piece.windows(2).enumerate() {
        if let Some(rank) = vocabulary.rank(pair) {
            ranks[at] = rank;
            heap.push(Reverse((rank, at)));
        }
    }
    let mut parts = end;
    while let Some(Reverse((rank, left))) = heap.pop() {
        if ranks[left] != rank {
            continue;
        }
        let right = next[left];
        ranks[right] = NONE;
        next[left] = next[right];
        if let Some(back) = before.get_mut(next[left]) {
            *back = left;
        }
        parts -= 1;
        for pair in [before[left], left] {
            let middle = next[pair];
            let joined = match next.get(middle) {
                Some(&after) => vocabulary.rank(&piece[pair..after]),
                None => None,
            };
            ranks[pair] = joined.unwrap_or(NONE);
            if let Some(rank) = joined {
                heap.push(Reverse((rank, pair)));
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_count_the_same() {
        let vocabulary = Vocabulary::new(splintr_vocab_cl100k::CL100K_BASE_VOCAB_PACKED);
        let text =
            "internationalizationUnbelievablyaaaaaaaabababxyzzy知识图谱把实体和关系连成网络👨‍👩‍👧"
                .repeat(2);
        let bytes = text.as_bytes();
        for start in 0..bytes.len() {
            for length in 2..SHORT_BYTES.min(bytes.len() - start) {
                let piece = &bytes[start..start + length];
                assert_eq!(
                    count_short(&vocabulary, piece),
                    count_long(&vocabulary, piece),
                    "{piece:?}"
                );
            }
        }
    }
}
