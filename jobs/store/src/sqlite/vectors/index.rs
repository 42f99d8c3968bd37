//! An exact nearest-neighbour filter on one byte a value.
//!
//! A vector v is kept as codes c (one i8 a value) and a scale s, with v = s·c + e. The rest e is not kept, but its length
//! is. A query q is split the same way twice, into 16 bits: q = s₁·c₁ + s₂·c₂ + f. Then
//!
//! q·v = s·(s₁·c₁·c + s₂·c₂·c) + f·(s·c) + q·e, so the first term, which is integer arithmetic, is off by at most
//! |f|·|s·c| + |q|·|e| (Cauchy–Schwarz).
//!
//! The k-th largest lower bound is a score that the k-th best result reaches at least. Whoever has a smaller upper bound
//! is out; whoever is left is a candidate. The true top k are always among the candidates, ties included, and the scan
//! reads a quarter of what f32 values take.

use std::{collections::HashMap, thread};

use simsimd::SpatialSimilarity;

use super::VectorChange;

/// The largest code. −128 is not used, so that codes are symmetric.
const MAX_CODE: f32 = 127.0;

/// Below this many vectors a thread costs more than it saves.
const VECTORS_PER_THREAD: usize = 16_384;

/// Threads that scan at most: more than these wait for memory, not for each other.
const MAX_THREADS: usize = 8;

/// Room for what f32 and f64 rounding add to a bound, relative to the lengths of both vectors.
const ROUNDING: f64 = 1e-6;

/// The vectors of one tenant's chunks by one model.
#[derive(Debug)]
pub(super) struct VectorIndex {
    dimension: usize,
    /// `slots × dimension`, row-major.
    codes: Vec<i8>,
    slots: Vec<Slot>,
    slot_of_embedding: HashMap<i64, u32>,
    embedding_of_chunk: HashMap<i64, i64>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    embedding: i64,
    scale: f32,
    /// |e|, rounded up.
    rest: f32,
    /// |s·c|, rounded up.
    length: f32,
    /// Chunks that have this text; at least one.
    chunks: u32,
}

impl VectorIndex {
    pub(super) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            codes: Vec::new(),
            slots: Vec::new(),
            slot_of_embedding: HashMap::new(),
            embedding_of_chunk: HashMap::new(),
        }
    }

    pub(super) fn apply(&mut self, change: &VectorChange) {
        match change {
            VectorChange::Remove { chunks, .. } => {
                for chunk in chunks {
                    self.remove(*chunk);
                }
            }
            VectorChange::Add { entries, .. } => {
                for entry in entries {
                    self.add(entry.embedding, entry.chunk, &entry.vector);
                }
            }
        }
    }

    /// Makes a chunk found by a vector. Repeating it changes nothing.
    pub(super) fn add(&mut self, embedding: i64, chunk: i64, vector: &[f32]) {
        if vector.len() != self.dimension
            || self.embedding_of_chunk.insert(chunk, embedding) == Some(embedding)
        {
            return;
        }
        if let Some(&slot) = self.slot_of_embedding.get(&embedding) {
            self.slots[slot as usize].chunks += 1;
            return;
        }
        let scale = quantise(vector, &mut self.codes);
        let codes = &self.codes[self.slots.len() * self.dimension..];
        self.slot_of_embedding
            .insert(embedding, self.slots.len() as u32);
        self.slots.push(Slot {
            embedding,
            scale,
            rest: round_up(length(rest(vector, scale, codes))),
            length: round_up(length(codes.iter().map(|code| scale * f32::from(*code)))),
            chunks: 1,
        });
    }

    /// Makes a chunk not found any more. An unknown chunk is no error.
    fn remove(&mut self, chunk: i64) {
        let Some(embedding) = self.embedding_of_chunk.remove(&chunk) else {
            return;
        };
        let Some(&slot) = self.slot_of_embedding.get(&embedding) else {
            return;
        };
        let at = slot as usize;
        self.slots[at].chunks -= 1;
        if self.slots[at].chunks > 0 {
            return;
        }
        // The last slot fills the gap.
        self.slot_of_embedding.remove(&embedding);
        let last = self.slots.len() - 1;
        self.codes.copy_within(
            last * self.dimension..(last + 1) * self.dimension,
            at * self.dimension,
        );
        self.codes.truncate(last * self.dimension);
        self.slots.swap_remove(at);
        if let Some(moved) = self.slots.get(at) {
            self.slot_of_embedding.insert(moved.embedding, slot);
        }
    }

    /// Returns the embeddings that the `limit` nearest chunks are among.
    pub(super) fn candidates(&self, query: &[f32], limit: usize) -> Vec<i64> {
        if self.slots.len() <= limit {
            return self.slots.iter().map(|slot| slot.embedding).collect();
        }
        let query = Query::new(query);
        let mut scores = vec![Bounds::default(); self.slots.len()];
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = (self.slots.len() / VECTORS_PER_THREAD).clamp(1, threads.min(MAX_THREADS));
        let share = self.slots.len().div_ceil(threads);
        let parts = scores
            .chunks_mut(share)
            .zip(self.slots.chunks(share))
            .zip(self.codes.chunks(share * self.dimension));
        thread::scope(|scope| {
            let mut parts = parts;
            let own = parts.next();
            for ((scores, slots), codes) in parts {
                scope.spawn(|| query.scan(slots, codes, scores));
            }
            if let Some(((scores, slots), codes)) = own {
                query.scan(slots, codes, scores);
            }
        });
        let threshold = nth_largest(scores.iter().map(|bounds| bounds.lower), limit);
        scores
            .iter()
            .zip(&self.slots)
            .filter(|(bounds, _)| bounds.upper >= threshold)
            .map(|(_, slot)| slot.embedding)
            .collect()
    }
}

