//! What can go wrong between a caller and a broker.

/// The result of every broker verb.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a broker could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker's storage does not answer; the same call may succeed later.
    #[error("the job store does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage holds something that this version cannot read.
    #[error("the job store holds a value that cannot be read: {0}")]
    Corrupt(String),
    /// Another process has the embedded store open.
    #[error("`{path}` is in use by another graphmill process; stop it, or set another `data_dir`")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// The call itself is wrong; repeating it cannot help.
    #[error("{0}")]
    Invalid(String),
    /// There is no such job (it never was, or it was pruned).
    #[error("job `{0}` does not exist; it may have been pruned")]
    NotFound(crate::JobId),
    /// The job is in a state that does not allow this.
    #[error("job `{id}` is {state}, which does not allow `{verb}`")]
    Conflict {
        /// The job.
        id: crate::JobId,
        /// Its present state.
        state: crate::JobState,
        /// What was asked.
        verb: &'static str,
    },
}

impl Error {
    /// Tells whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns a stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "store.unavailable",
            Self::Corrupt(_) => "store.corrupt",
            Self::Locked { .. } => "store.locked",
            Self::Invalid(_) => "job.invalid",
            Self::NotFound(_) => "job.not_found",
            Self::Conflict { .. } => "job.conflict",
        }
    }

    /// Returns the same error for another caller whose request went with the one that failed.
    pub(crate) fn repeat(&self) -> Self {
        match self {
            Self::Unavailable(source) => Self::Unavailable(source.to_string().into()),
            Self::Corrupt(message) => Self::Corrupt(message.clone()),
            Self::Locked { path } => Self::Locked { path: path.clone() },
            Self::Invalid(message) => Self::Invalid(message.clone()),
            Self::NotFound(id) => Self::NotFound(*id),
            Self::Conflict { id, state, verb } => Self::Conflict {
                id: *id,
                state: *state,
                verb,
            },
        }
    }
}
