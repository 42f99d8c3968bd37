//! Signatures, their similarity and their bands.

use super::shingles::{for_each_shingle, mix};

/// Values in a signature.
pub const PERMUTATIONS: usize = 128;
/// Bands of a signature.
pub const BANDS: usize = 16;
/// Values in a band.
const ROWS: usize = PERMUTATIONS / BANDS;

/// The least element of a text's shingles under each of 128 permutations; all `u32::MAX` for a text without any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature([u32; PERMUTATIONS]);

/// One random odd factor and one summand for each permutation of the 32-bit numbers, `x ↦ factor · x + summand`.
const FACTORS: [[u32; PERMUTATIONS]; 2] = {
    let mut factors = [[0; PERMUTATIONS]; 2];
    // splitmix64 from a fixed seed.
    let mut state = 0x6772_6170_686D_696C_u64;
    let mut index = 0;
    while index < PERMUTATIONS {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = state;
        value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^= value >> 31;
        factors[0][index] = value as u32 | 1;
        factors[1][index] = (value >> 32) as u32;
        index += 1;
    }
    factors
};

/// Makes the signature of a text. The same text always has the same one.
pub fn signature(text: &str) -> Signature {
    let [factors, summands] = &FACTORS;
    let mut least = [u32::MAX; PERMUTATIONS];
    for_each_shingle(text, |shingle| {
        // Both halves of the hash take part: the lanes of the upper bits are not those of the lower ones.
        let (low, high) = (shingle as u32, (shingle >> 32) as u32);
        for ((least, factor), summand) in least.iter_mut().zip(factors).zip(summands) {
            let value = low.wrapping_mul(*factor).wrapping_add(high ^ summand);
            *least = (*least).min(value ^ value >> 15);
        }
    });
    Signature(least)
}

/// Estimates which share of both texts' shingles is in both, 0–1; the standard error is at most 0.044. Two texts without
/// shingles are not similar: nothing is known of them.
pub fn similarity(one: &Signature, other: &Signature) -> f32 {
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let equal = one
        .0
        .iter()
        .zip(&other.0)
        .filter(|(one, other)| one == other);
    equal.count() as f32 / PERMUTATIONS as f32
}

/// The keys to find a text's candidates by: texts that share one at the same index are worth a [`similarity`].
pub fn bands(signature: &Signature) -> [u64; BANDS] {
    let mut bands = [0; BANDS];
    for (band, rows) in bands.iter_mut().zip(signature.0.chunks_exact(ROWS)) {
        *band = rows.iter().fold(0, |joined, &row| {
            mix(u64::rotate_left(joined, 23) ^ u64::from(row) ^ 0x9E37_79B9_7F4A_7C15)
        });
    }
    bands
}

impl Signature {
    /// Whether the text had no shingle: no letter and no digit. All such texts share all bands.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&least| least == u32::MAX)
    }

    /// 512 bytes, little-endian, as stored.
    pub fn to_bytes(&self) -> [u8; 4 * PERMUTATIONS] {
        let mut bytes = [0; 4 * PERMUTATIONS];
        for (place, least) in bytes.chunks_exact_mut(4).zip(&self.0) {
            place.copy_from_slice(&least.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` if it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut least = [0; PERMUTATIONS];
        let (places, rest) = bytes.as_chunks();
        if places.len() != PERMUTATIONS || !rest.is_empty() {
            return None;
        }
        for (least, place) in least.iter_mut().zip(places) {
            *least = u32::from_le_bytes(*place);
        }
        Some(Self(least))
    }
}
