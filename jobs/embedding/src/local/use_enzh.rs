//! The fast built-in model: Universal Sentence Encoder, multilingual v3, cut to English and Chinese pieces.
//!
//! A convolutional network: each token's embedding is projected for three window widths (2, 3 and 5 tokens), each
//! width runs through two residual convolutions, everything is concatenated, normalised and summed over the tokens, and
//! a small dense network turns the sum into 512 floats. Cost is linear in tokens. Texts do not touch each other, so
//! they are embedded one by one, in parallel.
//!
//! A convolution is one matrix product: a window of neighbouring rows is contiguous in memory, hence the product's
//! "rows" are overlapping slices of the same buffer, which begins and ends with the zero rows that lie outside the text.

use rayon::prelude::*;

use super::npz::{Npz, NpzError};
use crate::{
    EmbedError, Embedder,
    dense::{Matrix, Norm, Rows, add, add_relu, relu, unit_length},
    unigram::{InvalidCharsmap, Unigram},
};

const ID: &str = "use-enzh-v3";

/// Floats in a token's embedding, and in a vector.
const WIDTH: usize = 512;

/// Floats in one window width's channel.
const CHANNEL: usize = 256;

/// Window widths in tokens, and how many of them lie before the token itself.
const WINDOWS: [(usize, usize); 3] = [(2, 0), (3, 1), (5, 2)];

/// Floats in a token's features: its embedding and the three channels.
const FEATURES: usize = WIDTH + WINDOWS.len() * CHANNEL;

/// Tokens after which a vector hardly gains: it is a mean, and saturates.
const USEFUL_TOKENS: usize = 256;

/// Tokens that are read of a text; bounds time and memory for any input.
const READ_TOKENS: usize = 512;

/// Ids of the marks around a text and of characters outside the vocabulary.
const UNKNOWN: u32 = 0;
const BEGIN: u32 = 1;
const END: u32 = 2;
const RESERVED: usize = 3;

pub(super) struct UseEnzh {
    tokenizer: Unigram,
    table: Table,
    projection: Matrix,
    projection_norm: Norm,
    /// Two residual layers for each window width.
    convolutions: Vec<[Matrix; 2]>,
    features_norm: Norm,
    pooling: Matrix,
    pooling_bias: Vec<f32>,
    head: Head,
}

/// Token embeddings in 6-bit codes; each row names the scale and offset it is decoded with.
struct Table {
    codes: Vec<u8>,
    group: Vec<u8>,
    scale: Vec<f32>,
    offset: Vec<f32>,
}

/// The dense network after pooling, two of its layers also fed from further back.
struct Head {
    d0: Matrix,
    p1: Matrix,
    d1: Matrix,
    d2: Matrix,
    p3: Matrix,
    d3: Matrix,
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error(transparent)]
    Charsmap(#[from] InvalidCharsmap),
    #[error("arrays disagree in size")]
    Sizes,
}

impl UseEnzh {
    /// Unpacks the model from its `.npz`: about 0.2 s, 45 MB.
    pub(super) fn load(npz: &[u8]) -> Result<Self, EmbedError> {
        Self::unpack(npz).map_err(|error| EmbedError::Load {
            model: ID.to_owned(),
            reason: error.to_string(),
        })
    }

    fn unpack(npz: &[u8]) -> Result<Self, LoadError> {
        let mut npz = Npz::new(npz)?;
        let epsilon = npz.f64("eps")? as f32;
        let tokenizer = Unigram::new(
            &npz.u8("pieces")?,
            npz.f32("scores")?,
            &npz.u8("charsmap")?,
            RESERVED,
            UNKNOWN,
        )?;
        let table = Table {
            codes: npz.u8("table")?,
            group: npz.u8("chunk")?,
            scale: npz.f32("scale")?,
            offset: npz.f32("lo")?,
        };
        let groups = table.scale.len().min(table.offset.len());
        if table.codes.len() != table.group.len() * WIDTH
            || table.group.iter().any(|&group| group as usize >= groups)
        {
            return Err(LoadError::Sizes);
        }

        let (mut projection, mut projection_bias) =
            (vec![0.0; WIDTH * WINDOWS.len() * CHANNEL], Vec::new());
        let mut projection_norm = Norm {
            gain: Vec::new(),
            bias: Vec::new(),
            epsilon,
        };
        let mut convolutions = Vec::new();
        for (index, (window, _)) in WINDOWS.into_iter().enumerate() {
            let channel = npz.f32(&format!("proj{window}"))?;
            for (to, from) in projection
                .chunks_mut(WINDOWS.len() * CHANNEL)
                .zip(channel.chunks(CHANNEL))
            {
                to[index * CHANNEL..][..CHANNEL].copy_from_slice(from);
            }
            projection_bias.extend(npz.f32(&format!("proj_b{window}"))?);
            projection_norm
                .gain
                .extend(npz.f32(&format!("ln_g{window}"))?);
            projection_norm
                .bias
                .extend(npz.f32(&format!("ln_b{window}"))?);
            let mut layer = |index| -> Result<Matrix, NpzError> {
                let weights = npz.f32(&format!("w{index}_{window}"))?;
                Ok(Matrix::from_rows(&weights, CHANNEL)
                    .with_bias(&npz.f32(&format!("b{index}_{window}"))?))
            };
            convolutions.push([layer(1)?, layer(2)?]);
        }
        let features_norm = Norm {
            gain: npz.f32("ln_g")?,
            bias: npz.f32("ln_b")?,
            epsilon,
        };
        if features_norm.gain.len() != FEATURES
            || projection_norm.gain.len() != WINDOWS.len() * CHANNEL
        {
            return Err(LoadError::Sizes);
        }
        let mut matrix = |name: &str, columns| -> Result<Matrix, NpzError> {
            Ok(Matrix::from_rows(&npz.f32(name)?, columns))
        };
        Ok(Self {
            tokenizer,
            table,
            projection: Matrix::from_rows(&projection, WINDOWS.len() * CHANNEL)
                .with_bias(&projection_bias),
            projection_norm,
            convolutions,
            features_norm,
            pooling: matrix("cnn_W", WIDTH)?,
            head: Head {
                d0: matrix("d0", 320)?,
                p1: matrix("p1", 320)?,
                d1: matrix("d1", 320)?,
                d2: matrix("d2", 512)?,
                p3: matrix("p3", 512)?,
                d3: matrix("d3", 512)?,
            },
            pooling_bias: npz.f32("cnn_b")?,
        })
    }

