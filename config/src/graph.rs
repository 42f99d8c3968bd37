//! `[graph]`: entities and relations.

use serde::{Deserialize, Serialize};

use crate::units;

/// Entities and relations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphConfig {
    /// How Chinese is read.
    pub chinese: ChineseExtractor,
    /// A sentence with at least this share of Han characters is Chinese, 0–1.
    #[serde(with = "units::fraction")]
    pub han_ratio: f64,
    /// Pairs are taken from a sentence with at most this many entities.
    #[serde(with = "units::whole")]
    pub max_entities_per_sentence: usize,
}

/// How entities are found in Chinese text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChineseExtractor {
    /// A tagger that finds typed names.
    Lac,
    /// Dictionary words only; faster.
    Jieba,
}
