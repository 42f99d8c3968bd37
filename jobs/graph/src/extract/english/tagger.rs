//! Parts of speech by a transformation-based (Brill) tagger.
//!
//! Each word first gets its most frequent tag from a dictionary, in lower case; unknown words get none. Then patches run
//! in their order of training over the whole sentence: "`from` becomes `to` where the criterion holds", in place, so that
//! a patch sees what earlier positions have become.

use std::collections::HashMap;

use serde::Deserialize;

use crate::error::LoadError;

static FILE: &str = include_str!("../../../models/english-tagger/trained_tagger_model.json");

/// Universal part of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Upos {
    Adj,
    Adp,
    Adv,
    Aux,
    Cconj,
    Det,
    Intj,
    Noun,
    Num,
    Part,
    Pron,
    Propn,
    Punct,
    Sconj,
    Sym,
    Verb,
}

/// The trained tagger.
#[derive(Debug, Deserialize)]
pub(crate) struct Tagger {
    base: Dictionary,
    patches: Vec<Patch>,
}

#[derive(Debug, Deserialize)]
struct Dictionary {
    mapping: HashMap<String, Upos>,
}

#[derive(Debug, Deserialize)]
struct Patch {
    from: Upos,
    to: Upos,
    criteria: Criterion,
}

#[derive(Debug, Deserialize)]
enum Criterion {
    /// The word at this distance has the tag.
    WordIsTaggedWith { relative: isize, is_tagged: Upos },
    /// A word between here and that distance has the tag: `[i, i + d)` forwards, `[i - d, i)` backwards.
    AnyWordIsTaggedWith {
        max_relative: isize,
        is_tagged: Upos,
    },
    /// Both neighbours have these tags.
    SandwichTaggedWith {
        prev_word_tagged: Upos,
        post_word_tagged: Upos,
    },
    /// The word at this distance agrees with `word` as far as the shorter of both goes, whatever the case. The patches
    /// were trained with this comparison, therefore it stays as loose as it is.
    WordIs { relative: isize, word: String },
    /// Both hold.
    Combined {
        a: Box<Criterion>,
        b: Box<Criterion>,
    },
}

impl Tagger {
    /// Reads the model that is compiled into the crate.
    ///
    /// # Errors
    /// [`LoadError::Json`] when it is damaged.
    pub(crate) fn load() -> Result<Self, LoadError> {
        serde_json::from_str(FILE).map_err(|source| LoadError::Json {
            file: "english tagger",
            source,
        })
    }

    /// Tags a sentence. `None` is a word that the dictionary does not know.
    pub(crate) fn tag(&self, words: &[&str]) -> Vec<Option<Upos>> {
        let mut tags: Vec<_> = words.iter().map(|word| self.most_frequent(word)).collect();
        for patch in &self.patches {
            for i in 0..tags.len() {
                if tags[i] == Some(patch.from) && patch.criteria.holds(words, &tags, i) {
                    tags[i] = Some(patch.to);
                }
            }
        }
        tags
    }

    /// Returns the tag that a word has most often, without its context.
    pub(crate) fn most_frequent(&self, word: &str) -> Option<Upos> {
        if word
            .bytes()
            .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
        {
            self.base.mapping.get(word).copied()
        } else {
            self.base.mapping.get(&word.to_lowercase()).copied()
        }
    }
}

impl Criterion {
    fn holds(&self, words: &[&str], tags: &[Option<Upos>], i: usize) -> bool {
        let tagged = |i: usize, tag: Upos| tags.get(i).copied().flatten() == Some(tag);
        match self {
            Self::WordIsTaggedWith {
                relative,
                is_tagged,
            } => i
                .checked_add_signed(*relative)
                .is_some_and(|i| tagged(i, *is_tagged)),
            Self::AnyWordIsTaggedWith {
                max_relative,
                is_tagged,
            } => i
                .checked_add_signed(*max_relative)
                .is_some_and(|far| (far.min(i)..far.max(i)).any(|i| tagged(i, *is_tagged))),
            Self::SandwichTaggedWith {
                prev_word_tagged,
                post_word_tagged,
            } => i > 0 && tagged(i - 1, *prev_word_tagged) && tagged(i + 1, *post_word_tagged),
            Self::WordIs { relative, word } => i
                .checked_add_signed(*relative)
                .and_then(|i| words.get(i))
                .is_some_and(|w| {
                    w.chars()
                        .zip(word.chars())
                        .all(|(a, b)| a.eq_ignore_ascii_case(&b))
                }),
            Self::Combined { a, b } => a.holds(words, tags, i) && b.holds(words, tags, i),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_corrects_the_most_frequent_tag() {
        let tagger = Tagger::load().unwrap();
        assert_eq!(tagger.most_frequent("plan"), Some(Upos::Noun));
        assert_eq!(tagger.tag(&["you", "plan", "it"])[1], Some(Upos::Verb));
    }

    #[test]
    fn a_word_outside_the_dictionary_has_no_tag() {
        assert_eq!(
            Tagger::load().unwrap().tag(&["Kubernetes", "runs"])[0],
            None
        );
        assert!(Tagger::load().unwrap().tag(&[]).is_empty());
    }
}
