//! How values are written: durations, sizes, whole numbers, `auto`, URLs that may carry a password.
//!
//! The modules are for `#[serde(with = "…")]`. Each accepts the TOML type and the same value as text, because the
//! environment and flags know only text, and each says in its error what would be right: the caller adds the key.

use std::{fmt, num::NonZeroUsize, thread};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A value of any type, as far as a setting can have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Raw {
    Whole(i64),
    Fraction(f64),
    Text(String),
    Other(toml::Value),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Fraction(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Other(value) => value.fmt(f),
        }
    }
}

impl Raw {
    /// Returns the text, or refuses with what would be right.
    fn text<E: serde::de::Error>(self, expected: &str) -> Result<String, E> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(E::custom(expected)),
        }
    }

    /// Returns the number, also when it is written as text, with `_` between digits.
    fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => u64::try_from(*number).ok(),
            Self::Text(text) => text.replace('_', "").parse().ok(),
            Self::Fraction(_) | Self::Other(_) => None,
        }
    }
}

/// Durations: `250ms`, `15s`, `1h 30m`, `30d`.
pub(crate) mod duration {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, Raw, Serializer};

    const EXPECTED: &str =
        "expected a duration with its unit, such as `250ms`, `15s`, `5m` or `30d`";

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = Raw::deserialize(deserializer)?.text(EXPECTED)?;
        humantime::parse_duration(&text).map_err(|_| serde::de::Error::custom(EXPECTED))
    }

    pub(crate) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }
}

/// Sizes in bytes: `64KiB`, `256MiB`, `2GiB`, `100MB`.
pub(crate) mod size {
    use bytesize::ByteSize;

    use super::{Deserialize, Deserializer, Raw, Serializer};

    const EXPECTED: &str =
        "expected a size with its unit, such as `64KiB`, `256MiB`, `2GiB` or `512B`";

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ByteSize, D::Error> {
        let text = Raw::deserialize(deserializer)?.text(EXPECTED)?;
        parse(&text).ok_or_else(|| serde::de::Error::custom(EXPECTED))
    }

    /// Parses a size. A bare number is refused: nobody can tell bytes from mebibytes in `256`.
    fn parse(text: &str) -> Option<ByteSize> {
        let unit = text.trim().chars().next_back()?;
        unit.eq_ignore_ascii_case(&'b').then(|| text.parse().ok())?
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(crate) fn serialize<S: Serializer>(
        value: &ByteSize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
}

/// Whole numbers from 0 of any integer type.
pub(crate) mod whole {
    use super::{Deserialize, Deserializer, Raw, Serialize, Serializer};

    const EXPECTED: &str = "expected a whole number, such as `4` or `20_000`";

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<u64>,
    {
        let number = Raw::deserialize(deserializer)?.whole();
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| serde::de::Error::custom(EXPECTED))
    }

    pub(crate) fn serialize<S: Serializer, T: Serialize>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

/// Numbers with a fraction.
pub(crate) mod fraction {
    use super::{Deserialize, Deserializer, Raw, Serializer};

    const EXPECTED: &str = "expected a number, such as `0.3`";

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let number = match Raw::deserialize(deserializer)? {
            Raw::Whole(number) => Some(number as f64),
            Raw::Fraction(number) => Some(number),
            Raw::Text(text) => text.parse().ok(),
            Raw::Other(_) => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| serde::de::Error::custom(EXPECTED))
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*value)
    }
}

/// An address with a port. `localhost` is taken as `127.0.0.1`, so that one name never means two sockets.
pub(crate) mod socket {
    use std::net::SocketAddr;

    use super::{Deserialize, Deserializer, Raw, Serializer};

    const EXPECTED: &str =
        "expected an address with a port, such as `127.0.0.1:8080` or `[::1]:8080`";

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SocketAddr, D::Error> {
        let text = Raw::deserialize(deserializer)?.text(EXPECTED)?;
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text,
        };
        numeric
            .parse()
            .map_err(|_| serde::de::Error::custom(EXPECTED))
    }

    pub(crate) fn serialize<S: Serializer>(
        value: &SocketAddr,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
}

