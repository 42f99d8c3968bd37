//! Weights in 4-bit blocks ("Q4_0"): 18 bytes for 32 weights.
//!
//! A block is an f16 scale and 16 bytes; byte `j` holds weight `j` in its low and weight `j + 16` in its high half. A
//! weight is `(half − 8) × scale`. Rows are whole blocks.

use half::f16;

const WEIGHTS: usize = 32;
const BYTES: usize = 18;

/// A borrowed matrix of `rows × width` weights.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Blocks<'a> {
    /// `None` unless the bytes are whole rows of `width` weights, itself a multiple of 32.
    pub(super) fn new(bytes: &'a [u8], width: usize) -> Option<Self> {
        let whole = width > 0
            && width.is_multiple_of(WEIGHTS)
            && bytes.len().is_multiple_of(width / WEIGHTS * BYTES);
        whole.then_some(Self { bytes, width })
    }

    pub(super) fn rows(self) -> usize {
        self.bytes.len() / self.row_bytes()
    }

    /// Writes the weights of row `row` to `out`.
    pub(super) fn read_row(self, row: usize, out: &mut [f32]) {
        let blocks = &self.bytes[row * self.row_bytes()..][..self.row_bytes()];
        for (block, out) in blocks
            .as_chunks::<BYTES>()
            .0
            .iter()
            .zip(out.as_chunks_mut::<WEIGHTS>().0)
        {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            let (low, high) = out.split_at_mut(WEIGHTS / 2);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(&block[2..]) {
                *low = f32::from(i16::from(byte & 15) - 8) * scale;
                *high = f32::from(i16::from(byte >> 4) - 8) * scale;
            }
        }
    }

    fn row_bytes(self) -> usize {
        self.width / WEIGHTS * BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "halves times a power of two are exact")]
    fn weights_unpack_from_both_halves() {
        let mut bytes = f16::from_f32(0.5).to_le_bytes().to_vec();
        bytes.extend((0..16u8).map(|j| j | (15 - j) << 4));
        let mut row = [0.0; 32];
        Blocks::new(&bytes, 32)
            .expect("one block")
            .read_row(0, &mut row);
        for j in 0..16 {
            assert!(row[j] == (j as f32 - 8.0) * 0.5 && row[j + 16] == (7.0 - j as f32) * 0.5);
        }
    }

    #[test]
    fn partial_rows_are_refused() {
        assert!(Blocks::new(&[0; 17], 32).is_none());
        assert!(Blocks::new(&[0; 18], 33).is_none());
        assert_eq!(Blocks::new(&[0; 72], 64).expect("two rows").rows(), 2);
    }
}
