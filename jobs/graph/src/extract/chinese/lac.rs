//! LAC: Chinese words with part of speech and entity type, from a BiGRU-CRF over characters.
//!
//! ```text
//! characters ─ embedding 128 ─ BiGRU 2 × 128 ─ BiGRU 2 × 128 ─ linear ─ CRF ─▶ B/I tags ─▶ words
//! ```
//!
//! Many sentences are one batch: the first layer's input products are made once for each distinct character, the second
//! layer's are one matrix product, and the recurrent steps run in lockstep (see [`super::gru`]).

use super::gemm::multiply;
use super::model::{GATES, HIDDEN, Model};
use super::word::{Tag, Word};
use super::{crf, gru};
use crate::error::LoadError;

/// Characters in one batch: bounds its memory at about 10 KiB a character.
const BATCH_CHARS: usize = 2048;

/// The network. Shared by all threads; a call allocates its own work space.
pub(super) struct Lac {
    model: Model,
}

impl Lac {
    pub(super) fn load() -> Result<Self, LoadError> {
        Ok(Self {
            model: Model::load()?,
        })
    }

    /// Splits each sentence into words. Positions are characters.
    pub(super) fn tag(&self, sentences: &[&[char]]) -> Vec<Vec<Word>> {
        // Equal lengths together, so that the lockstep batches stay full to the end.
        let mut order: Vec<usize> = (0..sentences.len())
            .filter(|&i| !sentences[i].is_empty())
            .collect();
        order.sort_by_key(|&i| std::cmp::Reverse(sentences[i].len()));
        let mut words = vec![Vec::new(); sentences.len()];
        let mut rest = &order[..];
        while !rest.is_empty() {
            let mut chars = 0;
            let taken = rest
                .iter()
                .take_while(|&&i| {
                    let fits = chars == 0 || chars + sentences[i].len() <= BATCH_CHARS;
                    chars += sentences[i].len();
                    fits
                })
                .count();
            let (batch, later) = rest.split_at(taken);
            self.tag_batch(sentences, batch, &mut words);
            rest = later;
        }
        words
    }

    fn tag_batch(&self, sentences: &[&[char]], batch: &[usize], words: &mut [Vec<Word>]) {
        let model = &self.model;
        let mut spans = Vec::with_capacity(batch.len());
        let mut ids = Vec::new();
        for &index in batch {
            spans.push((ids.len(), sentences[index].len()));
            ids.extend(sentences[index].iter().map(|&c| model.id(c)));
        }
        let first = self.first_layer(&spans, &ids);
        let second = self.second_layer(&spans, &first);

        let tags = model.tags.len();
        let mut emissions = vec![0.0; ids.len() * tags];
        multiply(&second, &model.output, &mut emissions, 2 * HIDDEN, tags);
        add_bias(&mut emissions, &model.output_bias);
        for (&index, &(start, length)) in batch.iter().zip(&spans) {
            let path = crf::decode(
                &emissions[start * tags..(start + length) * tags],
                &model.transitions,
                tags,
            );
            words[index] = self.words(&path);
        }
    }

    /// Its input is an embedding row, so its input product depends on the character alone: one for each distinct one.
    fn first_layer(&self, spans: &gru::Spans, ids: &[u32]) -> Vec<f32> {
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let rows: Vec<usize> = ids
            .iter()
            .map(|id| {
                distinct
                    .binary_search(id)
                    .expect("`distinct` holds every id")
            })
            .collect();
        let mut embedded = Vec::new();
        for &id in &distinct {
            self.model.embed_into(id, &mut embedded);
        }
        self.layer(0, spans, &embedded, |row| rows[row], ids.len())
    }

    fn second_layer(&self, spans: &gru::Spans, first: &[f32]) -> Vec<f32> {
        self.layer(1, spans, first, |row| row, first.len() / (2 * HIDDEN))
    }

    fn layer(
        &self,
        number: usize,
        spans: &gru::Spans,
        x: &[f32],
        row_of: impl Fn(usize) -> usize,
        rows: usize,
    ) -> Vec<f32> {
        let layer = &self.model.layers[number];
        let width = layer.input.len() / (2 * GATES);
        let mut input = vec![0.0; x.len() / width * 2 * GATES];
        multiply(x, &layer.input, &mut input, width, 2 * GATES);
        add_bias(&mut input, &layer.input_bias);
        let mut out = vec![0.0; rows * 2 * HIDDEN];
        for (direction, backward) in layer.directions.iter().zip([false, true]) {
            gru::run(direction, backward, spans, &input, &row_of, &mut out);
        }
        out
    }

    /// `B` starts a word and `I` continues it; a word has the tag of its first character.
    fn words(&self, path: &[u8]) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        for (position, &tag) in path.iter().enumerate() {
            let name = self.model.tags[usize::from(tag)].as_str();
            let (tag, inside) = match name.split_once('-') {
                Some((tag, "I")) => (tag, true),
                Some((tag, _)) => (tag, false),
                None => (name, false),
            };
            match words.last_mut() {
                Some(word) if inside => word.end = position + 1,
                _ => words.push(Word {
                    start: position,
                    end: position + 1,
                    tag: Tag::from_lac(tag),
                }),
            }
        }
        words
    }
}

fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static REFERENCE: &str = include_str!("../../../models/lac-zh/reference.jsonl");

    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
        words: Vec<(String, String)>,
    }

    #[test]
    fn words_and_tags_agree_with_the_original_implementation() {
        let lac = Lac::load().unwrap();
        let (mut same, mut total) = (0, 0);
        for line in REFERENCE.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            let chars: Vec<char> = line.text.chars().collect();
            let found: Vec<_> = lac.tag(&[&chars])[0]
                .iter()
                .map(|word| {
                    (
                        chars[word.start..word.end].iter().collect::<String>(),
                        word.tag,
                    )
                })
                .collect();
            let expected: Vec<_> = line
                .words
                .into_iter()
                .map(|(word, tag)| (word, Tag::from_lac(&tag)))
                .collect();
            total += expected.len();
            same += expected.iter().filter(|word| found.contains(word)).count();
        }
        assert_eq!(same, total);
    }

    #[test]
    fn a_sentence_has_the_same_words_alone_and_in_a_batch() {
        let lac = Lac::load().unwrap();
        let sentences: Vec<Vec<char>> = REFERENCE
            .lines()
            .map(|line| {
                serde_json::from_str::<Line>(line)
                    .unwrap()
                    .text
                    .chars()
                    .collect()
            })
            .chain([Vec::new(), vec!['字'; 300]])
            .collect();
        let slices: Vec<&[char]> = sentences.iter().map(Vec::as_slice).collect();
        let together = lac.tag(&slices.repeat(20));
        for (i, words) in together.iter().enumerate() {
            assert_eq!(*words, lac.tag(&[slices[i % slices.len()]])[0]);
        }
    }
}