/// A number of threads, processes or slots that follows the machine unless it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auto {
    /// `"auto"`: the number of cores this process may use.
    Cores,
    /// So many.
    Count(usize),
}

impl Auto {
    /// Returns the number: `auto` is the number of cores this process may use, at least 1.
    pub fn get(self) -> usize {
        match self {
            Self::Cores => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            Self::Count(count) => count,
        }
    }
}

impl fmt::Display for Auto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cores => f.write_str("auto"),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl Serialize for Auto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cores => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Auto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer)?;
        if matches!(&raw, Raw::Text(text) if text == "auto") {
            return Ok(Self::Cores);
        }
        raw.whole()
            .map(|count| Self::Count(count as usize))
            .ok_or_else(|| D::Error::custom("expected a whole number or `auto`"))
    }
}

/// A URL that may carry a password: it is printed, logged and serialised with `***` in the password's place.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes a URL as it was written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Returns the URL with its password. Only for the code that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what stands before the first `:`, or nothing.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// Returns what follows `scheme:`, without the `//` that may begin it.
    pub(crate) fn path(&self) -> &str {
        let rest = self
            .0
            .split_once(':')
            .map_or(self.0.as_str(), |(_, rest)| rest);
        rest.strip_prefix("//").unwrap_or(rest)
    }

    /// Returns the URL with the password in its authority and the values of its query hidden: queries carry access
    /// keys, and a list of the names that matter would miss one.
    fn masked(&self) -> String {
        let (before_query, query) = match self.0.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (self.0.as_str(), None),
        };
        let mut masked = mask_authority(before_query);
        if let Some(query) = query {
            let names: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, _)) => format!("{name}=***"),
                    None => "***".to_owned(),
                })
                .collect();
            masked.push('?');
            masked.push_str(&names.join("&"));
        }
        masked
    }
}

/// Replaces the password of `scheme://user:password@host/path`.
fn mask_authority(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // The last `@`: a password that was not percent-encoded may contain one.
    let Some((credentials, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    match credentials.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
        None => format!("{scheme}://***@{host}"),
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Raw::deserialize(deserializer)?.text("expected a URL")?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_query_values_are_hidden_wherever_a_url_is_printed() {
        for (url, shown) in [
            ("sqlite:", "sqlite:"),
            ("file:blobs", "file:blobs"),
            ("redis://cache:6379/0", "redis://cache:6379/0"),
            ("postgres://me:pass@db/graph", "postgres://me:***@db/graph"),
            ("postgres://me:p@ss@db/graph", "postgres://me:***@db/graph"),
            ("redis://token@db", "redis://***@db"),
            (
                "s3://bucket?secret_access_key=abc&x",
                "s3://bucket?secret_access_key=***&***",
            ),
        ] {
            let url = SecretUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
        }
    }

    #[test]
    fn auto_is_at_least_one_core() {
        assert!(Auto::Cores.get() >= 1);
        assert_eq!(Auto::Count(7).get(), 7);
    }

    #[test]
    fn a_size_needs_its_unit() {
        #[derive(Debug, Deserialize)]
        struct Limits {
            #[serde(with = "size")]
            max: bytesize::ByteSize,
        }
        let read = |text: &str| toml::from_str::<Limits>(&format!("max = {text}"));
        assert_eq!(read("\"64KiB\"").unwrap().max.as_u64(), 65_536);
        assert_eq!(read("\"1 MB\"").unwrap().max.as_u64(), 1_000_000);
        for wrong in ["64", "\"64\"", "\"64K\"", "\"KiB\"", "true"] {
            let message = read(wrong).unwrap_err().to_string();
            assert!(
                message.contains("expected a size with its unit"),
                "{wrong}: {message}"
            );
        }
    }
}
