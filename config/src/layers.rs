//! One value a key out of four layers, each remembering where it came from.
//!
//! Layers are flat maps from dotted keys: merging is inserting. The keys of `default.toml` (and of its optional,
//! commented-out settings) are the known ones. `worker.queues` is open: below it any queue name is a key.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use toml::{Table, Value, de::DeTable};

use crate::{
    Config, ConfigError, DEFAULT_TOML, Problem, SecretUrl, Sources, Warning, compat::APALIS_REDIS,
    sources::PREFIX,
};

/// Settings without a default; commented out in `default.toml`.
pub(crate) const OPTIONAL_KEYS: [&str; 3] = [APALIS_REDIS, "embedding.path", "redis.url"];
/// The section whose keys are names of queues.
const QUEUES: &str = "worker.queues";
/// How unlike a known key may be to be suggested: 1 is equal.
const SUGGESTION_LIKENESS: f64 = 0.7;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The embedded `default.toml`.
    Default,
    /// A settings file, with the line of the key, from 1.
    File(PathBuf, usize),
    /// A variable.
    Environment(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A key with its value and where that came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Dotted: `queue.lease`.
    pub key: String,
    /// As it was written; passwords in URLs are hidden.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

/// A value with its origin, as an error shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// As it was written.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin)
    }
}

/// All layers, merged.
pub(crate) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
    defaults: BTreeMap<String, Value>,
    unknown: Vec<Problem>,
}

impl Layers {
    /// Merges `default.toml` and the sources; unknown keys are remembered as problems.
    pub(crate) fn collect(sources: Sources) -> Result<Self, ConfigError> {
        let mut defaults = BTreeMap::new();
        flatten("", default_table(), &mut defaults);
        let values = defaults
            .iter()
            .map(|(key, value)| (key.clone(), (value.clone(), Origin::Default)))
            .collect();
        let mut layers = Self {
            values,
            defaults,
            unknown: Vec::new(),
        };
        if let Some(path) = sources.file {
            layers.add_file(path)?;
        }
        for (variable, text) in sources.environment {
            layers.add_variable(variable, &text);
        }
        for (key, text) in sources.flags {
            layers.add_text(&key, &text, Origin::Flag);
        }
        Ok(layers)
    }

