//! What the types cannot say: ranges, and settings that contradict each other.

use std::{fmt::Display, time::Duration};

use bytesize::ByteSize;

use crate::{
    Auto, Config, ConfigError, Durability, EmbeddingModel, Origin, Problem, Profile, Warning,
    compat,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);

/// Checks ranges first, then what holds between settings; problems and warnings are added in the order of
/// `default.toml`.
pub(crate) fn check(config: &Config, problems: &mut Vec<Problem>, warnings: &mut Vec<Warning>) {
    let mut findings = Findings { problems, warnings };
    check_ranges(config, &mut findings);
    check_urls(config, &mut findings);
    check_redis(config, &mut findings);
    check_compat(config, &mut findings);
    if !findings.problems.is_empty() {
        // What a value outside its range contradicts is nobody's question.
        return;
    }
    check_contradictions(config, &mut findings);
    check_doubtful(config, &mut findings);
}

struct Findings<'a> {
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Warning>,
}

impl Findings<'_> {
    /// The value and its origin are filled in by the layers, which know how it was written.
    fn invalid(&mut self, key: impl Into<String>, expected: impl Into<String>) {
        self.problems.push(Problem::Invalid {
            key: key.into(),
            value: String::new(),
            origin: Origin::Default,
            expected: expected.into(),
        });
    }

    fn range<T: PartialOrd + Display + Copy>(&mut self, key: &str, value: T, least: T, most: T) {
        if value < least || value > most {
            self.invalid(key, format!("expected {least} to {most}"));
        }
    }

    fn time(&mut self, key: &str, value: Duration, least: Duration, most: Duration) {
        if value < least || value > most {
            let show = humantime::format_duration;
            self.invalid(key, format!("expected {} to {}", show(least), show(most)));
        }
    }

    fn auto(&mut self, key: &str, value: Auto, least: usize) {
        const MOST: usize = 1024;
        if let Auto::Count(count) = value
            && !(least..=MOST).contains(&count)
        {
            self.invalid(key, format!("expected `auto` or {least} to {MOST}"));
        }
    }

    fn conflict(&mut self, keys: [&'static str; 2], rule: impl Into<String>) {
        let nowhere = || crate::layers::Place {
            value: String::new(),
            origin: Origin::Default,
        };
        self.problems.push(Problem::Conflict {
            keys,
            places: [nowhere(), nowhere()],
            rule: rule.into(),
        });
    }

    fn warn<const N: usize>(&mut self, keys: [&str; N], message: impl Into<String>) {
        self.warnings.push(Warning {
            keys: keys.map(str::to_owned).to_vec(),
            message: message.into(),
        });
    }
}