/// Between which values a score lies.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    lower: f32,
    upper: f32,
}

/// A query as the scan needs it.
struct Query {
    high: Vec<i8>,
    low: Vec<i8>,
    high_scale: f64,
    low_scale: f64,
    /// |q|.
    length: f64,
    /// |f|.
    rest: f64,
}

impl Query {
    fn new(query: &[f32]) -> Self {
        let (mut high, mut low) = (Vec::new(), Vec::new());
        let high_scale = quantise(query, &mut high);
        let after_high: Vec<f32> = rest(query, high_scale, &high).collect();
        let low_scale = quantise(&after_high, &mut low);
        Self {
            length: length(query.iter().copied()),
            rest: length(rest(&after_high, low_scale, &low)),
            high,
            low,
            high_scale: f64::from(high_scale),
            low_scale: f64::from(low_scale),
        }
    }

    fn scan(&self, slots: &[Slot], codes: &[i8], scores: &mut [Bounds]) {
        let rows = codes.chunks_exact(self.high.len().max(1));
        for ((slot, codes), bounds) in slots.iter().zip(rows).zip(scores) {
            let dot = |part: &[i8]| i8::dot(part, codes).unwrap_or(0.0);
            let score = f64::from(slot.scale)
                * (self.high_scale * dot(&self.high) + self.low_scale * dot(&self.low));
            let (rest, length) = (f64::from(slot.rest), f64::from(slot.length));
            let error =
                self.rest * length + self.length * rest + ROUNDING * self.length * (length + rest);
            *bounds = Bounds {
                lower: (score - error) as f32,
                upper: (score + error) as f32,
            };
        }
    }
}

/// Appends one code a value; returns the scale.
fn quantise(values: &[f32], codes: &mut Vec<i8>) -> f32 {
    let largest = values
        .iter()
        .fold(0.0_f32, |max, value| max.max(value.abs()));
    let scale = largest / MAX_CODE;
    // Of a vector of zeros, or of values too small to divide by, everything is rest.
    let inverse = if scale.is_normal() { 1.0 / scale } else { 0.0 };
    codes.extend(values.iter().map(|value| (value * inverse).round() as i8));
    scale
}