    fn add_file(&mut self, path: PathBuf) -> Result<(), ConfigError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                return Err(ConfigError::Syntax {
                    message: error.to_string().trim_end().to_owned(),
                    path,
                });
            }
        };
        let lines = lines_of_keys(&text);
        let mut leaves = BTreeMap::new();
        flatten("", table, &mut leaves);
        for (key, value) in leaves {
            let line = lines.get(&key).copied().unwrap_or(1);
            self.set(key, value, Origin::File(path.clone(), line));
        }
        Ok(())
    }

    fn add_variable(&mut self, variable: String, text: &str) {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            return;
        };
        if let Some(key) = self.key_of_variable(name) {
            self.add_text(&key, text, Origin::Environment(variable));
            return;
        }
        let suggestion = self
            .nearest(&name.to_ascii_lowercase())
            .map(|key| variable_of_key(&key));
        let origin = Origin::Environment(variable.clone());
        self.unknown.push(Problem::Unknown {
            key: variable,
            origin,
            suggestion,
        });
    }

    /// Finds the key whose dots became underscores. Several keys never share a variable: a test checks.
    fn key_of_variable(&self, name: &str) -> Option<String> {
        let exact = self
            .known_keys()
            .find(|key| variable_of_key(key)[PREFIX.len()..] == *name);
        let queue = || {
            let queue = name
                .strip_prefix("WORKER_QUEUES_")
                .filter(|queue| !queue.is_empty())?;
            Some(format!("{QUEUES}.{}", queue.to_ascii_lowercase()))
        };
        let queues = || (name == "WORKER_QUEUES").then(|| QUEUES.to_owned());
        exact.map(str::to_owned).or_else(queue).or_else(queues)
    }

    /// Sets a key from text, which becomes a TOML value of the default's type where it can be read as one. Where not,
    /// it stays text, and the key's own type says what is wrong with it.
    fn add_text(&mut self, key: &str, text: &str, origin: Origin) {
        if key == QUEUES {
            // `documents=2,graph=1`, as on a command line.
            for entry in text
                .split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
            {
                let (queue, slots) = entry.split_once('=').unwrap_or((entry, ""));
                self.add_text(
                    &format!("{QUEUES}.{}", queue.trim()),
                    slots.trim(),
                    origin.clone(),
                );
            }
            return;
        }
        let value = match self.defaults.get(key) {
            Some(Value::Integer(_)) => text.replace('_', "").parse().map(Value::Integer).ok(),
            Some(Value::Float(_)) => text.parse().map(Value::Float).ok(),
            Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).ok(),
            _ => None,
        };
        self.set(
            key.to_owned(),
            value.unwrap_or_else(|| Value::String(text.to_owned())),
            origin,
        );
    }

    fn set(&mut self, key: String, value: Value, origin: Origin) {
        let known = self.known_keys().any(|known| known == key)
            || key
                .strip_prefix(QUEUES)
                .is_some_and(|queue| is_queue_name(queue.trim_start_matches('.')));
        if known {
            self.values.insert(key, (value, origin));
        } else {
            let suggestion = self.nearest(&key);
            self.unknown.push(Problem::Unknown {
                key,
                origin,
                suggestion,
            });
        }
    }

    fn known_keys(&self) -> impl Iterator<Item = &str> {
        self.defaults
            .keys()
            .map(String::as_str)
            .chain(OPTIONAL_KEYS)
    }

    /// Returns the known key that was probably meant: one of the section that was named, one with the same last word,
    /// or the one that looks most like it.
    fn nearest(&self, written: &str) -> Option<String> {
        let section = format!("{written}.");
        if let Some(first) = self.known_keys().find(|key| key.starts_with(&section)) {
            return Some(first.to_owned());
        }
        let last_word = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        if let Some(same) = self
            .known_keys()
            .find(|key| last_word(key) == last_word(written))
        {
            return Some(same.to_owned());
        }
        let likeness = |key: &str| {
            strsim::normalized_damerau_levenshtein(
                &key.replace('.', "_"),
                &written.replace('.', "_"),
            )
            .max(
                0.95 * strsim::normalized_damerau_levenshtein(&last_word(key), &last_word(written)),
            )
        };
        self.known_keys()
            .map(|key| (likeness(key), key))
            .filter(|(likeness, _)| *likeness >= SUGGESTION_LIKENESS)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, key)| key.to_owned())
    }

    /// Reads the merged values into types. A value that cannot be read becomes a problem and is replaced by the
    /// default, so that the next one is found too.
    pub(crate) fn read(&self) -> (Config, Vec<Problem>) {
        let mut problems = self.unknown.clone();
        let mut values: BTreeMap<_, _> = self
            .values
            .iter()
            .map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect();
        loop {
            let error = match serde_path_to_error::deserialize(Value::Table(nest(&values))) {
                Ok(config) => return (config, problems),
                Err(error) => error,
            };
            let path = error.path().to_string();
            // An array is one setting, and the place within it part of what is wrong.
            let (key, within) = path.split_at(path.find('[').unwrap_or(path.len()));
            let key = key.to_owned();
            let mut expected = expected(&error.into_inner().to_string());
            if !within.is_empty() {
                expected = format!("in {within}: {expected}");
            }
            match self.defaults.get(&key) {
                Some(default) => values.insert(key.clone(), default.clone()),
                None => values.remove(&key),
            };
            let (value, origin) = self
                .values
                .get(&key)
                .expect("serde only fails on keys that were given");
            problems.push(Problem::Invalid {
                value: shown(value),
                origin: origin.clone(),
                key,
                expected,
            });
        }
    }

    /// Warns of queues that are none of graphmill's: possible, but perhaps a misspelling.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let known = |key: &&String| !self.defaults.contains_key(*key);
        self.values
            .keys()
            .filter(|key| key.starts_with(QUEUES))
            .filter(known)
            .map(|key| {
                let queue = key.rsplit('.').next().unwrap_or_default();
                Warning {
                    keys: vec![key.clone()],
                    message: format!(
                        "`{key}`: no job of graphmill itself waits in a queue named `{queue}`"
                    ),
                }
            })
            .collect()
    }

    /// Fills in where the values of a problem came from; validation sees only the typed values.
    pub(crate) fn place(&self, problem: Problem) -> Problem {
        let find = |key: &str| {
            let (value, origin) = self
                .values
                .get(key)
                .expect("validation names keys that exist");
            Place {
                value: shown(value),
                origin: origin.clone(),
            }
        };
        match problem {
            Problem::Invalid {
                key,
                expected,
                value,
                ..
            } if value.is_empty() => {
                let place = find(&key);
                Problem::Invalid {
                    key,
                    value: place.value,
                    origin: place.origin,
                    expected,
                }
            }
            Problem::Conflict { keys, rule, .. } => Problem::Conflict {
                keys,
                places: keys.map(find),
                rule,
            },
            placed => placed,
        }
    }

    pub(crate) fn into_settings(self) -> Vec<Setting> {
        self.values
            .into_iter()
            .map(|(key, (value, origin))| Setting {
                value: masked(&key, value),
                key,
                origin,
            })
            .collect()
    }
}

