//! Models of the BERT family from a directory in Hugging Face layout.
//!
//! Read are `config.json`, `tokenizer.json`, `model.safetensors` and, where present, the sentence-transformers files that
//! name the pooling and the length that the model was trained with. BERT, RoBERTa and XLM-RoBERTa share one encoder and
//! differ in where positions begin; the encoder is the one of the built-in model.

mod config;
mod weights;

use std::path::Path;

use rayon::prelude::*;
use tokenizers::Tokenizer;

use self::{config::Config, weights::Weights};
use super::sentence::SentenceEncoder;
use crate::{EmbedError, Embedder};

/// Hexadecimal digits of the fingerprint in an id.
const FINGERPRINT_DIGITS: usize = 8;

pub(super) struct HuggingFace {
    id: String,
    tokenizer: Tokenizer,
    encoder: SentenceEncoder,
    config: Config,
}

impl HuggingFace {
    pub(super) fn load(directory: &Path) -> Result<Self, EmbedError> {
        Self::read(directory).map_err(|reason| EmbedError::Load {
            model: directory.display().to_string(),
            reason: reason.to_string(),
        })
    }

    fn read(directory: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let config = Config::read(directory)?;
        let file = directory.join("model.safetensors");
        let weights =
            std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let id = id(directory, &config, weights.len());
        let encoder = Weights::new(&weights)?.encoder(&config)?;
        let mut tokenizer = Tokenizer::from_file(directory.join("tokenizer.json"))?;
        // Texts are cut to the model's own length here, and packs need no padding.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None)?;
        let vocabulary = tokenizer.get_vocab_size(true);
        if vocabulary > config.vocab_size {
            return Err(format!(
                "the tokenizer has {vocabulary} tokens, the model {}",
                config.vocab_size
            )
            .into());
        }
        Ok(Self {
            id,
            tokenizer,
            encoder,
            config,
        })
    }

    /// Token ids with the marks that the tokenizer puts around a text; a text that is too long loses its end, not its
    /// closing mark.
    fn tokens(&self, prefix: &str, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encoding = self
            .tokenizer
            .encode_fast(format!("{prefix}{text}"), true)
            .map_err(|error| self.failed(&error))?;
        let mut ids = encoding.get_ids().to_vec();
        if let [.., closing] = ids[..]
            && ids.len() > self.config.max_tokens
        {
            ids.truncate(self.config.max_tokens - 1);
            ids.push(closing);
        }
        if ids.is_empty() {
            // A tokenizer without marks gives an empty text no token at all; one is needed to have a mean.
            ids.push(self.config.pad_token_id);
        }
        Ok(ids)
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> EmbedError {
        EmbedError::Run {
            model: self.id.clone(),
            reason: reason.to_string(),
        }
    }
}

/// `hf:<directory name>:<fingerprint>`; the fingerprint covers the configuration and the size of the weights.
fn id(directory: &Path, config: &Config, weights_bytes: usize) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let mut hasher = blake3::Hasher::new();
    hasher.update(config.source.as_bytes());
    hasher.update(&(weights_bytes as u64).to_le_bytes());
    format!(
        "hf:{name}:{}",
        &hasher.finalize().to_hex()[..FINGERPRINT_DIGITS]
    )
}

impl Embedder for HuggingFace {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimension(&self) -> usize {
        self.config.hidden_size
    }

    fn max_tokens(&self) -> usize {
        self.config.max_tokens - self.config.overhead_tokens()
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let prefix = self.config.prefixes().passage;
        let tokens: Vec<_> = texts
            .par_iter()
            .map(|text| self.tokens(prefix, text))
            .collect::<Result<_, _>>()?;
        Ok(self.encoder.embed(&tokens))
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let tokens = self.tokens(self.config.prefixes().query, text)?;
        self.encoder
            .embed(&[tokens])
            .pop()
            .ok_or_else(|| self.failed(&"no vector for a text"))
    }

    fn token_ends(&self, text: &str, ends: &mut Vec<usize>) {
        let first = ends.len();
        // A tokenizer that cannot read the text leaves it whole.
        if let Ok(encoding) = self.tokenizer.encode(text, false) {
            let mut end = 0;
            for &(_, offset) in encoding.get_offsets() {
                end = text.floor_char_boundary(offset).max(end);
                ends.push(end);
            }
        }
        match ends[first..].last_mut() {
            Some(last) => *last = text.len(),
            None if text.is_empty() => {}
            None => ends.push(text.len()),
        }
    }
}
