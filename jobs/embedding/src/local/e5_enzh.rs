//! The accurate built-in model: multilingual-e5-small in 4-bit blocks, cut to English and Chinese pieces.
//!
//! Twelve BERT layers of 384 floats. The token embeddings stay in their blocks and are decoded row by row; the layers'
//! weights are decoded once, at load, as every text needs all of them. Texts are tagged as the model was trained:
//! `passage: ` for what is to be found, `query: ` for what searches.

use half::f16;
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};

use super::{
    bert::{Activation, Bert, Layer},
    quantised::Blocks,
    sentence::{Pooling, SentenceEncoder, Words},
};
use crate::{
    EmbedError, Embedder,
    dense::{Matrix, Norm, add},
    unigram::Unigram,
};

const ID: &str = "e5-enzh-v1";

const HIDDEN: usize = 384;
const HEADS: usize = 12;
const LAYERS: usize = 12;
const INNER: usize = 1536;
const EPSILON: f32 = 1e-12;

/// Tokens that the model has positions for, marks included.
const POSITIONS: usize = 512;

/// Marks around a text and the tokens of the longer prefix.
const OVERHEAD_TOKENS: usize = 2 + 4;

const BEGIN: u32 = 0;
const END: u32 = 2;
const UNKNOWN: u32 = 3;
const RESERVED: usize = 4;

const PASSAGE: &str = "passage: ";
const QUERY: &str = "query: ";

pub(super) struct E5Enzh {
    tokenizer: Unigram,
    encoder: SentenceEncoder,
}

impl E5Enzh {
    /// Decodes the model from its `.safetensors`: about 0.1 s, 85 MB.
    pub(super) fn load(file: &'static [u8]) -> Result<Self, EmbedError> {
        Self::decode(file).map_err(|reason| EmbedError::Load {
            model: ID.to_owned(),
            reason,
        })
    }

    fn decode(file: &'static [u8]) -> Result<Self, String> {
        let tensors = Tensors(SafeTensors::deserialize(file).map_err(|error| error.to_string())?);
        let tokenizer = Unigram::new(
            tensors.bytes("pieces")?,
            tensors.floats("scores")?,
            tensors.bytes("charsmap")?,
            RESERVED,
            UNKNOWN,
        )
        .map_err(|error| error.to_string())?;
        let mut positions = tensors.floats("emb.pos")?;
        let token_type = tensors.floats("emb.type")?;
        if positions.len() != POSITIONS * HIDDEN || token_type.len() != HIDDEN {
            return Err("position embeddings have another size".to_owned());
        }
        positions
            .chunks_exact_mut(HIDDEN)
            .for_each(|row| add(row, &token_type));
        // On this thread alone: the caller may hold a lock, and a rayon thread that waits runs other people's work.
        let layers = (0..LAYERS)
            .map(|index| tensors.layer(index))
            .collect::<Result<_, _>>()?;
        let encoder = SentenceEncoder {
            words: Words::Blocks(tensors.blocks("emb.word", HIDDEN)?),
            positions,
            embedding_norm: tensors.norm("emb.ln")?,
            encoder: Bert {
                hidden: HIDDEN,
                heads: HEADS,
                activation: Activation::Gelu,
                layers,
            },
            pooling: Pooling::Mean,
        };
        Ok(Self { tokenizer, encoder })
    }

    fn tokens(&self, prefix: &str, text: &str) -> Vec<u32> {
        let mut ids = vec![BEGIN];
        self.tokenizer
            .encode(&format!("{prefix}{text}"), POSITIONS - 2, &mut ids);
        ids.push(END);
        ids
    }
}

impl Embedder for E5Enzh {
    fn id(&self) -> &str {
        ID
    }

    fn dimension(&self) -> usize {
        HIDDEN
    }

    fn max_tokens(&self) -> usize {
        POSITIONS - OVERHEAD_TOKENS
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let tokens: Vec<_> = texts
            .par_iter()
            .map(|text| self.tokens(PASSAGE, text))
            .collect();
        Ok(self.encoder.embed(&tokens))
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let vector = self.encoder.embed(&[self.tokens(QUERY, text)]).pop();
        vector.ok_or_else(|| EmbedError::Run {
            model: ID.to_owned(),
            reason: "no vector for a text".to_owned(),
        })
    }

    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        self.tokenizer.token_ends(text, ends);
    }
}

/// The file's tensors by name, with the reason as text when one is not what it should be.
struct Tensors(SafeTensors<'static>);

impl Tensors {
    fn bytes(&self, name: &str) -> Result<&'static [u8], String> {
        self.0
            .tensor(name)
            .map(|tensor| tensor.data())
            .map_err(|error| error.to_string())
    }

    /// A tensor of f32 or f16, as f32.
    fn floats(&self, name: &str) -> Result<Vec<f32>, String> {
        let tensor = self.0.tensor(name).map_err(|error| error.to_string())?;
        match tensor.dtype() {
            Dtype::F32 => Ok(tensor
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect()),
            Dtype::F16 => Ok(tensor
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f16::from_le_bytes(bytes).to_f32())
                .collect()),
            other => Err(format!("tensor `{name}` is {other:?}, expected F32 or F16")),
        }
    }

    fn blocks(&self, name: &str, width: usize) -> Result<Blocks<'static>, String> {
        Blocks::new(self.bytes(name)?, width)
            .ok_or_else(|| format!("tensor `{name}` is not made of 4-bit blocks"))
    }

    fn norm(&self, name: &str) -> Result<Norm, String> {
        let (gain, bias) = (
            self.floats(&format!("{name}.w"))?,
            self.floats(&format!("{name}.b"))?,
        );
        if gain.len() == HIDDEN && bias.len() == HIDDEN {
            Ok(Norm {
                gain,
                bias,
                epsilon: EPSILON,
            })
        } else {
            Err(format!("tensor `{name}` has another size"))
        }
    }

    /// Decodes linear layers that read the same input (`width` floats) into one matrix, their outputs side by side. A
    /// row of the file holds the weights of one output.
    fn linear(&self, names: &[String], width: usize, outputs: usize) -> Result<Matrix, String> {
        let mut bias = Vec::new();
        let mut rows = Vec::new();
        for name in names {
            let blocks = self.blocks(&format!("{name}.w"), width)?;
            rows.extend((0..blocks.rows()).map(|row| (blocks, row)));
            bias.extend(self.floats(&format!("{name}.b"))?);
        }
        if rows.len() != outputs || bias.len() != outputs {
            return Err(format!(
                "linear layers {names:?} have {} outputs, expected {outputs}",
                rows.len()
            ));
        }
        let matrix = Matrix::from_columns(width, outputs, |index, column| {
            let (blocks, row) = rows[index];
            blocks.read_row(row, column);
        });
        Ok(matrix.with_bias(&bias))
    }

    fn layer(&self, index: usize) -> Result<Layer, String> {
        let name = |part: &str| format!("l{index}.{part}");
        Ok(Layer {
            query_key_value: self.linear(&[name("q"), name("k"), name("v")], HIDDEN, 3 * HIDDEN)?,
            attention_out: self.linear(&[name("ao")], HIDDEN, HIDDEN)?,
            attention_norm: self.norm(&name("aln"))?,
            up: self.linear(&[name("fi")], HIDDEN, INNER)?,
            down: self.linear(&[name("fo")], INNER, HIDDEN)?,
            output_norm: self.norm(&name("oln"))?,
        })
    }
}
