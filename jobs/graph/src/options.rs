//! What can be chosen about the extraction.

/// Who finds the words of a Chinese sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChineseTagger {
    /// A small neural network: typed names.
    Lac,
    /// A dictionary: much faster, weaker types.
    Jieba,
}

/// Settings of [`LocalExtractor`](crate::LocalExtractor).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GraphOptions {
    /// Who finds the words of a Chinese sentence.
    pub chinese: ChineseTagger,
    /// A sentence with at least this share of Chinese characters is Chinese, from 0 to 1. Words in other scripts count as
    /// one character each.
    pub han_ratio: f32,
    /// Pairs are taken from a sentence with at most this many entities: longer ones are lists.
    pub max_entities_per_sentence: usize,
}

impl GraphOptions {
    /// Names the method, its version, and every option that changes results.
    pub(crate) fn id(&self) -> String {
        let chinese = match self.chinese {
            ChineseTagger::Lac => "lac",
            ChineseTagger::Jieba => "jieba",
        };
        let defaults = Self {
            chinese: self.chinese,
            ..Self::default()
        };
        if *self == defaults {
            format!("local-v1:{chinese}")
        } else {
            format!(
                "local-v1:{chinese}:han{}:max{}",
                self.han_ratio, self.max_entities_per_sentence
            )
        }
    }
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            chinese: ChineseTagger::Lac,
            han_ratio: 0.3,
            max_entities_per_sentence: 24,
        }
    }
}
