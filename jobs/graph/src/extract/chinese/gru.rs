//! A bidirectional GRU over many sentences at once.
//!
//! Sentences run in lockstep, longest first: at step `t` those that still have a character are a prefix of the batch, so
//! the recurrent product is one matrix product over that prefix. Each row's arithmetic is its own, in a fixed order, so
//! a sentence gets the same bits alone and in any batch.

use super::gemm::multiply;
use super::model::{Direction, GATES, HIDDEN};

/// Where the rows of the sentences of a batch lie: `(first row, length)`, longest first.
pub(super) type Spans = [(usize, usize)];

/// Runs one direction. `input` has the input products of a layer, `[rows, 2 * GATES]` or fewer rows reached through
/// `row_of`; `out` is `[rows, 2 * HIDDEN]`. `backward` selects the half of both.
pub(super) fn run(
    direction: &Direction,
    backward: bool,
    spans: &Spans,
    input: &[f32],
    row_of: impl Fn(usize) -> usize,
    out: &mut [f32],
) {
    let side = usize::from(backward);
    let longest = spans.first().map_or(0, |span| span.1);
    let mut state = vec![0.0f32; spans.len() * HIDDEN];
    let mut product = vec![0.0f32; spans.len() * GATES];
    let mut active = spans.len();
    for step in 0..longest {
        while spans[active - 1].1 <= step {
            active -= 1;
        }
        let product = &mut product[..active * GATES];
        multiply(
            &state[..active * HIDDEN],
            &direction.recurrent,
            product,
            HIDDEN,
            GATES,
        );
        for (index, &(first, length)) in spans[..active].iter().enumerate() {
            let row = if backward {
                first + length - 1 - step
            } else {
                first + step
            };
            let x = &input[row_of(row) * 2 * GATES + side * GATES..][..GATES];
            let h = &mut state[index * HIDDEN..][..HIDDEN];
            update(
                h,
                x,
                &product[index * GATES..][..GATES],
                &direction.candidate_bias,
            );
            out[row * 2 * HIDDEN + side * HIDDEN..][..HIDDEN].copy_from_slice(h);
        }
    }
}

/// One step of one sentence: gates in the order update, reset, candidate.
fn update(h: &mut [f32], x: &[f32], product: &[f32], candidate_bias: &[f32]) {
    let (xz, x) = x.split_at(HIDDEN);
    let (xr, xn) = x.split_at(HIDDEN);
    let (pz, product) = product.split_at(HIDDEN);
    let (pr, pn) = product.split_at(HIDDEN);
    let (h, xn, pn, bias) = (
        &mut h[..HIDDEN],
        &xn[..HIDDEN],
        &pn[..HIDDEN],
        &candidate_bias[..HIDDEN],
    );
    for i in 0..HIDDEN {
        let update = sigmoid(xz[i] + pz[i]);
        let reset = sigmoid(xr[i] + pr[i]);
        let candidate = 2.0 * sigmoid(2.0 * (xn[i] + reset * (pn[i] + bias[i]))) - 1.0;
        h[i] = candidate + update * (h[i] - candidate);
    }
}

#[inline]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `e^x` to about one unit in the last place, in operations that the compiler turns into vector code.
///
/// `x = n ln 2 + rest`: adding `ROUND` leaves the integer `n` in the low bits of the sum, `e^rest` is a polynomial, and `2^n` is
/// made by writing `n` into the exponent.
#[inline]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 87.0 { x } else { 87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let rest = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.0 / 720.0;
    let p = p * rest + 1.0 / 120.0;
    let p = p * rest + 1.0 / 24.0;
    let p = p * rest + 1.0 / 6.0;
    let p = p * rest + 0.5;
    let p = p * rest + 1.0;
    let p = p * rest + 1.0;
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    p * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_exact_value_over_the_whole_range() {
        for i in -8_600..=8_600 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 1e-6, "exp({x})");
        }
        assert!(exp(-1e9) > 0.0 && exp(1e9).is_finite());
    }
}