    /// Piece ids with the marks around them; a blank text is one unknown.
    fn tokens(&self, text: &str) -> Vec<u32> {
        let mut ids = vec![BEGIN];
        self.tokenizer.encode(text, READ_TOKENS, &mut ids);
        if ids.len() == 1 {
            ids.push(UNKNOWN);
        }
        ids.push(END);
        ids
    }

    fn embed(&self, text: &str) -> Vec<f32> {
        let ids = self.tokens(text);
        let mut features = self.features(&ids);
        self.features_norm.apply(&mut features);
        let mut sum = vec![0.0; FEATURES];
        for row in features.chunks_exact(FEATURES) {
            add(&mut sum, row);
        }
        let count = ids.len() as f32;
        let mut pooled = self.pooling.multiply_vector(&sum);
        for (value, bias) in pooled.iter_mut().zip(&self.pooling_bias) {
            *value = (*value + count * bias) / count.sqrt();
        }
        self.head.apply(&pooled)
    }

    /// `tokens × FEATURES`: each token's embedding and its three channels, not yet normalised.
    fn features(&self, ids: &[u32]) -> Vec<f32> {
        let count = ids.len();
        let mut features = vec![0.0; count * FEATURES];
        for (&id, row) in ids.iter().zip(features.chunks_exact_mut(FEATURES)) {
            self.table.decode(id as usize, &mut row[..WIDTH]);
        }
        let mut projected = vec![0.0; count * self.projection.columns()];
        self.projection.multiply(
            Rows {
                values: &features,
                count,
                stride: FEATURES,
            },
            &mut projected,
        );
        self.projection_norm.apply(&mut projected);

        let mut scratch = vec![0.0; count * CHANNEL];
        for (index, ((window, before), layers)) in
            WINDOWS.into_iter().zip(&self.convolutions).enumerate()
        {
            let padded = (count + window - 1) * CHANNEL;
            let text = before * CHANNEL..(before + count) * CHANNEL;
            let (mut input, mut output) = (vec![0.0; padded], vec![0.0; padded]);
            for (to, from) in input[text.clone()]
                .chunks_mut(CHANNEL)
                .zip(projected.chunks(WINDOWS.len() * CHANNEL))
            {
                to.copy_from_slice(&from[index * CHANNEL..][..CHANNEL]);
            }
            for layer in layers {
                layer.multiply(
                    Rows {
                        values: &input,
                        count,
                        stride: CHANNEL,
                    },
                    &mut scratch,
                );
                add_relu(&mut output[text.clone()], &input[text.clone()], &scratch);
                std::mem::swap(&mut input, &mut output);
            }
            for (to, from) in features
                .chunks_mut(FEATURES)
                .zip(input[text].chunks(CHANNEL))
            {
                to[WIDTH + index * CHANNEL..][..CHANNEL].copy_from_slice(from);
            }
        }
        features
    }
}

impl Table {
    fn decode(&self, row: usize, out: &mut [f32]) {
        let group = usize::from(self.group[row]);
        let (scale, offset) = (self.scale[group], self.offset[group]);
        for (out, &code) in out.iter_mut().zip(&self.codes[row * WIDTH..][..WIDTH]) {
            *out = f32::from(code) * scale + offset;
        }
    }
}

impl Head {
    fn apply(&self, pooled: &[f32]) -> Vec<f32> {
        let mut y0 = self.d0.multiply_vector(pooled);
        relu(&mut y0);
        let mut y1 = self.p1.multiply_vector(pooled);
        add(&mut y1, &self.d1.multiply_vector(&y0));
        relu(&mut y1);
        let mut y2 = self.d2.multiply_vector(&y1);
        relu(&mut y2);
        let mut vector = self.p3.multiply_vector(&y1);
        add(&mut vector, &self.d3.multiply_vector(&y2));
        for value in &mut vector {
            *value = value.tanh();
        }
        unit_length(&mut vector);
        vector
    }
}

impl Embedder for UseEnzh {
    fn id(&self) -> &str {
        ID
    }

    fn dimension(&self) -> usize {
        WIDTH
    }

    fn max_tokens(&self) -> usize {
        USEFUL_TOKENS
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.par_iter().map(|text| self.embed(text)).collect())
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(self.embed(text))
    }

    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        self.tokenizer.token_ends(text, ends);
    }
}
