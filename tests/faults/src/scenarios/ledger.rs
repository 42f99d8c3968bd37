//! The place of the scenarios that need the ledger in SQL, and of those parts of others. Until they are here, the table names
//! them as not covered.

/// What is not provoked yet, and why.
pub const NOT_YET: &[(&str, &str)] = &[
    (
        "13",
        "Redis restarts empty: workers of this harness do not run on the ledger yet; its own tests empty Redis under it (`jobs/queue/tests/ledger_faults.rs`)",
    ),
    (
        "14, second half",
        "submits that the ledger accepts while Redis is away",
    ),
    (
        "18, second half",
        "a failover without `wait_replicas`, made up for by the ledger",
    ),
    (
        "28, second half",
        "cron schedules and reconcilers; promotion and rescue are covered",
    ),
    (
        "9, parsers",
        "hostile documents have tests of their own (`tests/tests/hostile.rs`); here handlers panic and abort",
    ),
    (
        "8, by the kernel",
        "the process dies of a failed allocation (RLIMIT_AS); a container's OOM killer sends the kill -9 of 1",
    ),
    (
        "15, packets",
        "the black hole is a proxy that swallows bytes, not a firewall that drops packets",
    ),
    ("20–23, 34–40", "other parts of the system than the broker"),
];
