//! Counts tokens of `cl100k_base` and `o200k_base` exactly, at memory speed rather than at a tokenizer's.
//!
//! ```text
//! text ─ pieces: the pattern, by hand ─▶ memo: seen before? ─ crossing: cut runs of Han ─▶ merge: byte pairs
//! ```
//!
//! Only counts are made, never token ids, which is what makes it fast: the count of a piece of text fits into a table
//! that stays in the processor's cache. Special tokens such as `<|endoftext|>` are text like any other.

mod classes;
mod crossing;
mod load;
mod memo;
mod merge;
mod pieces;
mod vocabulary;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use self::classes::Kinds;
use self::crossing::Crossings;
use self::memo::Memo;
use self::pieces::{Pattern, piece_end};
use self::vocabulary::Vocabulary;

/// A vocabulary with its pattern. The two that exist are built at their first use, in some tens of milliseconds, and
/// live as long as the process.
pub struct Tokenizer {
    pattern: Pattern,
    kinds: &'static Kinds,
    vocabulary: Vocabulary,
    crossings: Crossings,
    /// The tokens of each character of three bytes on its own, by code point.
    singles: Vec<u8>,
}

static KINDS: LazyLock<Kinds> = LazyLock::new(Kinds::new);
static CL100K: LazyLock<Tokenizer> = LazyLock::new(|| {
    Tokenizer::new(
        Pattern::Cl100k,
        splintr_vocab_cl100k::CL100K_BASE_VOCAB_PACKED,
    )
});
static O200K: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::new(Pattern::O200k, splintr_vocab_o200k::O200K_BASE_VOCAB_PACKED));

thread_local! {
    static MEMOS: [RefCell<Option<Memo>>; 2] = const { [const { RefCell::new(None) }; 2] };
}

impl Tokenizer {
    /// Bytes of the longest token of both vocabularies.
    pub(crate) const LONGEST_TOKEN: usize = 128;

    /// `cl100k_base`: GPT-4, GPT-3.5, text-embedding-3.
    pub fn cl100k() -> &'static Self {
        &CL100K
    }

    /// `o200k_base`: GPT-4o and later.
    pub fn o200k() -> &'static Self {
        &O200K
    }

    fn new(pattern: Pattern, packed: &'static [u8]) -> Self {
        let vocabulary = Vocabulary::new(packed);
        Self {
            pattern,
            kinds: &KINDS,
            crossings: Crossings::of(&vocabulary),
            singles: singles(&vocabulary),
            vocabulary,
        }
    }

    /// Counts the tokens of a text.
    ///
    /// ```
    /// use graphmill_documents::tokenizer::Tokenizer;
    ///
    /// assert_eq!(Tokenizer::cl100k().count("hello world"), 2);
    /// assert_eq!(Tokenizer::o200k().count("知识图谱"), 3);
    /// ```
    pub fn count(&self, text: &str) -> usize {
        let mut tokens = 0;
        self.pieces(text, 0, usize::MAX, |_, count| {
            tokens += count.unwrap_or_default() as usize;
            true
        });
        tokens
    }

    /// Counts the tokens of a text that is one piece, whatever the pattern says.
    pub(crate) fn count_piece(&self, piece: &str) -> usize {
        merge::count(&self.vocabulary, piece.as_bytes())
    }

    /// Calls `visit` with each piece from the byte `from` on and its tokens, until it returns false or the text ends.
    /// `from` is on a character boundary and counts as the beginning of a piece. A piece of more than `longest` bytes is
    /// not counted. `visit` must not call [`Self::count`] or this: the thread's memory of counts is in use.
    #[inline]
    pub(crate) fn pieces(
        &self,
        text: &str,
        from: usize,
        longest: usize,
        mut visit: impl FnMut(Range<usize>, Option<u32>) -> bool,
    ) {
        let bytes = text.as_bytes();
        MEMOS.with(|memos| {
            let mut memo = memos[self.pattern as usize].borrow_mut();
            let memo = memo.get_or_insert_with(Memo::new);
            let mut at = from;
            while at < bytes.len() {
                // The pattern as a constant in each branch, so that each is compiled on its own.
                let end = match self.pattern {
                    Pattern::Cl100k => piece_end(Pattern::Cl100k, self.kinds, bytes, at),
                    Pattern::O200k => piece_end(Pattern::O200k, self.kinds, bytes, at),
                };
                let count = (end - at <= longest).then(|| memo.count(self, bytes, at, end));
                if !visit(at..end, count) {
                    break;
                }
                at = end;
            }
        });
    }

    /// The tokens of a character of three bytes on its own.
    #[inline]
    fn single(&self, code: u32) -> u32 {
        self.singles
            .get(code as usize)
            .map_or(0, |&tokens| u32::from(tokens))
    }

    /// Whether a piece ends at the byte `at` whatever else the text is: behind a letter that nothing can prolong.
    pub(crate) fn is_seam(&self, text: &str, at: usize) -> bool {
        let Some(before) = text.get(..at).and_then(|before| before.chars().next_back()) else {
            return false;
        };
        let bytes = text.as_bytes();
        let (kind, _) = self.kinds.at(bytes, at - before.len_utf8());
        let (next, _) = self.kinds.at(bytes, at);
        kind.is_letter()
            && !next.is_letter()
            && next != classes::Kind::Mark
            && bytes.get(at) != Some(&b'\'')
    }
}

fn singles(vocabulary: &Vocabulary) -> Vec<u8> {
    let mut singles = vec![0; 1 << 16];
    for (single, code) in singles.iter_mut().zip(0..).skip(0x800) {
        if let Some(character) = char::from_u32(code) {
            let mut bytes = [0; 4];
            let character = character.encode_utf8(&mut bytes);
            *single = merge::count(vocabulary, character.as_bytes()) as u8;
        }
    }
    singles
}

#[cfg(test)]
mod tests;
