//! Matrix product over row-major slices.
#![expect(
    unsafe_code,
    reason = "matrixmultiply takes raw pointers; the sizes are asserted before each call"
)]

/// Writes `a · b` to `c`: `a` is `[rows, inner]`, `b` is `[inner, columns]`, `c` is `[rows, columns]`.
///
/// Every element of `c` is one sum over `inner` in a fixed order, whatever `rows` is. Results therefore do not depend on
/// what else is in the batch; a test guards that.
pub(super) fn multiply(a: &[f32], b: &[f32], c: &mut [f32], inner: usize, columns: usize) {
    let rows = a.len() / inner;
    assert_eq!(a.len(), rows * inner);
    assert_eq!(b.len(), inner * columns);
    assert_eq!(c.len(), rows * columns);
    // SAFETY: the strides describe dense row-major matrices of exactly the asserted lengths, `c` is exclusively borrowed
    // and so overlaps neither `a` nor `b`, and with beta = 0 it is only written.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            inner,
            columns,
            1.0,
            a.as_ptr(),
            inner as isize,
            1,
            b.as_ptr(),
            columns as isize,
            1,
            0.0,
            c.as_mut_ptr(),
            columns as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_same_bits_in_every_batch() {
        let (inner, columns) = (128, 384);
        let value = |i: usize| ((i * 2_654_435_761) % 1_000) as f32 / 500.0 - 1.0;
        let a: Vec<f32> = (0..70 * inner).map(value).collect();
        let b: Vec<f32> = (0..inner * columns).map(|i| value(i + 7)).collect();
        let mut whole = vec![0.0; 70 * columns];
        multiply(&a, &b, &mut whole, inner, columns);
        for rows in 1..70 {
            let mut part = vec![0.0; rows * columns];
            multiply(&a[..rows * inner], &b, &mut part, inner, columns);
            assert!(
                part.iter()
                    .zip(&whole)
                    .all(|(x, y)| x.to_bits() == y.to_bits()),
                "{rows} rows differ"
            );
        }
    }
}
