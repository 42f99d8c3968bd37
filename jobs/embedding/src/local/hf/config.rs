//! What the files of a model directory say about the model.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};

/// Widths are whole numbers of these many floats, as the matrix kernel writes them at once.
const WIDTH_UNIT: usize = 32;

/// The marks around a text, which the tokenizer adds.
const MARKS: usize = 2;

/// Tokens that a prefix such as `passage: ` takes at most.
const PREFIX_TOKENS: usize = 4;

pub(super) struct Config {
    /// The text of `config.json`.
    pub(super) source: String,
    pub(super) hidden_size: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) vocab_size: usize,
    pub(super) epsilon: f32,
    pub(super) relu: bool,
    pub(super) pad_token_id: u32,
    /// Rows of the position table that come before a text's first token's.
    pub(super) first_position: usize,
    /// Tokens of a text that are read, marks included.
    pub(super) max_tokens: usize,
    pub(super) first_token_pooling: bool,
    /// Whether texts are tagged as the E5 models want it.
    e5: bool,
}

/// What is put before a text.
pub(super) struct Prefixes {
    pub(super) query: &'static str,
    pub(super) passage: &'static str,
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    #[serde(default, rename = "_name_or_path")]
    name: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "default_epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "default_activation")]
    hidden_act: String,
    #[serde(default)]
    pad_token_id: u32,
    #[serde(default = "default_positions")]
    position_embedding_type: String,
}

fn default_epsilon() -> f32 {
    1e-12
}

fn default_activation() -> String {
    "gelu".to_owned()
}

fn default_positions() -> String {
    "absolute".to_owned()
}

#[derive(Default, Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

#[derive(Default, Deserialize)]
struct PoolingFile {
    #[serde(default)]
    pooling_mode_cls_token: bool,
}

impl Config {
    pub(super) fn read(directory: &Path) -> Result<Self, String> {
        let path = directory.join("config.json");
        let source = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let file: ConfigFile = serde_json::from_str(&source)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let sentence: SentenceFile = optional(&directory.join("sentence_bert_config.json"))?;
        let pooling: PoolingFile = optional(&directory.join("1_Pooling").join("config.json"))?;
        let first_position = match file.model_type.as_str() {
            "bert" => 0,
            // Their positions count from the padding token's id.
            "roberta" | "xlm-roberta" | "camembert" => file.pad_token_id as usize + 1,
            other => {
                return Err(format!(
                    "model type `{other}` is not supported; expected bert, roberta or xlm-roberta"
                ));
            }
        };
        let relu = match file.hidden_act.as_str() {
            "gelu" => false,
            "relu" => true,
            other => {
                return Err(format!(
                    "activation `{other}` is not supported; expected gelu or relu"
                ));
            }
        };
        if file.position_embedding_type != "absolute" {
            return Err(format!(
                "position embeddings `{}` are not supported",
                file.position_embedding_type
            ));
        }
        let heads = file.num_attention_heads;
        let head_width = file.hidden_size.checked_div(heads).unwrap_or(0);
        if head_width == 0
            || head_width * heads != file.hidden_size
            || !head_width.is_multiple_of(WIDTH_UNIT)
            || !file.intermediate_size.is_multiple_of(WIDTH_UNIT)
            || file.intermediate_size == 0
        {
            return Err(format!(
                "the widths of heads and inner layer must be multiples of {WIDTH_UNIT}"
            ));
        }
        let positions = file.max_position_embeddings.saturating_sub(first_position);
        let max_tokens = sentence.max_seq_length.unwrap_or(positions).min(positions);
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let config = Self {
            e5: [&*name, &*file.name].into_iter().any(is_e5),
            hidden_size: file.hidden_size,
            layers: file.num_hidden_layers,
            heads,
            intermediate_size: file.intermediate_size,
            vocab_size: file.vocab_size,
            epsilon: file.layer_norm_eps,
            relu,
            pad_token_id: file.pad_token_id,
            first_position,
            max_tokens,
            first_token_pooling: pooling.pooling_mode_cls_token,
            source,
        };
        if config.max_tokens <= config.overhead_tokens()
            || config.pad_token_id as usize >= config.vocab_size
        {
            return Err("the model has no room for a text".to_owned());
        }
        Ok(config)
    }

    pub(super) fn prefixes(&self) -> Prefixes {
        if self.e5 {
            Prefixes {
                query: "query: ",
                passage: "passage: ",
            }
        } else {
            Prefixes {
                query: "",
                passage: "",
            }
        }
    }

    /// Tokens of `max_tokens` that are not the text's own.
    pub(super) fn overhead_tokens(&self) -> usize {
        MARKS + if self.e5 { PREFIX_TOKENS } else { 0 }
    }
}

/// Whether `e5` is a word of a model's name, as in `multilingual-e5-small`.
fn is_e5(name: &str) -> bool {
    name.to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "e5")
}

/// Reads a file that need not exist.
fn optional<T: Default + DeserializeOwned>(path: &Path) -> Result<T, String> {
    match std::fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.json"), config).unwrap();
        Config::read(directory.path())
    }

    fn bert(changes: &[(&str, serde_json::Value)]) -> String {
        let mut config = serde_json::json!({
            "model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
            "intermediate_size": 1536, "vocab_size": 30522, "max_position_embeddings": 512,
        });
        for (key, value) in changes {
            config[*key] = value.clone();
        }
        config.to_string()
    }

    #[test]
    fn roberta_positions_begin_after_the_padding() {
        let config = read(&bert(&[
            ("model_type", "xlm-roberta".into()),
            ("pad_token_id", 1.into()),
            ("max_position_embeddings", 514.into()),
        ]))
        .unwrap();
        assert_eq!((config.first_position, config.max_tokens), (2, 512));
    }

    #[test]
    fn only_e5_models_get_prefixes() {
        let config = read(&bert(&[(
            "_name_or_path",
            "intfloat/multilingual-e5-small".into(),
        )]))
        .unwrap();
        assert_eq!(
            (config.prefixes().query, config.prefixes().passage),
            ("query: ", "passage: ")
        );
        assert_eq!(
            read(&bert(&[("_name_or_path", "bge5-small".into())]))
                .unwrap()
                .prefixes()
                .query,
            ""
        );
    }

    #[test]
    fn models_that_would_be_computed_wrongly_are_refused() {
        for change in [
            ("model_type", "deberta-v2".into()),
            ("hidden_act", "silu".into()),
            ("position_embedding_type", "relative_key".into()),
            ("num_attention_heads", 16.into()),
            ("num_attention_heads", 0.into()),
            ("max_position_embeddings", 2.into()),
        ] {
            assert!(
                read(&bert(std::slice::from_ref(&change))).is_err(),
                "{change:?}"
            );
        }
    }
}
