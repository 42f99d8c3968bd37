//! A Chinese word and what kind of word it is, whichever tagger found it.

/// Part of speech or entity type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Person,
    Place,
    Organization,
    Time,
    Noun,
    /// A verb used as a noun: 建设, 管理.
    VerbalNoun,
    /// An adjective used as a noun.
    NominalAdjective,
    /// A proper noun of another kind: products, technologies.
    ProperNoun,
    /// The title of a work.
    Work,
    Verb,
    Adjective,
    Number,
    Measure,
    Punctuation,
    /// Everything that neither names nor relates: particles, adverbs, prepositions, pronouns, …
    Function,
}

impl Tag {
    /// From a tag of LAC without its `-B` or `-I`.
    pub(super) fn from_lac(name: &str) -> Self {
        match name {
            "PER" => Self::Person,
            "LOC" => Self::Place,
            "ORG" => Self::Organization,
            "TIME" => Self::Time,
            "n" => Self::Noun,
            "vn" => Self::VerbalNoun,
            "an" => Self::NominalAdjective,
            "nz" => Self::ProperNoun,
            "nw" => Self::Work,
            "v" => Self::Verb,
            "a" => Self::Adjective,
            "m" => Self::Number,
            "q" => Self::Measure,
            "w" => Self::Punctuation,
            _ => Self::Function,
        }
    }

    /// From a tag of jieba: the same letters for the large classes, finer ones behind them.
    pub(super) fn from_jieba(name: &str) -> Self {
        match name {
            "nr" | "nrt" | "nrfg" => Self::Person,
            "ns" => Self::Place,
            "nt" => Self::Organization,
            "nz" | "eng" => Self::ProperNoun,
            "vn" => Self::VerbalNoun,
            "an" => Self::NominalAdjective,
            "v" | "vi" => Self::Verb,
            "x" | "w" => Self::Punctuation,
            // A time word of jieba is 今天 as often as a date, and a date is numbers to it.
            "n" | "l" | "j" => Self::Noun,
            "a" | "b" => Self::Adjective,
            "m" => Self::Number,
            "q" => Self::Measure,
            _ => Self::Function,
        }
    }

    /// True for words that a noun phrase can be made of.
    pub(super) fn is_nominal(self) -> bool {
        matches!(
            self,
            Self::Noun | Self::VerbalNoun | Self::NominalAdjective | Self::ProperNoun
        )
    }

    /// True for words that are names on their own.
    pub(super) fn is_name(self) -> bool {
        matches!(
            self,
            Self::Person | Self::Place | Self::Organization | Self::Work
        )
    }
}

/// A word of a sentence. Positions are characters of the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) tag: Tag,
}
