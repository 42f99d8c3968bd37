//! The weights of the Chinese tagger, unpacked once into the layout that the matrix products want.
//!
//! The file keeps the embedding as int8 with one scale a row and everything else as f16. In memory all is f32, and every
//! weight matrix is transposed to `[in, out]`, so that a batch of rows times a matrix is one product.

use std::collections::HashMap;
use std::sync::LazyLock;

use half::f16;
use safetensors::{Dtype, SafeTensors};

use crate::error::LoadError;

/// Width of the character embedding.
pub(super) const EMBED: usize = 128;
/// Width of one GRU direction.
pub(super) const HIDDEN: usize = 128;
/// The three gates of a GRU: update, reset, candidate.
pub(super) const GATES: usize = 3 * HIDDEN;

static FILE: &[u8] = include_bytes!("../../../models/lac-zh/lac-zh.safetensors");

/// Full-width, traditional and variant characters → the form the model was trained on.
static FOLD: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    metadata("q2b")
        .and_then(|text| {
            let pairs: HashMap<char, char> = parse("q2b", &text)?;
            Ok(pairs)
        })
        .expect("the character table is compiled in and tested")
});

/// Returns the simplified, half-width form of a character; most are their own.
pub(crate) fn fold_char(c: char) -> char {
    FOLD.get(&c).copied().unwrap_or(c)
}

/// One direction of a GRU layer.
pub(super) struct Direction {
    /// `[HIDDEN, GATES]`.
    pub(super) recurrent: Vec<f32>,
    /// Added to the candidate's recurrent product, inside the reset gate. `[HIDDEN]`.
    pub(super) candidate_bias: Vec<f32>,
}

/// One bidirectional GRU layer.
pub(super) struct Layer {
    /// Input weights of both directions side by side: `[in, 2 * GATES]`.
    pub(super) input: Vec<f32>,
    /// All biases that are added outside the reset gate: `[2 * GATES]`.
    pub(super) input_bias: Vec<f32>,
    /// Forward, backward.
    pub(super) directions: [Direction; 2],
}

/// The whole network.
pub(super) struct Model {
    vocabulary: HashMap<char, u32>,
    unknown: u32,
    embedding: Vec<i8>,
    embedding_scale: Vec<f32>,
    pub(super) layers: [Layer; 2],
    /// `[2 * HIDDEN, tags]` and `[tags]`.
    pub(super) output: Vec<f32>,
    pub(super) output_bias: Vec<f32>,
    /// Scores of `[from, to]`.
    pub(super) transitions: Vec<f32>,
    /// `PER-B`, `PER-I`, …
    pub(super) tags: Vec<String>,
}

impl Model {
    /// Unpacks the model that is compiled into the crate.
    ///
    /// # Errors
    /// [`LoadError`] when a tensor is missing or has another shape.
    pub(super) fn load() -> Result<Self, LoadError> {
        let tensors =
            SafeTensors::deserialize(FILE).map_err(|source| LoadError::Tensors { source })?;
        let words: Vec<String> = parse("vocab", &metadata("vocab")?)?;
        let tags: Vec<String> = parse("tags", &metadata("tags")?)?;
        let vocabulary = words
            .iter()
            .enumerate()
            .filter_map(|(id, word)| Some((single_char(word)?, id as u32)))
            .collect();
        let rows = words.len();
        let embedding = bytes(&tensors, "emb", Dtype::I8, rows * EMBED)?
            .iter()
            .map(|&b| b.cast_signed())
            .collect();
        let count = tags.len();
        Ok(Self {
            vocabulary,
            unknown: words.iter().position(|w| w == "OOV").unwrap_or(rows - 1) as u32,
            embedding,
            embedding_scale: floats(&tensors, "emb_scale", rows)?,
            layers: [
                layer(&tensors, "g0", EMBED)?,
                layer(&tensors, "g1", 2 * HIDDEN)?,
            ],
            output: floats(&tensors, "lin.W", 2 * HIDDEN * count)?,
            output_bias: floats(&tensors, "lin.b", count)?,
            transitions: floats(&tensors, "crf", count * count)?,
            tags,
        })
    }

    /// Returns the embedding row of a character.
    pub(super) fn id(&self, c: char) -> u32 {
        self.vocabulary
            .get(&fold_char(c))
            .copied()
            .unwrap_or(self.unknown)
    }

    /// Appends the embedding of row `id`.
    pub(super) fn embed_into(&self, id: u32, out: &mut Vec<f32>) {
        let id = id as usize;
        let scale = self.embedding_scale[id];
        out.extend(
            self.embedding[id * EMBED..(id + 1) * EMBED]
                .iter()
                .map(|&code| f32::from(code) * scale),
        );
    }
}

fn single_char(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn layer(tensors: &SafeTensors<'_>, name: &'static str, width: usize) -> Result<Layer, LoadError> {
    let weights = floats(tensors, &format!("{name}.W"), 2 * GATES * width)?;
    let recurrent = floats(tensors, &format!("{name}.R"), 2 * GATES * HIDDEN)?;
    // For each direction the biases of the input product, then those of the recurrent product.
    let biases = floats(tensors, &format!("{name}.B"), 2 * 2 * GATES)?;
    let mut input_bias = Vec::with_capacity(2 * GATES);
    for direction in biases.chunks_exact(2 * GATES) {
        let (of_input, of_state) = direction.split_at(GATES);
        // The candidate's recurrent bias is scaled by the reset gate, therefore it stays apart.
        input_bias.extend(
            (0..GATES).map(|i| of_input[i] + if i < 2 * HIDDEN { of_state[i] } else { 0.0 }),
        );
    }
    let direction = |d: usize| Direction {
        recurrent: transpose(
            &recurrent[d * GATES * HIDDEN..(d + 1) * GATES * HIDDEN],
            GATES,
            HIDDEN,
        ),
        candidate_bias: biases[(2 * d + 1) * GATES + 2 * HIDDEN..(2 * d + 2) * GATES].to_vec(),
    };
    Ok(Layer {
        input: transpose(&weights, 2 * GATES, width),
        input_bias,
        directions: [direction(0), direction(1)],
    })
}

fn transpose(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c]))
        .collect()
}

fn floats(tensors: &SafeTensors<'_>, name: &str, count: usize) -> Result<Vec<f32>, LoadError> {
    let view = tensors
        .tensor(name)
        .map_err(|source| LoadError::Tensors { source })?;
    match view.dtype() {
        Dtype::F32 => Ok(bytes(tensors, name, Dtype::F32, count * 4)?
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()),
        _ => Ok(bytes(tensors, name, Dtype::F16, count * 2)?
            .chunks_exact(2)
            .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect()),
    }
}

fn bytes<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    size: usize,
) -> Result<&'a [u8], LoadError> {
    let view = tensors
        .tensor(name)
        .map_err(|source| LoadError::Tensors { source })?;
    if view.dtype() != dtype || view.data().len() != size {
        return Err(LoadError::Shape {
            name: name.to_owned(),
            size,
            found: view.data().len(),
        });
    }
    Ok(view.data())
}

fn metadata(key: &'static str) -> Result<String, LoadError> {
    let (_, header) =
        SafeTensors::read_metadata(FILE).map_err(|source| LoadError::Tensors { source })?;
    header
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(key).cloned())
        .ok_or(LoadError::Metadata { key })
}

fn parse<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|source| LoadError::Json { file, source })
}
