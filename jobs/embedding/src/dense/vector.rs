//! Element-wise functions and row reductions, written so that they vectorise and give the same bits everywhere.
//!
//! Sums run over 16 lanes that are added in a fixed order at the end, as the compiler may not reorder float additions.
#![expect(
    clippy::inline_always,
    reason = "a body is compiled for the vector unit of its caller only when inlined"
)]

use super::unit::vectorised;

const LANES: usize = 16;

/// Gain and bias of a layer normalisation over rows of their length.
pub(crate) struct Norm {
    pub(crate) gain: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    /// Normalises each row of `rows` in place.
    pub(crate) fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.gain.len()) {
            vectorised(
                #[inline(always)]
                || normalise(row, &self.gain, &self.bias, self.epsilon),
            );
        }
    }
}

#[inline(always)]
fn normalise(row: &mut [f32], gain: &[f32], bias: &[f32], epsilon: f32) {
    let width = row.len() as f32;
    let mean = sum(row, |value| value) / width;
    let variance = sum(row, |value| (value - mean) * (value - mean)) / width;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for ((value, gain), bias) in row.iter_mut().zip(gain).zip(bias) {
        *value = (*value - mean) * scale * gain + bias;
    }
}

#[inline(always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&value| term(value)).sum::<f32>()
}

/// `out[i] += values[i]`.
pub(crate) fn add(out: &mut [f32], values: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (out, value) in out.iter_mut().zip(values) {
                *out += value;
            }
        },
    );
}

/// `values[i] = max(values[i], 0)`.
pub(crate) fn relu(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for value in values {
                *value = value.max(0.0);
            }
        },
    );
}

/// `out[i] = input[i] + max(values[i], 0)`.
pub(crate) fn add_relu(out: &mut [f32], input: &[f32], values: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for ((out, input), value) in out.iter_mut().zip(input).zip(values) {
                *out = input + value.max(0.0);
            }
        },
    );
}

/// Gaussian error linear unit, exact form, to about 2e-7: `x/2 · (1 + erf(x/√2))`.
pub(crate) fn gelu(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for value in values {
                *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
            }
        },
    );
}

/// Turns a row of scores, times `scale`, into weights that add up to one.
pub(crate) fn softmax(row: &mut [f32], scale: f32) {
    vectorised(
        #[inline(always)]
        || {
            let mut highest = [f32::NEG_INFINITY; LANES];
            for chunk in row.chunks(LANES) {
                for (lane, &value) in highest.iter_mut().zip(chunk) {
                    *lane = lane.max(value);
                }
            }
            let highest = highest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for value in &mut *row {
                *value = exp((*value - highest) * scale);
            }
            let inverse = 1.0 / sum(row, |value| value);
            for value in row {
                *value *= inverse;
            }
        },
    );
}

/// Scales `vector` to length one; the zero vector, which has no direction, becomes the first axis.
pub(crate) fn unit_length(vector: &mut [f32]) {
    let length = sum(vector, |value| value * value).sqrt();
    if length.is_normal() {
        for value in &mut *vector {
            *value /= length;
        }
    } else {
        vector.fill(0.0);
        if let Some(first) = vector.first_mut() {
            *first = 1.0;
        }
    }
}

/// The exponential function to about 2e-7 relative, for arguments up to 88; those below −87 give about 1e-38.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer that then sits in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first exact in few bits, so that n · ln 2 loses nothing.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let tail = 0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))));
    let power_of_two = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (1.0 + r + r * r * tail) * power_of_two
}

/// Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let poly = t
        * (0.254_829_6
            + t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    (1.0 - poly * exp(-x * x)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_library() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!(
                (f64::from(exp(x)) - exact).abs() <= 4e-7 * exact,
                "exp({x})"
            );
        }
    }

    #[test]
    fn gelu_has_its_known_values() {
        let mut values = [-10.0, -1.0, 0.0, 0.5, 1.0, 10.0];
        gelu(&mut values);
        let expected = [0.0, -0.158_655_25, 0.0, 0.345_731_2, 0.841_344_8, 10.0];
        assert!(
            values
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{values:?}"
        );
    }

    #[test]
    fn softmax_adds_up_to_one_whatever_the_scores() {
        for scores in [
            vec![0.0; 3],
            vec![1e30, 0.0, -1e30],
            (0..100).map(|i| i as f32).collect(),
        ] {
            let mut row = scores.clone();
            softmax(&mut row, 0.5);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{scores:?}");
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the fallback is exact")]
    fn zero_vector_still_gets_a_direction() {
        let mut vector = [0.0; 4];
        unit_length(&mut vector);
        assert!(vector == [1.0, 0.0, 0.0, 0.0]);
    }
}
