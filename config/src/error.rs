//! What can be wrong with settings. Every message names the key, and where its value came from.

use std::{fmt, io, path::PathBuf};

use crate::{Origin, layers::Place};

/// Why settings could not be loaded, or not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file given with `--config` is not there or not readable.
    #[error("cannot read the settings file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("`{}` is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// Keys or values are wrong: all of them.
    #[error("{}", list(.0))]
    Settings(Vec<Problem>),
    /// The setting is valid, but this build cannot do it.
    #[error("`{key} = \"{value}\"` is not supported by this build: {reason}")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is missing, and what to use.
        reason: &'static str,
    },
}

/// One wrong setting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no such key.
    Unknown {
        /// As it was written.
        key: String,
        /// By whom.
        origin: Origin,
        /// The nearest known key, or the first of the section that was named.
        suggestion: Option<String>,
    },
    /// The value is not of the key's kind, or outside its range.
    Invalid {
        /// The key.
        key: String,
        /// The value, as it was written.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What would be right: `expected …`.
        expected: String,
    },
    /// Two values that cannot both be meant.
    Conflict {
        /// The keys.
        keys: [&'static str; 2],
        /// The values and where they came from.
        places: [Place; 2],
        /// What holds between them, as a clause that follows their names.
        rule: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                key,
                origin,
                suggestion,
            } => {
                write!(f, "setting `{key}` ({origin}) is unknown")?;
                match suggestion {
                    Some(known) => write!(f, "; did you mean `{known}`?"),
                    None => Ok(()),
                }
            }
            Self::Invalid {
                key,
                value,
                origin,
                expected,
            } => {
                write!(f, "`{key} = {value}` ({origin}) is wrong: {expected}")
            }
            Self::Conflict {
                keys: [first, second],
                places: [one, other],
                rule,
            } => {
                write!(
                    f,
                    "`{first}` and `{second}` contradict each other: {rule}; `{first}` is {one}, `{second}` is {other}"
                )
            }
        }
    }
}

/// Joins problems: one stands alone, several are a list.
fn list(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => {
            let mut text = format!("{} settings are wrong:", many.len());
            for problem in many {
                text.push_str("\n  - ");
                text.push_str(&problem.to_string());
            }
            text
        }
    }
}

/// Settings that work, but hardly as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The keys it is about.
    pub keys: Vec<String>,
    /// What happens and what to do, naming the keys.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
