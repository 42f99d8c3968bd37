//! The BERT encoder: from embedded tokens to contextual ones.
//!
//! Several texts run together: their tokens are rows of one buffer, the linear layers see all rows at once, attention
//! sees each text on its own. Nothing is padded, and no row's arithmetic depends on its neighbours.

use std::ops::Range;

use crate::dense::{Matrix, Norm, Rows, add, gelu, softmax};

pub(super) struct Bert {
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) activation: Activation,
    pub(super) layers: Vec<Layer>,
}

pub(super) struct Layer {
    /// Query, key and value side by side: `hidden × 3 hidden`.
    pub(super) query_key_value: Matrix,
    pub(super) attention_out: Matrix,
    pub(super) attention_norm: Norm,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
    pub(super) output_norm: Norm,
}

/// What stands between the two linear layers of a block.
#[derive(Clone, Copy)]
pub(super) enum Activation {
    Gelu,
    #[cfg(feature = "local-hf")]
    Relu,
}

/// Buffers of one pass, reused by its layers.
struct Scratch {
    projected: Vec<f32>,
    context: Vec<f32>,
    inner: Vec<f32>,
    update: Vec<f32>,
    scores: Vec<f32>,
}

impl Bert {
    /// Runs all layers over `rows` (`tokens × hidden`) in place; `texts` are the ranges of rows that belong together.
    pub(super) fn encode(&self, rows: &mut [f32], texts: &[Range<usize>]) {
        let count = rows.len() / self.hidden;
        let inner = self.layers.first().map_or(0, |layer| layer.up.columns());
        let mut scratch = Scratch {
            projected: vec![0.0; count * 3 * self.hidden],
            context: vec![0.0; count * self.hidden],
            inner: vec![0.0; count * inner],
            update: vec![0.0; count * self.hidden],
            scores: Vec::new(),
        };
        for layer in &self.layers {
            self.run(layer, rows, count, texts, &mut scratch);
        }
    }

    fn run(
        &self,
        layer: &Layer,
        rows: &mut [f32],
        count: usize,
        texts: &[Range<usize>],
        scratch: &mut Scratch,
    ) {
        layer.query_key_value.multiply(
            Rows {
                values: rows,
                count,
                stride: self.hidden,
            },
            &mut scratch.projected,
        );
        for text in texts {
            for head in 0..self.heads {
                self.attend(text, head, scratch);
            }
        }
        layer.attention_out.multiply(
            Rows {
                values: &scratch.context,
                count,
                stride: self.hidden,
            },
            &mut scratch.update,
        );
        add(rows, &scratch.update);
        layer.attention_norm.apply(rows);

        layer.up.multiply(
            Rows {
                values: rows,
                count,
                stride: self.hidden,
            },
            &mut scratch.inner,
        );
        match self.activation {
            Activation::Gelu => gelu(&mut scratch.inner),
            #[cfg(feature = "local-hf")]
            Activation::Relu => crate::dense::relu(&mut scratch.inner),
        }
        layer.down.multiply(
            Rows {
                values: &scratch.inner,
                count,
                stride: layer.up.columns(),
            },
            &mut scratch.update,
        );
        add(rows, &scratch.update);
        layer.output_norm.apply(rows);
    }

    /// Writes what the tokens of `text` gather through one head to that head's columns of the context.
    fn attend(&self, text: &Range<usize>, head: usize, scratch: &mut Scratch) {
        let (width, stride) = (self.hidden / self.heads, 3 * self.hidden);
        let part = |row: usize, kind: usize| row * stride + kind * self.hidden + head * width;
        let keys = Matrix::from_columns(width, text.len(), |index, column| {
            column.copy_from_slice(&scratch.projected[part(text.start + index, 1)..][..width]);
        });
        let mut values = Matrix::zero(text.len(), width);
        for (index, row) in text.clone().enumerate() {
            values.set_line(index, &scratch.projected[part(row, 2)..][..width]);
        }
        let count = text.len();
        let queries = Rows {
            values: &scratch.projected[part(text.start, 0)..],
            count,
            stride,
        };
        scratch.scores.resize(count * keys.columns(), 0.0);
        keys.multiply(queries, &mut scratch.scores);
        let scale = 1.0 / (width as f32).sqrt();
        for row in scratch.scores.chunks_exact_mut(keys.columns()) {
            softmax(&mut row[..count], scale);
        }
        let weights = Rows {
            values: &scratch.scores,
            count,
            stride: keys.columns(),
        };
        let context = &mut scratch.context[text.start * self.hidden + head * width..];
        values.multiply_into(weights, context, self.hidden);
    }
}
