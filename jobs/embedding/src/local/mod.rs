//! Models that run in this process.
//!
//! The two built-in ones are part of the executable, so nothing is looked up or downloaded; their bytes are mapped, not
//! read, until the model is opened. An opened built-in model stays for the life of the process and is shared by all who
//! open it.

mod bert;
mod e5_enzh;
#[cfg(feature = "local-hf")]
mod hf;
mod npz;
mod quantised;
mod sentence;
mod use_enzh;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use self::{e5_enzh::E5Enzh, use_enzh::UseEnzh};
use crate::{EmbedError, Embedder};

static USE_ENZH: &[u8] = include_bytes!("../../models/use-enzh/use-enzh.npz");
static E5_ENZH: &[u8] = include_bytes!("../../models/e5-enzh/e5-enzh.safetensors");

/// Which model to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelChoice {
    /// `use-enzh-v3`: English and Chinese, 512 floats, more than ten times as fast as the accurate one.
    Fast,
    /// `e5-enzh-v1`: English and Chinese, 384 floats, retrieves far better.
    Accurate,
    /// A directory in Hugging Face layout (`config.json`, `tokenizer.json`, `model.safetensors`) with a model of the BERT
    /// family. Needs the cargo feature `local-hf`.
    HuggingFace(PathBuf),
}

/// Opens a model, or hands out the one that is open already.
///
/// # Errors
/// [`EmbedError::Load`] when the model's files are missing or not what they should be, or when the choice needs a
/// feature that was not built in.
pub fn open(model: &ModelChoice) -> Result<Arc<dyn Embedder>, EmbedError> {
    static FAST: Shared<UseEnzh> = Shared::new();
    static ACCURATE: Shared<E5Enzh> = Shared::new();
    match model {
        ModelChoice::Fast => Ok(FAST.get(|| UseEnzh::load(USE_ENZH))?),
        ModelChoice::Accurate => Ok(ACCURATE.get(|| E5Enzh::load(E5_ENZH))?),
        #[cfg(feature = "local-hf")]
        ModelChoice::HuggingFace(directory) => Ok(timed(|| hf::HuggingFace::load(directory))?),
        #[cfg(not(feature = "local-hf"))]
        ModelChoice::HuggingFace(directory) => Err(EmbedError::Load {
            model: directory.display().to_string(),
            reason: "this build has no support for model directories (cargo feature `local-hf`)"
                .to_owned(),
        }),
    }
}

/// A model that is loaded by whoever asks first, while others wait.
struct Shared<M>(Mutex<Option<Arc<M>>>);

impl<M: Embedder> Shared<M> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn get(&self, load: impl FnOnce() -> Result<M, EmbedError>) -> Result<Arc<M>, EmbedError> {
        // A panic while loading leaves nothing half done: the slot is written last.
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = &*slot {
            return Ok(Arc::clone(model));
        }
        let model = timed(load)?;
        *slot = Some(Arc::clone(&model));
        Ok(model)
    }
}

/// Loads a model and reports how long it took.
fn timed<M: Embedder>(load: impl FnOnce() -> Result<M, EmbedError>) -> Result<Arc<M>, EmbedError> {
    let start = Instant::now();
    let model = load()?;
    tracing::info!(
        model.id = model.id(),
        load_ms = start.elapsed().as_millis() as u64,
        "embedding model loaded"
    );
    Ok(Arc::new(model))
}