fn check_ranges(config: &Config, findings: &mut Findings<'_>) {
    let Config {
        api,
        sql,
        redis,
        queue,
        worker,
        documents,
        chunk,
        embedding,
        graph,
        ..
    } = config;
    let (kib, mib, gib) = (ByteSize::kib(1), ByteSize::mib(1), ByteSize::gib(1));

    findings.time("api.client_timeout", api.client_timeout, 10 * MS, DAY);
    findings.range(
        "api.max_document_size",
        api.max_document_size,
        kib,
        ByteSize::gib(4),
    );
    findings.range("api.max_json_size", api.max_json_size, kib, gib);
    findings.range("api.max_field_size", api.max_field_size, kib, mib);
    findings.time("api.request_timeout", api.request_timeout, 100 * MS, DAY);
    findings.time("api.ready_timeout", api.ready_timeout, 10 * MS, 60 * SECOND);
    findings.range(
        "api.max_query_characters",
        api.max_query_characters,
        1,
        100_000,
    );
    findings.range("api.max_results", api.max_results, 1, 1000);
    findings.time(
        "api.shutdown_grace",
        api.shutdown_grace,
        Duration::ZERO,
        DAY,
    );
    findings.range("api.max_page", api.max_page, 1, 10_000);
    findings.range(
        "api.max_waiting_jobs",
        api.max_waiting_jobs,
        1,
        1_000_000_000,
    );

    findings.range("sql.read_connections", sql.read_connections, 1, 256);
    findings.time("sql.busy_timeout", sql.busy_timeout, MS, 600 * SECOND);

    findings.range("redis.wait_replicas", redis.wait_replicas, 0, 16);
    // Far below the 30 s after which a queue that nobody fetched from counts as stalled.
    findings.time("redis.idle_poll", redis.idle_poll, 100 * MS, 10 * SECOND);

    findings.time("queue.lease", queue.lease, SECOND, DAY);
    findings.time("queue.heartbeat", queue.heartbeat, 10 * MS, DAY);
    findings.time("queue.tick", queue.tick, 10 * MS, 60 * SECOND);
    findings.range("queue.tick_batch", queue.tick_batch, 1, 100_000);
    findings.range("queue.crash_budget", queue.crash_budget, 0, 100);
    findings.time(
        "queue.starvation_after",
        queue.starvation_after,
        Duration::ZERO,
        30 * DAY,
    );
    findings.range("queue.max_payload_size", queue.max_payload_size, kib, mib);
    findings.range("queue.max_result_size", queue.max_result_size, kib, mib);
    findings.range(
        "queue.max_checkpoint_size",
        queue.max_checkpoint_size,
        kib,
        mib,
    );
    findings.range("queue.max_errors", queue.max_errors, 1, 1000);
    for (key, value) in [
        ("queue.retain_completed", queue.retain_completed),
        ("queue.retain_cancelled", queue.retain_cancelled),
        ("queue.retain_dead", queue.retain_dead),
        ("queue.retain_events", queue.retain_events),
    ] {
        findings.time(key, value, Duration::ZERO, 100 * YEAR);
    }
    findings.time("queue.prune_every", queue.prune_every, SECOND, DAY);
    findings.range("queue.prune_batch", queue.prune_batch, 1, 100_000);

    for (name, slots) in &worker.queues {
        findings.auto(&format!("worker.queues.{name}"), *slots, 0);
    }
    findings.auto("worker.cpu_threads", worker.cpu_threads, 1);
    findings.time(
        "worker.shutdown_grace",
        worker.shutdown_grace,
        Duration::ZERO,
        DAY,
    );

    findings.time("worker.stop_grace", worker.stop_grace, Duration::ZERO, DAY);

    findings.auto("documents.parsers", documents.parsers, 1);
    findings.time(
        "documents.parse_timeout",
        documents.parse_timeout,
        SECOND,
        DAY,
    );
    findings.range(
        "documents.parse_memory",
        documents.parse_memory,
        ByteSize::mib(256),
        ByteSize::tib(1),
    );
    findings.range(
        "documents.parser_recycle",
        documents.parser_recycle,
        1,
        1_000_000,
    );
    findings.range(
        "documents.max_member_size",
        documents.max_member_size,
        kib,
        ByteSize::tib(1),
    );
    findings.range(
        "documents.max_inflated_size",
        documents.max_inflated_size,
        kib,
        ByteSize::tib(1),
    );
    findings.range("documents.max_pages", documents.max_pages, 1, 10_000_000);
    findings.range("documents.max_cells", documents.max_cells, 1, 1_000_000_000);
    findings.range("documents.max_nesting", documents.max_nesting, 16, 10_000);
    findings.range(
        "documents.max_container_depth",
        documents.max_container_depth,
        0,
        16,
    );
    findings.range("documents.max_members", documents.max_members, 1, 1_000_000);
    findings.range(
        "documents.max_inflation_ratio",
        documents.max_inflation_ratio,
        10,
        100_000,
    );
    findings.range(
        "documents.max_text_size",
        documents.max_text_size,
        kib,
        ByteSize::tib(1),
    );

    findings.range("chunk.max_tokens", chunk.max_tokens, 16, 8192);
    findings.range("chunk.target_tokens", chunk.target_tokens, 8, 8192);
    findings.range("embedding.shard_chunks", embedding.shard_chunks, 1, 10_000);
    findings.range("graph.han_ratio", graph.han_ratio, 0.0, 1.0);
    findings.range(
        "graph.max_entities_per_sentence",
        graph.max_entities_per_sentence,
        2,
        1000,
    );
}

