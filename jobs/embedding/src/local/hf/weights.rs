//! Reads an encoder from `model.safetensors`.

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::config::Config;
use crate::{
    dense::{Matrix, Norm, add},
    local::{
        bert::{Activation, Bert, Layer},
        sentence::{Pooling, SentenceEncoder, Words},
    },
};

const WORDS: &str = "embeddings.word_embeddings.weight";

pub(super) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    /// What stands before the names of all tensors, such as `bert.`.
    prefix: String,
}

impl<'a> Weights<'a> {
    pub(super) fn new(file: &'a [u8]) -> Result<Self, String> {
        let tensors = SafeTensors::deserialize(file).map_err(|error| error.to_string())?;
        let prefix = tensors
            .names()
            .into_iter()
            .find_map(|name| name.strip_suffix(WORDS))
            .map(str::to_owned);
        let prefix = prefix.ok_or_else(|| format!("there is no tensor `{WORDS}`"))?;
        Ok(Self { tensors, prefix })
    }

    pub(super) fn encoder(&self, config: &Config) -> Result<SentenceEncoder, String> {
        let width = config.hidden_size;
        let words = self.floats(WORDS, config.vocab_size * width)?;
        let table = self.floats("embeddings.position_embeddings.weight", None)?;
        let mut positions = table
            .get(config.first_position * width..)
            .unwrap_or_default()
            .to_vec();
        if positions.len() < config.max_tokens * width {
            return Err(format!(
                "there are fewer positions than {} tokens need",
                config.max_tokens
            ));
        }
        let types = self.floats("embeddings.token_type_embeddings.weight", None)?;
        let first_type = types
            .get(..width)
            .ok_or("the token types have another width")?;
        positions
            .chunks_exact_mut(width)
            .for_each(|row| add(row, first_type));
        let layers = (0..config.layers)
            .map(|index| self.layer(config, index))
            .collect::<Result<_, _>>()?;
        Ok(SentenceEncoder {
            words: Words::Floats(words),
            positions,
            embedding_norm: self.norm("embeddings.LayerNorm", config)?,
            encoder: Bert {
                hidden: width,
                heads: config.heads,
                activation: if config.relu {
                    Activation::Relu
                } else {
                    Activation::Gelu
                },
                layers,
            },
            pooling: if config.first_token_pooling {
                Pooling::First
            } else {
                Pooling::Mean
            },
        })
    }

    fn layer(&self, config: &Config, index: usize) -> Result<Layer, String> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let attention =
            ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Layer {
            query_key_value: self.linear(&attention, hidden, hidden)?,
            attention_out: self.linear(&[name("attention.output.dense")], hidden, hidden)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), config)?,
            up: self.linear(&[name("intermediate.dense")], hidden, inner)?,
            down: self.linear(&[name("output.dense")], inner, hidden)?,
            output_norm: self.norm(&name("output.LayerNorm"), config)?,
        })
    }

    /// Linear layers that read the same input, their outputs side by side. A row of the file holds the weights of one
    /// output.
    fn linear(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Matrix, String> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(self.floats(&format!("{name}.weight"), inputs * outputs)?);
            bias.extend(self.floats(&format!("{name}.bias"), outputs)?);
        }
        let matrix = Matrix::from_columns(inputs, bias.len(), |index, column| {
            column.copy_from_slice(&weights[index * inputs..][..inputs]);
        });
        Ok(matrix.with_bias(&bias))
    }

    /// A normalisation; older files call its tensors `gamma` and `beta`.
    fn norm(&self, name: &str, config: &Config) -> Result<Norm, String> {
        let width = config.hidden_size;
        let either = |new: &str, old: &str| {
            let new = self.floats(&format!("{name}.{new}"), width);
            new.or_else(|error| {
                self.floats(&format!("{name}.{old}"), width)
                    .map_err(|_| error)
            })
        };
        Ok(Norm {
            gain: either("weight", "gamma")?,
            bias: either("bias", "beta")?,
            epsilon: config.epsilon,
        })
    }

    /// A tensor as f32, of `expected` elements unless any number will do.
    fn floats(&self, name: &str, expected: impl Into<Option<usize>>) -> Result<Vec<f32>, String> {
        let name = format!("{}{name}", self.prefix);
        let tensor = self
            .tensors
            .tensor(&name)
            .map_err(|error| format!("tensor `{name}`: {error}"))?;
        let halves = || tensor.data().as_chunks::<2>().0.iter().copied();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => tensor
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect(),
            Dtype::F16 => halves()
                .map(|bytes| f16::from_le_bytes(bytes).to_f32())
                .collect(),
            Dtype::BF16 => halves()
                .map(|bytes| bf16::from_le_bytes(bytes).to_f32())
                .collect(),
            other => {
                return Err(format!(
                    "tensor `{name}` is {other:?}; expected F32, F16 or BF16"
                ));
            }
        };
        match expected.into() {
            Some(count) if count != values.len() => Err(format!(
                "tensor `{name}` has {} elements, expected {count}",
                values.len()
            )),
            _ => Ok(values),
        }
    }
}
