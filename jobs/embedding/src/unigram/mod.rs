//! The tokenizer of both built-in models: SentencePiece's unigram model.
//!
//! The text is normalised, then cut into the pieces whose scores (log probabilities) add up to the highest sum. The
//! search walks the text once and keeps, for each position, the best way to reach it. Wherever no piece spans a
//! position, all ways meet: what lies before is decided, emitted and forgotten. So a text costs time linear in its
//! length and, as words and punctuation end pieces, hardly any memory.

mod charsmap;
mod normaliser;
mod trie;

use std::ops::ControlFlow;

pub(crate) use self::charsmap::InvalidCharsmap;
use self::{charsmap::Charsmap, normaliser::Normalised, trie::Trie};

/// How much worse than the worst piece a character outside the vocabulary scores, as in SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(crate) struct Unigram {
    charsmap: Charsmap,
    trie: Trie,
    scores: Vec<f32>,
    unknown: u32,
    unknown_score: f64,
}

/// The best way to reach a position: with which piece, from which position.
#[derive(Clone, Copy)]
struct Reached {
    score: f64,
    from: usize,
    piece: u32,
}

const UNREACHED: Reached = Reached {
    score: f64::NEG_INFINITY,
    from: 0,
    piece: 0,
};

impl Unigram {
    /// Builds the tokenizer of `pieces` (zero-separated, in the order of `scores`). The first `reserved` pieces are
    /// marks such as `<s>` that no text can spell; `unknown` is the one for characters outside the vocabulary.
    pub(crate) fn new(
        pieces: &[u8],
        scores: Vec<f32>,
        charsmap: &[u8],
        reserved: usize,
        unknown: u32,
    ) -> Result<Self, InvalidCharsmap> {
        let keys = pieces
            .split(|&byte| byte == 0)
            .zip(0..)
            .skip(reserved)
            .take(scores.len().saturating_sub(reserved));
        let worst = scores.iter().copied().fold(0.0, f32::min);
        Ok(Self {
            charsmap: Charsmap::parse(charsmap)?,
            trie: Trie::new(keys.collect()),
            scores,
            unknown,
            unknown_score: f64::from(worst) - UNKNOWN_PENALTY,
        })
    }

    /// Appends the piece ids of `text`, at most `limit`. Neighbouring unknown characters become one unknown, as in
    /// SentencePiece.
    pub(crate) fn encode(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        let end = ids.len().saturating_add(limit);
        let normalised = Normalised::new(&self.charsmap, text);
        let mut after_unknown = false;
        self.segment(&normalised.text, |piece, _| {
            let unknown = piece == self.unknown;
            if !(unknown && after_unknown) {
                if ids.len() >= end {
                    return ControlFlow::Break(());
                }
                ids.push(piece);
            }
            after_unknown = unknown;
            ControlFlow::Continue(())
        });
    }

    /// Appends, for each piece of `text`, where it ends in `text` itself: growing character boundaries, the last one
    /// being `text.len()`. Spaces belong to the piece before them. Each unknown character counts for itself, so that
    /// whoever cuts by these ends can cut anywhere in writing that the vocabulary lacks. Empty for a blank text.
    pub(crate) fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        let normalised = Normalised::new(&self.charsmap, text);
        self.segment(&normalised.text, |_, end| {
            ends.push(normalised.origins.get(end).copied().unwrap_or(text.len()));
            ControlFlow::Continue(())
        });
    }

    /// Calls `emit(piece, end)` for each piece of the best segmentation of `text`, in order.
    fn segment(&self, text: &str, mut emit: impl FnMut(u32, usize) -> ControlFlow<()>) {
        let bytes = text.as_bytes();
        // `window[i]` is how position `start + i` is best reached; nothing before `start` is undecided.
        let mut start = 0;
        let mut window = vec![Reached {
            score: 0.0,
            ..UNREACHED
        }];
        let mut path = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if at > start && window.len() == at - start + 1 {
                if emit_decided(&window, start, &mut path, &mut emit).is_break() {
                    return;
                }
                window.truncate(1);
                start = at;
            }
            let score = window[at - start].score;
            let width = character_width(bytes[at]);
            let mut known = false;
            let mut offer = |length: usize, piece: u32, score: f64| {
                let slot = at + length - start;
                if window.len() <= slot {
                    window.resize(slot + 1, UNREACHED);
                }
                if score > window[slot].score {
                    window[slot] = Reached {
                        score,
                        from: at,
                        piece,
                    };
                }
            };
            self.trie.prefixes(&bytes[at..], |length, piece| {
                known |= length == width;
                offer(
                    length,
                    piece,
                    score + f64::from(self.scores[piece as usize]),
                );
            });
            if !known {
                offer(width, self.unknown, score + self.unknown_score);
            }
            at += width;
        }
        // Nothing follows that could stop early.
        let _ = emit_decided(&window, start, &mut path, &mut emit);
    }
}

/// Emits the best way from `start` to the end of the window.
fn emit_decided(
    window: &[Reached],
    start: usize,
    path: &mut Vec<(u32, usize)>,
    emit: &mut impl FnMut(u32, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    path.clear();
    let mut end = start + window.len() - 1;
    while end > start {
        let reached = window[end - start];
        path.push((reached.piece, end));
        end = reached.from;
    }
    path.iter()
        .rev()
        .try_for_each(|&(piece, end)| emit(piece, end))
}

/// Bytes of the UTF-8 character that begins with `first`.
fn character_width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}