fn check_urls(config: &Config, findings: &mut Findings<'_>) {
    if config.data_dir.as_os_str().is_empty() {
        findings.invalid("data_dir", "expected a folder, such as `graphmill-data`");
    }
    let url = &config.api.url;
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        findings.invalid("api.url", "expected a URL such as `http://127.0.0.1:8080`");
    }
    for (key, value, schemes, example) in [
        (
            "sql.url",
            &config.sql.url,
            &["sqlite", "postgres", "postgresql"][..],
            "`sqlite:` or `sqlite:path/to/graphmill.db`",
        ),
        (
            "blob.url",
            &config.blob.url,
            &["file", "s3", "gs", "az"][..],
            "`file:` or `file:path/to/blobs`",
        ),
    ] {
        if !schemes.contains(&value.scheme()) {
            findings.invalid(key, format!("expected {example}"));
        }
    }
}

fn check_redis(config: &Config, findings: &mut Findings<'_>) {
    let redis = &config.redis;
    if let Some(url) = &redis.url
        && !crate::redis::SCHEMES.contains(&url.scheme())
    {
        findings.invalid(
            "redis.url",
            "expected a URL such as `redis://127.0.0.1:6379/0`, `redis+sentinel://host:26379/master` or `redis-cluster://host:6379`",
        );
    }
    // Braces would move the hash tag that keeps a queue's keys in one slot of a Cluster.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if !(1..=64).contains(&redis.prefix.len()) || !redis.prefix.chars().all(is_plain) {
        findings.invalid(
            "redis.prefix",
            "expected 1 to 64 letters, digits, `.`, `_`, `-` or `:`, such as `gm`",
        );
    }
}

fn check_compat(config: &Config, findings: &mut Findings<'_>) {
    for (index, queue) in config.compat.apalis_redis.iter().enumerate() {
        let names = [
            ("queue", queue.queue.as_str()),
            ("kind", &queue.kind),
            ("target_queue", &queue.target_queue),
            ("tenant", queue.tenant.as_deref().unwrap_or("default")),
        ];
        let mut wrong: Vec<String> = names
            .iter()
            .filter(|(_, name)| name.is_empty())
            .map(|(field, _)| format!("`{field}` not to be empty"))
            .collect();
        if !compat::SCHEMES.contains(&queue.url.scheme()) {
            wrong.push("`url` like `redis://127.0.0.1:6379`".to_owned());
        }
        if !(1..=500).contains(&queue.batch) {
            wrong.push("`batch` from 1 to 500".to_owned());
        }
        if !(1..=100).contains(&queue.max_attempts.unwrap_or(1)) {
            wrong.push("`max_attempts` from 1 to 100".to_owned());
        }
        let times = [
            ("timeout", queue.timeout),
            ("poll", queue.poll),
            ("orphaned_after", queue.orphaned_after),
        ];
        wrong.extend(
            times
                .iter()
                .filter(|(_, time)| !(SECOND / 100..=DAY).contains(time))
                .map(|(field, _)| format!("`{field}` from 10ms to 1day")),
        );
        if !wrong.is_empty() {
            findings.invalid(
                compat::APALIS_REDIS,
                format!("in [{index}]: expected {}", wrong.join(", ")),
            );
        }
    }
}

