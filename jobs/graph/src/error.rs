//! Why the models could not be read.

/// The models are compiled in, therefore each of these means a broken build.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The tensor file is damaged, or a tensor is missing.
    #[error("cannot read the Chinese model")]
    Tensors {
        /// What the reader says.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A tensor has another type or size than the network needs.
    #[error("tensor `{name}` of the Chinese model has {found} bytes; expected {size}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Bytes that the network needs.
        size: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// An entry of the file's header is missing.
    #[error("the Chinese model has no metadata `{key}`")]
    Metadata {
        /// Name of the entry.
        key: &'static str,
    },
    /// A table is no valid JSON of its kind.
    #[error("cannot read the table `{file}`")]
    Json {
        /// Which table.
        file: &'static str,
        /// What the reader says.
        #[source]
        source: serde_json::Error,
    },
}
