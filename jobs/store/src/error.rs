//! What can go wrong in a store.

/// The result of every store call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The storage does not answer, is locked or is full; the same call may succeed later.
    #[error("the store does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No room is left on the device; the same call may succeed when there is.
    #[error("no space is left in `{0}`; free some, or move `data_dir`")]
    Full(String),
    /// The storage holds something that this version cannot read.
    #[error("the store is damaged: {0}; restore it from a backup, or rebuild it from the blobs")]
    Corrupt(String),
    /// The lease under which this write ran is somebody else's now: stop, nothing was written.
    #[error("the lease on this stage was lost")]
    Fenced,
    /// A newer version of the document exists, or it is being deleted: this version's work is void.
    #[error("the document has a newer version, or was deleted")]
    Superseded,
    /// There is no such thing.
    #[error("{what} `{id}` does not exist")]
    NotFound {
        /// `document`, `blob`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The call itself is wrong; repeating it cannot help.
    #[error("{0}")]
    Invalid(String),
    /// A blob's bytes do not have the hash they are kept under.
    #[error("blob `{0}` is damaged: its bytes do not have its hash")]
    BlobDamaged(String),
}

impl Error {
    /// Tells whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }

    /// Returns the stable code shown to clients and kept with failed stages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "store.unavailable",
            Self::Full(_) => "store.full",
            Self::Corrupt(_) => "store.corrupt",
            Self::Fenced => "store.fenced",
            Self::Superseded => "store.superseded",
            Self::NotFound { .. } => "store.not_found",
            Self::Invalid(_) => "store.invalid",
            Self::BlobDamaged(_) => "store.blob_damaged",
        }
    }
}
