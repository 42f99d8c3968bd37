//! The scripts in `lua/`, put together once: a verb, the libraries that its header names under `uses`, and a first line
//! that gives the keys named under `keys` short names.

use std::{collections::BTreeSet, sync::LazyLock};

/// One script, ready to be sent.
#[derive(Debug)]
pub(super) struct Script {
    /// The verb: the file's name.
    pub(super) name: &'static str,
    /// Which keys it takes, in this order.
    pub(super) keys: Vec<&'static str>,
    /// The text with its libraries, and how a server that has it knows it.
    pub(super) text: String,
    pub(super) hash: String,
}

const LIBRARIES: [(&str, &str); 4] = [
    ("base", include_str!("../../lua/lib/base.lua")),
    ("lanes", include_str!("../../lua/lib/lanes.lua")),
    ("jobs", include_str!("../../lua/lib/jobs.lua")),
    ("changes", include_str!("../../lua/lib/changes.lua")),
];

macro_rules! scripts {
    ($($constant:ident = $name:literal),* $(,)?) => {
        $(
            pub(super) static $constant: LazyLock<Script> = LazyLock::new(|| {
                Script::assemble($name, include_str!(concat!("../../lua/", $name, ".lua")))
            });
        )*
        #[cfg(test)]
        fn all() -> Vec<&'static Script> {
            vec![$(&*$constant),*]
        }
    };
}

scripts! {
    SUBMIT = "submit",
    FETCH = "fetch",
    FINISH = "finish",
    FORGET = "forget",
    RENEW = "renew",
    PROMOTE = "promote",
    RESCUE = "rescue",
    CANCEL = "cancel",
    RETRY = "retry",
    SNOOZE = "snooze",
    DELETE = "delete",
    PAYLOAD = "payload",
    PRUNE = "prune",
    GET = "get",
    STATS = "stats",
    RULE = "rule",
    EVENTS = "events",
    PAGE = "page",
    SETTLE = "settle",
    WATCH = "watch",
    PENDING = "pending",
    HORIZON = "horizon",
    SCOPES = "scopes",
    PLACEMENT = "placement",
    REPORT = "report",
    WORKERS = "workers",
}

impl Script {
    fn assemble(name: &'static str, verb: &'static str) -> Self {
        let mut wanted = BTreeSet::from(["base"]);
        let mut open: Vec<&str> = words(verb, "-- uses:").collect();
        while let Some(library) = open.pop() {
            if wanted.insert(library) {
                open.extend(words(library_text(library), "-- uses:"));
            }
        }
        let mut texts: Vec<&str> = LIBRARIES
            .iter()
            .filter(|(library, _)| wanted.contains(library))
            .map(|(_, text)| *text)
            .collect();
        texts.push(verb);
        let keys: BTreeSet<&'static str> = texts
            .iter()
            .flat_map(|text| words(text, "-- keys:"))
            .collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut text = String::new();
        for (n, key) in keys.iter().enumerate() {
            text.push_str(if n == 0 { "local " } else { ", " });
            text.push_str("k_");
            text.push_str(key);
        }
        for n in 1..=keys.len() {
            text.push_str(if n == 1 { " = " } else { ", " });
            text.push_str("KEYS[");
            text.push_str(&n.to_string());
            text.push(']');
        }
        for part in texts {
            text.push('\n');
            // Comments cost the server memory and us nothing.
            let code = part
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"));
            text.extend(code.flat_map(|line| [line, "\n"]));
        }
        Self {
            name,
            keys,
            hash: redis::Script::new(&text).get_hash().to_owned(),
            text,
        }
    }
}

fn library_text(name: &str) -> &'static str {
    LIBRARIES
        .iter()
        .find(|(library, _)| *library == name)
        .map_or("", |(_, text)| text)
}

fn words<'a>(text: &'a str, header: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(header))
        .flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_a_script_names_is_passed_to_it() {
        for script in all() {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let names = script.text.split(|c| !word(c));
            for name in names.filter_map(|name| name.strip_prefix("k_")) {
                assert!(script.keys.contains(&name), "{} uses k_{name}", script.name);
            }
        }
    }

    #[test]
    fn every_library_a_header_names_exists() {
        for (_, text) in LIBRARIES {
            for library in words(text, "-- uses:") {
                assert!(!library_text(library).is_empty(), "{library}");
            }
        }
    }
}
