//! The keys of a queue: the one place where a key is spelled. What each holds is written above the scripts in `lua/`.
//!
//! `<prefix>:{<queue>}:<name>`: the braces make Redis Cluster keep all keys of a queue in one slot. Five keys belong to
//! the installation and not to a queue: the set of queues, the pauses and limits that new queues take over, how far events
//! were read, the workers, and whose keys these are.

/// Names of the keys of one queue, as the scripts call them.
pub(super) const NAMES: [&str; 30] = [
    "spec",
    "state",
    "lanes",
    "ready",
    "ring",
    "waits",
    "wake",
    "running",
    "leases",
    "due",
    "kill",
    "completed",
    "cancelled",
    "dead",
    "counts",
    "meta",
    "events",
    "unique",
    "unique_expiry",
    "deps",
    "pending",
    "outbox",
    "errors",
    "results",
    "checkpoints",
    "progress",
    "log",
    "old",
    "rules",
    "buckets",
];

/// Returns the key `name` of a queue.
pub(super) fn queue_key(prefix: &str, queue: &str, name: &str) -> String {
    debug_assert!(NAMES.contains(&name), "{name} is not a key of a queue");
    format!("{prefix}:{{{queue}}}:{name}")
}

/// HASH of the queues that have or had jobs: name → number, and under [`QUEUE_COUNTER`] the largest number.
pub(super) fn queues_key(prefix: &str) -> String {
    format!("{prefix}:queues")
}

/// No queue has this name: see [`check_queue`].
pub(super) const QUEUE_COUNTER: &str = "{}";

/// STRING: the id of the system that these keys belong to.
pub(super) fn owner_key(prefix: &str) -> String {
    format!("{prefix}:owner")
}

/// HASH of the pauses and limits of kinds and tenants, which hold in every queue.
pub(super) fn rules_key(prefix: &str) -> String {
    format!("{prefix}:rules")
}

/// The ms before which events were read.
pub(super) fn horizon_key(prefix: &str) -> String {
    format!("{prefix}:horizon")
}

/// HASH of the workers and what they say of themselves.
pub(super) fn workers_key(prefix: &str) -> String {
    format!("{prefix}:workers")
}

/// Says why a queue's name cannot be part of a key.
pub(super) fn check_queue(queue: &str) -> Result<(), String> {
    match queue.chars().find(|c| c.is_control() || "{}".contains(*c)) {
        Some(c) => Err(format!(
            "queue `{}` has the character {c:?}; names of queues have no braces and no control characters",
            queue.escape_debug()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_queue_share_one_hash_tag() {
        for name in NAMES {
            assert_eq!(
                queue_key("gm", "documents", name),
                format!("gm:{{documents}}:{name}")
            );
        }
    }

    #[test]
    fn names_that_would_break_the_hash_tag_are_refused() {
        assert!(check_queue("documents.high-1").is_ok());
        assert!(check_queue("文档").is_ok());
        for bad in ["}", "a{b", "a\nb"] {
            assert!(check_queue(bad).is_err(), "{bad}");
        }
    }
}