/// Returns what the codes do not say.
fn rest<'a>(values: &'a [f32], scale: f32, codes: &'a [i8]) -> impl Iterator<Item = f32> + 'a {
    values
        .iter()
        .zip(codes)
        .map(move |(value, code)| value - scale * f32::from(*code))
}

fn length(values: impl Iterator<Item = f32>) -> f64 {
    values
        .map(|value| f64::from(value) * f64::from(value))
        .sum::<f64>()
        .sqrt()
}

fn round_up(value: f64) -> f32 {
    (value as f32).next_up()
}

/// Returns the `n`-th largest value, n from 1 to their number.
fn nth_largest(values: impl Iterator<Item = f32>, n: usize) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let (_, nth, _) = values.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a));
    *nth
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(a: &[f32], b: &[f32]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    }

    fn index(vectors: &[Vec<f32>]) -> VectorIndex {
        let mut index = VectorIndex::new(vectors.first().map_or(1, Vec::len));
        for (n, vector) in vectors.iter().enumerate() {
            index.add(n as i64, n as i64, vector);
        }
        index
    }

    fn vectors() -> impl Strategy<Value = (Vec<Vec<f32>>, Vec<f32>, usize)> {
        (1..40_usize).prop_flat_map(|dimension| {
            let value = prop_oneof![8 => -1.0_f32..1.0, 1 => Just(0.0), 1 => -1e-20_f32..1e20];
            let vector = proptest::collection::vec(value, dimension);
            (
                proptest::collection::vec(vector.clone(), 1..60),
                vector,
                1..12_usize,
            )
        })
    }

    proptest! {
        #[test]
        fn whoever_scores_like_the_last_result_is_a_candidate((vectors, query, limit) in vectors()) {
            let mut scores: Vec<f64> = vectors.iter().map(|v| score(v, &query)).collect();
            let found = index(&vectors).candidates(&query, limit);
            let all = scores.clone();
            scores.sort_by(|a, b| b.total_cmp(a));
            let last = scores[limit.min(scores.len()) - 1];
            for (n, score) in all.iter().enumerate() {
                if *score >= last {
                    prop_assert!(found.contains(&(n as i64)), "{score} of {last}");
                }
            }
        }

        #[test]
        fn removing_undoes_adding((vectors, query, limit) in vectors(), kept in any::<u64>()) {
            let mut changed = index(&vectors);
            let is_kept = |n: usize| (kept >> (n % 64)) & 1 == 1;
            for n in (0..vectors.len()).filter(|n| !is_kept(*n)) {
                changed.remove(n as i64);
                changed.remove(n as i64);
            }
            let mut fresh = VectorIndex::new(query.len());
            for n in (0..vectors.len()).filter(|n| is_kept(*n)) {
                fresh.add(n as i64, n as i64, &vectors[n]);
            }
            let sorted = |index: &VectorIndex| {
                let mut found = index.candidates(&query, limit);
                found.sort_unstable();
                found
            };
            prop_assert_eq!(sorted(&changed), sorted(&fresh));
        }
    }

    #[test]
    fn clear_winners_leave_few_candidates() {
        let mut vectors: Vec<Vec<f32>> = (0..1_000)
            .map(|n| {
                let angle = n as f32 / 1_000.0 * std::f32::consts::TAU;
                vec![angle.cos(), angle.sin()]
            })
            .collect();
        vectors.push(vec![1.0, 0.0]);
        let found = index(&vectors).candidates(&[1.0, 0.0], 5);
        assert!((5..200).contains(&found.len()), "{}", found.len());
    }

    #[test]
    fn a_text_of_two_chunks_stays_until_both_are_gone() {
        let mut index = VectorIndex::new(2);
        index.add(7, 1, &[1.0, 0.0]);
        index.add(7, 2, &[1.0, 0.0]);
        index.add(7, 2, &[1.0, 0.0]);
        index.remove(1);
        assert_eq!(index.candidates(&[1.0, 0.0], 1), [7]);
        index.remove(2);
        assert!(index.candidates(&[1.0, 0.0], 1).is_empty());
    }
}