fn default_table() -> Table {
    DEFAULT_TOML.parse().expect("a test parses default.toml")
}

fn is_queue_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn variable_of_key(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Adds the leaves of a table by their dotted keys. Arrays are leaves.
fn flatten(prefix: &str, table: Table, leaves: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = join(prefix, &name);
        match value {
            Value::Table(inner) => flatten(&key, inner, leaves),
            leaf => {
                leaves.insert(key, leaf);
            }
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// The reverse of [`flatten`].
fn nest(leaves: &BTreeMap<String, Value>) -> Table {
    let mut root = Table::new();
    for (key, value) in leaves {
        let mut table = &mut root;
        let mut names = key.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                table.insert(name.to_owned(), value.clone());
                break;
            }
            let inner = table
                .entry(name)
                .or_insert_with(|| Value::Table(Table::new()));
            table = inner
                .as_table_mut()
                .expect("no known key is the section of another");
        }
    }
    root
}

/// Returns the line of each key, from 1. The text is valid TOML already.
fn lines_of_keys(text: &str) -> BTreeMap<String, usize> {
    fn walk(prefix: &str, table: &DeTable<'_>, text: &str, lines: &mut BTreeMap<String, usize>) {
        for (name, value) in table {
            let key = join(prefix, name.get_ref());
            let before = text.get(..name.span().start).unwrap_or_default();
            lines.insert(key.clone(), before.matches('\n').count() + 1);
            if let Some(inner) = value.get_ref().as_table() {
                walk(&key, inner, text, lines);
            }
        }
    }
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        walk("", table.get_ref(), text, &mut lines);
    }
    lines
}

/// Keeps of a message of serde what would be right: "unknown variant `x`, expected one of …" loses the first part.
fn expected(message: &str) -> String {
    // What follows the first line names the key, which the problem does already.
    let message = message.lines().next().unwrap_or_default();
    match message.find("expected") {
        Some(at) => message[at..].to_owned(),
        None => message.to_owned(),
    }
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", SecretUrl::new(text)),
        other => masked("", other.clone()).to_string(),
    }
}

fn masked(key: &str, value: Value) -> Value {
    match value {
        Value::String(text) if key.ends_with("url") => {
            Value::String(SecretUrl::new(text).to_string())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| masked(key, item)).collect())
        }
        Value::Table(fields) => fields
            .into_iter()
            .map(|(name, field)| {
                let field = masked(&name, field);
                (name, field)
            })
            .collect::<Table>()
            .into(),
        other => other,
    }
}
