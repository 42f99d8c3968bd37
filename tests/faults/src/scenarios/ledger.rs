//! The place of the scenarios that need the ledger in SQL. Until it is there, the report names them as not covered.

/// What is not provoked yet, and why.
pub const NOT_YET: &[(&str, &str)] = &[
    (
        "13",
        "Redis restarts empty: needs the ledger and its reconciler",
    ),
    (
        "14, second half",
        "submits accepted by the ledger while Redis is away",
    ),
    (
        "18, second half",
        "failover without `wait_replicas`, made up for by the ledger",
    ),
    (
        "28, second half",
        "cron schedules and reconcilers, of which there are none yet; promotion and rescue are covered",
    ),
    (
        "9, parsers",
        "hostile documents have their own tests (`tests/tests/hostile.rs`); here handlers panic and abort",
    ),
    (
        "8, by the kernel",
        "the process dies of a failed allocation (RLIMIT_AS); a container's OOM killer sends the same kill -9 as in 1",
    ),
    (
        "15, packets",
        "the black hole is a proxy that swallows bytes, not a firewall that drops packets",
    ),
    ("20–23, 34–40", "other parts of the system than the broker"),
];
