//! Where settings come from.

use std::path::{Path, PathBuf};

/// The name of the settings file that is used when it lies in the working directory.
const FILE_NAME: &str = "graphmill.toml";
/// Names the settings file; not a setting itself.
const FILE_VARIABLE: &str = "GRAPHMILL_CONFIG";
/// What a variable that sets something begins with.
pub(crate) const PREFIX: &str = "GRAPHMILL_";

/// The layers above `default.toml`, lowest first. The default has none.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// Variables whose names begin with `GRAPHMILL_`; others are ignored.
    pub environment: Vec<(String, String)>,
    /// Dotted keys with their values as text.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// Takes the process's environment and finds the settings file: `file` (from `--config`), else `GRAPHMILL_CONFIG`,
    /// else `graphmill.toml` if the working directory has one.
    pub fn from_environment(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let mut environment: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        environment.sort();
        let named = environment
            .iter()
            .position(|(name, _)| name == FILE_VARIABLE)
            .map(|at| PathBuf::from(environment.remove(at).1));
        let beside = Path::new(FILE_NAME);
        let file = file
            .or(named)
            .or_else(|| beside.exists().then(|| beside.to_owned()));
        Self {
            file,
            environment,
            flags,
        }
    }

    /// Adds a flag, which wins over every layer and every earlier flag.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.flags.push((key.into(), value.into()));
    }
}
