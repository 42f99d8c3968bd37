//! Up to 16 bytes of a text as one number, and hashes.

/// Masks for the first 0–16 bytes of a number.
const MASKS: [u128; 17] = {
    let mut masks = [u128::MAX; 17];
    let mut bytes = 0;
    while bytes < 16 {
        masks[bytes] = (1 << (8 * bytes)) - 1;
        bytes += 1;
    }
    masks
};

/// The `length` bytes (at most 16) from `at` on, little-endian, zeros above.
#[inline]
pub(super) fn load(text: &[u8], at: usize, length: usize) -> u128 {
    let rest = text.get(at..).unwrap_or_default();
    let word = match rest.first_chunk() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => load_end(rest),
    };
    word & MASKS[length.min(16)]
}

#[cold]
fn load_end(rest: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..rest.len()].copy_from_slice(rest);
    u128::from_le_bytes(bytes)
}

/// A hash of 64 good bits: the two halves of a product of the two halves.
#[inline]
pub(super) fn mix(word: u128) -> u64 {
    let low = word as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let high = (word >> 64) as u64 ^ 0xC2B2_AE3D_27D4_EB4F;
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of any number of bytes.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.chunks(16).fold(bytes.len() as u64, |hash, chunk| {
        mix(load(chunk, 0, chunk.len()) ^ u128::from(hash) << 64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_end_with_the_text_and_with_the_length() {
        let text: Vec<u8> = (1..=20).collect();
        assert_eq!(load(&text, 0, 3), 0x03_02_01);
        assert_eq!(load(&text, 18, 2), 0x14_13);
        assert_eq!(load(&text, 18, 1), 0x13);
        assert_eq!(
            load(&text, 4, 16),
            u128::from_le_bytes([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
        );
        assert_eq!(load(&text, 20, 0), 0);
        assert_eq!(load(&text, 30, 4), 0);
    }
}
