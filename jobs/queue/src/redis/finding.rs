//! What was found when a server was looked at.

use serde::Serialize;

/// The code of a server that is not there: it may come.
pub(super) const AWAY: &str = "redis.away";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but hardly as meant.
    Warning,
    /// Does not work, or loses jobs.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable and dotted: `redis.eviction`.
    pub code: &'static str,
    /// What is the case.
    pub message: String,
    /// What to change; `None` where nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// Says that something is as it should be.
    pub fn ok(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Ok,
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Says that something works, but hardly as meant.
    pub fn warning(
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            code,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Says that something does not work, or loses jobs.
    pub fn error(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            ..Self::warning(code, message, hint)
        }
    }

    /// Tells whether waiting may help: the server is not there, or not yet.
    pub fn is_away(&self) -> bool {
        self.code == AWAY
    }
}
