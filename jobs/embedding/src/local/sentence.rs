//! From token ids to sentence vectors with a BERT encoder: look up, encode, pool, scale to length one.

use std::ops::Range;

use rayon::prelude::*;

use super::{bert::Bert, quantised::Blocks};
use crate::{
    batch,
    dense::{Norm, add, unit_length},
};

/// Tokens that run together: enough to make the pass over the weights worth it, few enough to keep all threads busy.
const PACK_TOKENS: usize = 256;

pub(super) struct SentenceEncoder {
    pub(super) words: Words,
    /// What each position adds to its token, the token type included: `positions × hidden`.
    pub(super) positions: Vec<f32>,
    pub(super) embedding_norm: Norm,
    pub(super) encoder: Bert,
    pub(super) pooling: Pooling,
}

/// The embeddings of the vocabulary, one row a token id.
pub(super) enum Words {
    Blocks(Blocks<'static>),
    #[cfg(feature = "local-hf")]
    Floats(Vec<f32>),
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy)]
pub(super) enum Pooling {
    Mean,
    /// The first token's, a mark that stands for the whole text.
    #[cfg(feature = "local-hf")]
    First,
}

impl SentenceEncoder {
    /// One vector of length one for each text, in order. A text is its token ids, marks included: at least one, at most
    /// as many as there are positions, each below the size of the vocabulary.
    pub(super) fn embed(&self, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let lengths: Vec<_> = texts.iter().map(Vec::len).collect();
        let packs = batch::pack(&lengths, PACK_TOKENS);
        packs
            .into_par_iter()
            .flat_map_iter(|pack| self.embed_pack(&texts[pack]))
            .collect()
    }

    fn embed_pack(&self, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let width = self.encoder.hidden;
        let mut ranges = Vec::with_capacity(texts.len());
        let mut rows = vec![0.0; texts.iter().map(Vec::len).sum::<usize>() * width];
        let mut start = 0;
        for text in texts {
            let range = start..start + text.len();
            let own = rows[range.start * width..range.end * width].chunks_exact_mut(width);
            for ((row, &id), position) in own.zip(text).zip(self.positions.chunks_exact(width)) {
                self.words.read(id as usize, row);
                add(row, position);
            }
            start = range.end;
            ranges.push(range);
        }
        self.embedding_norm.apply(&mut rows);
        self.encoder.encode(&mut rows, &ranges);
        let pool = |range: Range<usize>| {
            self.pooling
                .apply(&rows[range.start * width..range.end * width], width)
        };
        ranges.into_iter().map(pool).collect()
    }
}

impl Words {
    fn read(&self, id: usize, row: &mut [f32]) {
        match self {
            Self::Blocks(blocks) => blocks.read_row(id, row),
            #[cfg(feature = "local-hf")]
            Self::Floats(values) => row.copy_from_slice(&values[id * row.len()..][..row.len()]),
        }
    }
}

impl Pooling {
    fn apply(self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut vector = match self {
            Self::Mean => rows
                .chunks_exact(width)
                .fold(vec![0.0; width], |mut sum, row| {
                    add(&mut sum, row);
                    sum
                }),
            #[cfg(feature = "local-hf")]
            Self::First => rows[..width].to_vec(),
        };
        unit_length(&mut vector);
        vector
    }
}
