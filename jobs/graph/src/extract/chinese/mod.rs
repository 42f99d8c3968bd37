//! Chinese: words by one of two taggers, then names and noun runs.

mod crf;
mod gemm;
mod gru;
mod jieba;
mod lac;
mod model;
mod names;
mod sentence;
mod spelling;
mod word;
mod words;

use std::ops::Range;

pub(crate) use model::fold_char;

use super::Findings;
use super::english::Tagger;
use crate::error::LoadError;
use crate::options::ChineseTagger;
use lac::Lac;
use sentence::Sentence;

/// The Chinese half of the extractor.
pub(crate) struct Chinese {
    /// `None`: words come from jieba.
    lac: Option<Lac>,
}

impl Chinese {
    pub(crate) fn load(tagger: ChineseTagger) -> Result<Self, LoadError> {
        let lac = match tagger {
            ChineseTagger::Lac => Some(Lac::load()?),
            ChineseTagger::Jieba => None,
        };
        Ok(Self { lac })
    }

    /// Finds names and noun runs in sentences, each given with the text it is part of. All sentences are tagged as one
    /// batch; what is found in one does not depend on the others.
    pub(crate) fn sentences(
        &self,
        english: &Tagger,
        sentences: &[(&str, Range<usize>)],
    ) -> Vec<Findings> {
        let mut pieces = Vec::new();
        let mut owners = Vec::new();
        for (owner, (text, range)) in sentences.iter().enumerate() {
            for piece in Sentence::pieces(text, range.clone()) {
                pieces.push(piece);
                owners.push(owner);
            }
        }
        let words = match &self.lac {
            Some(lac) => lac.tag(
                &pieces
                    .iter()
                    .map(|piece| piece.chars.as_slice())
                    .collect::<Vec<_>>(),
            ),
            None => pieces
                .iter()
                .map(|piece| jieba::tag(&piece.chars))
                .collect(),
        };
        let mut findings = vec![Findings::default(); sentences.len()];
        for ((piece, words), owner) in pieces.iter().zip(words).zip(owners) {
            let words = spelling::repair(&piece.chars, words);
            names::find(
                sentences[owner].0,
                piece,
                &words,
                english,
                &mut findings[owner],
            );
        }
        findings
    }
}
