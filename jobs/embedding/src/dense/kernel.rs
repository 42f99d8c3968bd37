//! The inner loop of matrix multiplication: a few rows times 32 columns, all sums held in registers.
//!
//! Each element is `bias + a₀b₀ + a₁b₁ + …`, added in that order with fused multiply-add, whatever the number of rows
//! and whichever of the vector units below runs: results are bit-identical between batches, threads and x86-64
//! machines with FMA. The two vectorised versions differ in width only.
#![expect(
    unsafe_code,
    reason = "vector loads and stores take raw pointers; bounds are checked once, in `columns`"
)]

use super::unit::Unit;

/// Columns of a panel.
pub(super) const WIDTH: usize = 32;

/// Rows to multiply: row `i` is `values[i * stride..][..depth]`. Rows may overlap.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) count: usize,
    pub(crate) stride: usize,
}

/// Writes `rows × panel + bias` to 32 columns of `out`, whose rows are `stride` apart.
///
/// # Panics
/// When a slice is too short for the given sizes.
pub(super) fn columns(
    rows: Rows<'_>,
    panel: &[f32],
    bias: &[f32; WIDTH],
    out: &mut [f32],
    stride: usize,
) {
    let depth = panel.len() / WIDTH;
    if rows.count == 0 {
        return;
    }
    assert!(
        (rows.count - 1) * rows.stride + depth <= rows.values.len(),
        "rows reach past their values"
    );
    assert!(
        (rows.count - 1) * stride + WIDTH <= out.len(),
        "rows reach past the output"
    );
    match super::unit::detected() {
        // SAFETY: the unit was detected, and the assertions above cover every address that is read or written:
        // `rows.values` up to the last row's last element, `depth` lines of the panel, 32 floats of each output row.
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512 => unsafe { x86::columns_512(rows, depth, panel, bias, out, stride) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Unit::Avx2 => unsafe { x86::columns_256(rows, depth, panel, bias, out, stride) },
        Unit::Portable => portable(rows, panel, bias, out, stride),
    }
}

/// Plain Rust for other processors; fused only where the target has it, as a call per multiplication would be slow.
fn portable(rows: Rows<'_>, panel: &[f32], bias: &[f32; WIDTH], out: &mut [f32], stride: usize) {
    let depth = panel.len() / WIDTH;
    for row in 0..rows.count {
        let mut sums = *bias;
        let values = &rows.values[row * rows.stride..][..depth];
        for (&value, line) in values.iter().zip(panel.chunks_exact(WIDTH)) {
            for (sum, weight) in sums.iter_mut().zip(line) {
                *sum = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                    value.mul_add(*weight, *sum)
                } else {
                    value * weight + *sum
                };
            }
        }
        out[row * stride..][..WIDTH].copy_from_slice(&sums);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{Rows, WIDTH};

    /// # Safety
    /// AVX-512F is present, and the sizes are as [`super::columns`] checks them.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn columns_512(
        rows: Rows<'_>,
        depth: usize,
        panel: &[f32],
        bias: &[f32; WIDTH],
        out: &mut [f32],
        stride: usize,
    ) {
        let mut row = 0;
        while row < rows.count {
            let left = rows.count - row;
            // SAFETY: `row` is below the checked count, and each tile takes at most the rows that are left.
            unsafe {
                let from = rows.values.as_ptr().add(row * rows.stride);
                let to = out.as_mut_ptr().add(row * stride);
                let (panel, bias) = (panel.as_ptr(), bias.as_ptr());
                row += match left {
                    12.. => tile_512::<12>(from, rows.stride, depth, panel, bias, to, stride),
                    6.. => tile_512::<6>(from, rows.stride, depth, panel, bias, to, stride),
                    3.. => tile_512::<3>(from, rows.stride, depth, panel, bias, to, stride),
                    _ => tile_512::<1>(from, rows.stride, depth, panel, bias, to, stride),
                };
            }
        }
    }

    /// # Safety
    /// `R` rows are readable at `from` and writable at `to`, `depth` lines of 32 floats at `panel`.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile_512<const R: usize>(
        from: *const f32,
        from_stride: usize,
        depth: usize,
        panel: *const f32,
        bias: *const f32,
        to: *mut f32,
        to_stride: usize,
    ) -> usize {
        // SAFETY: all offsets stay inside what the caller vouches for.
        unsafe {
            let mut sums: [[__m512; 2]; R] =
                [[_mm512_loadu_ps(bias), _mm512_loadu_ps(bias.add(16))]; R];
            for step in 0..depth {
                let line = panel.add(step * WIDTH);
                let (low, high) = (_mm512_loadu_ps(line), _mm512_loadu_ps(line.add(16)));
                for (row, sum) in sums.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*from.add(row * from_stride + step));
                    sum[0] = _mm512_fmadd_ps(value, low, sum[0]);
                    sum[1] = _mm512_fmadd_ps(value, high, sum[1]);
                }
            }
            for (row, sum) in sums.iter().enumerate() {
                _mm512_storeu_ps(to.add(row * to_stride), sum[0]);
                _mm512_storeu_ps(to.add(row * to_stride + 16), sum[1]);
            }
        }
        R
    }

    /// # Safety
    /// AVX2 and FMA are present, and the sizes are as [`super::columns`] checks them.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn columns_256(
        rows: Rows<'_>,
        depth: usize,
        panel: &[f32],
        bias: &[f32; WIDTH],
        out: &mut [f32],
        stride: usize,
    ) {
        for half in [0, WIDTH / 2] {
            let mut row = 0;
            while row < rows.count {
                let left = rows.count - row;
                // SAFETY: as in `columns_512`; a half is 16 of the 32 columns.
                unsafe {
                    let from = rows.values.as_ptr().add(row * rows.stride);
                    let to = out.as_mut_ptr().add(row * stride + half);
                    let (panel, bias) = (panel.as_ptr().add(half), bias.as_ptr().add(half));
                    row += match left {
                        6.. => tile_256::<6>(from, rows.stride, depth, panel, bias, to, stride),
                        3.. => tile_256::<3>(from, rows.stride, depth, panel, bias, to, stride),
                        _ => tile_256::<1>(from, rows.stride, depth, panel, bias, to, stride),
                    };
                }
            }
        }
    }

    /// # Safety
    /// `R` rows are readable at `from` and writable at `to`, 16 floats at each of `depth` lines of `panel`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile_256<const R: usize>(
        from: *const f32,
        from_stride: usize,
        depth: usize,
        panel: *const f32,
        bias: *const f32,
        to: *mut f32,
        to_stride: usize,
    ) -> usize {
        // SAFETY: all offsets stay inside what the caller vouches for.
        unsafe {
            let mut sums: [[__m256; 2]; R] =
                [[_mm256_loadu_ps(bias), _mm256_loadu_ps(bias.add(8))]; R];
            for step in 0..depth {
                let line = panel.add(step * WIDTH);
                let (low, high) = (_mm256_loadu_ps(line), _mm256_loadu_ps(line.add(8)));
                for (row, sum) in sums.iter_mut().enumerate() {
                    let value = _mm256_broadcast_ss(&*from.add(row * from_stride + step));
                    sum[0] = _mm256_fmadd_ps(value, low, sum[0]);
                    sum[1] = _mm256_fmadd_ps(value, high, sum[1]);
                }
            }
            for (row, sum) in sums.iter().enumerate() {
                _mm256_storeu_ps(to.add(row * to_stride), sum[0]);
                _mm256_storeu_ps(to.add(row * to_stride + 8), sum[1]);
            }
        }
        R
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, count: usize) -> Vec<f32> {
        (0..count as u32)
            .map(|i| ((i.wrapping_mul(2_654_435_761) ^ seed) % 2000) as f32 / 1000.0 - 1.0)
            .collect()
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_vector_widths_give_the_same_bits() {
        if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma")) {
            println!("skipped: no AVX-512 here");
            return;
        }
        for count in [1, 2, 5, 13, 40] {
            let (values, panel, bias) =
                (noise(1, count * 300), noise(2, 300 * WIDTH), [0.25; WIDTH]);
            let rows = Rows {
                values: &values,
                count,
                stride: 300,
            };
            let mut outs = [
                vec![0.0; count * WIDTH],
                vec![0.0; count * WIDTH],
                vec![0.0; count * WIDTH],
            ];
            // SAFETY: the features are present and the sizes fit.
            unsafe {
                x86::columns_512(rows, 300, &panel, &bias, &mut outs[0], WIDTH);
                x86::columns_256(rows, 300, &panel, &bias, &mut outs[1], WIDTH);
            }
            portable(rows, &panel, &bias, &mut outs[2], WIDTH);
            assert!(outs[0] == outs[1]);
            assert!(
                outs[0]
                    .iter()
                    .zip(&outs[2])
                    .all(|(a, b)| (a - b).abs() < 1e-3)
            );
        }
    }
}