fn check_contradictions(config: &Config, findings: &mut Findings<'_>) {
    let Config {
        api,
        queue,
        worker,
        documents,
        chunk,
        embedding,
        ..
    } = config;
    if config.profile == Profile::Embedded && !api.listen.ip().is_loopback() {
        findings.conflict(
            ["api.listen", "profile"],
            "the embedded profile has no keys, so it listens on loopback addresses only, such as `127.0.0.1:8080`",
        );
    }
    if queue.heartbeat > queue.lease / 3 {
        findings.conflict(
            ["queue.heartbeat", "queue.lease"],
            "the heartbeat must be at most a third of the lease, or one late heartbeat loses the job",
        );
    }
    if queue.tick > queue.lease {
        findings.conflict(
            ["queue.tick", "queue.lease"],
            "lost leases are rescued by ticks, so a tick must be at most a lease",
        );
    }
    if config.profile == Profile::Embedded && !worker.health_listen.ip().is_loopback() {
        findings.conflict(
            ["worker.health_listen", "profile"],
            "the embedded profile has no keys, so it listens on loopback addresses only, such as `127.0.0.1:0`",
        );
    }
    if documents.max_member_size > documents.max_inflated_size {
        findings.conflict(
            ["documents.max_member_size", "documents.max_inflated_size"],
            "one member of a document cannot be larger than the whole document",
        );
    }
    if chunk.target_tokens > chunk.max_tokens {
        findings.conflict(
            ["chunk.target_tokens", "chunk.max_tokens"],
            "the aim must be at most the bound",
        );
    }
    if chunk.overlap_tokens >= chunk.target_tokens {
        findings.conflict(
            ["chunk.overlap_tokens", "chunk.target_tokens"],
            "a chunk must bring more than it repeats, so the overlap must be smaller than the aim",
        );
    }
    if embedding.model == EmbeddingModel::Huggingface && embedding.path.is_none() {
        findings.invalid(
            "embedding.model",
            "expected `embedding.path` to be set as well, the model's directory",
        );
    }
}

fn check_doubtful(config: &Config, findings: &mut Findings<'_>) {
    let Config {
        api,
        worker,
        documents,
        chunk,
        embedding,
        ..
    } = config;
    if let Some(useful) = embedding.model.useful_tokens()
        && chunk.max_tokens > useful
    {
        let model = embedding.model.as_str();
        findings.warn(
            ["chunk.max_tokens", "embedding.model"],
            format!(
                "`chunk.max_tokens` is {}, but vectors of `embedding.model = \"{model}\"` gain nothing from text beyond {useful} tokens",
                chunk.max_tokens
            ),
        );
    }
    if embedding.path.is_some() && embedding.model != EmbeddingModel::Huggingface {
        findings.warn(
            ["embedding.path", "embedding.model"],
            format!(
                "`embedding.path` is not used by `embedding.model = \"{}\"`",
                embedding.model.as_str()
            ),
        );
    }
    if worker.shutdown_grace < api.shutdown_grace {
        findings.warn(
            ["worker.shutdown_grace", "api.shutdown_grace"],
            "`worker.shutdown_grace` is shorter than `api.shutdown_grace`: jobs are released while requests are still answered",
        );
    }
    if documents.parse_memory < ByteSize(4 * api.max_document_size.as_u64()) {
        findings.warn(
            ["documents.parse_memory", "api.max_document_size"],
            "`documents.parse_memory` is less than four times `api.max_document_size`: the largest documents may not parse",
        );
    }
    if config.redis.wait_replicas > 0 && config.redis.url.is_none() {
        findings.warn(
            ["redis.wait_replicas", "redis.url"],
            "`redis.wait_replicas` is not used: without `redis.url` jobs wait in SQLite",
        );
    }
    if config.queue.durability == Durability::Redis && config.redis.url.is_none() {
        findings.warn(
            ["queue.durability", "redis.url"],
            "`queue.durability` is not used: without `redis.url` jobs wait in SQLite, which remembers them",
        );
    }
    if worker.served_queues().next().is_none() {
        findings.warn(
            ["worker.queues"],
            "`worker.queues` gives no queue a slot: nothing will be processed",
        );
    }
}

/// See [`Config::supported`].
pub(crate) fn supported(config: &Config) -> Result<(), ConfigError> {
    let refuse = |key, value: &str, reason| {
        Err(ConfigError::Unsupported {
            key,
            value: value.to_owned(),
            reason,
        })
    };
    if config.profile == Profile::Server {
        return refuse(
            "profile",
            config.profile.as_str(),
            "it has no server profile yet; use `embedded`",
        );
    }
    if config.sql.url.scheme() != "sqlite" {
        return refuse(
            "sql.url",
            &config.sql.url.to_string(),
            "the embedded profile keeps its data in SQLite; use `sqlite:`",
        );
    }
    if config.blob.url.scheme() != "file" {
        return refuse(
            "blob.url",
            &config.blob.url.to_string(),
            "the embedded profile keeps its blobs in files; use `file:`",
        );
    }
    Ok(())
}
