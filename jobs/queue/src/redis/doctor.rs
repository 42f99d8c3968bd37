//! What of a Redis server does not fit, and what to change: asked once at the start of a process, and by operators.
//!
//! [`examine`] connects as the broker does, reads INFO and `save`, tries what an ordinary user of the server needs (a key,
//! a script), and compares clocks. What INFO says is judged by [`judge`], which is pure, so that servers nobody has at hand
//! are tested from their recorded answers. Nothing is kept: the one key that is written is gone after a second.

use std::collections::HashMap;

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use serde::Serialize;

use super::{
    address::Address,
    link::{Connection, Connector, RESPONSE_TIMEOUT},
    reply,
};
use crate::clock::{Clock, SystemClock};

/// The oldest version that has what the scripts use.
const OLDEST: (u32, u32) = (6, 2);
/// Clocks that differ more than this make retries and delays come visibly early or late.
const CLOCK_TOLERANCE_MS: i64 = 1_000;
/// The code of a server that is not there: it may come.
const AWAY: &str = "redis.away";

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

/// What kind of server a URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `redis://`.
    Single,
    /// `redis+sentinel://`.
    Sentinel,
    /// `redis-cluster://`.
    Cluster,
}

/// Looks at the server behind `url`; `prefix` is what our keys begin with. The worst is not first: findings come in the
/// order of the checks, and a server that cannot be asked gives one.
///
/// Bounded by the time limits of connections: some ten seconds for a server that swallows what it is sent.
pub async fn examine(url: &str, prefix: &str) -> Vec<Finding> {
    let address = match Address::parse(url) {
        Ok(address) => address,
        Err(error) => {
            return vec![Finding::error(
                "redis.url",
                error.to_string(),
                "set `redis.url` (GRAPHMILL_REDIS_URL) to such a URL",
            )];
        }
    };
    let form = match address {
        Address::Single(_) => Form::Single,
        Address::Sentinel { .. } => Form::Sentinel,
        Address::Cluster(_) => Form::Cluster,
    };
    let connected = match Connector::new(address) {
        Ok(connector) => connector.connect(RESPONSE_TIMEOUT).await,
        Err(error) => {
            return vec![Finding::error(
                "redis.url",
                error.to_string(),
                "mend `redis.url`",
            )];
        }
    };
    match connected {
        Ok(mut connection) => ask(&mut connection, form, prefix)
            .await
            .unwrap_or_else(|error| vec![refusal(&error)]),
        Err(error) => vec![refusal(&error)],
    }
}

async fn ask(
    connection: &mut Connection,
    form: Form,
    prefix: &str,
) -> Result<Vec<Finding>, RedisError> {
    let info = match connection.call(&redis::cmd("INFO")).await {
        Ok(Value::Map(nodes)) => texts(nodes.into_iter().map(|(_, info)| info)),
        Ok(info) => texts([info]),
        Err(error) if is(&error, ServerErrorKind::NoPerm) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut findings = Vec::new();
    if info.is_empty() {
        findings.push(Finding::warning(
            "redis.acl",
            "the user of `redis.url` may not run INFO, so the server's settings cannot be checked",
            "allow it: `+info +config|get` in the user's ACL",
        ));
    }
    let saves = saves(connection).await;
    for node in &info {
        for finding in judge(node, saves, form) {
            // The nodes of a Cluster are mostly set up alike.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    if !findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        findings.extend(try_out(connection, prefix).await);
        findings.extend(compare_clocks(connection).await);
    }
    Ok(findings)
}

/// Judges what INFO says of one server. `saves`: whether it writes snapshots, where that is known.
pub fn judge(info: &str, saves: Option<bool>, form: Form) -> Vec<Finding> {
    let fields: HashMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    if field("loading") == "1" {
        return vec![away("the server is reading its data from disk")];
    }
    let mut findings = Vec::new();
    let version = field("redis_version");
    if parse_version(version) >= OLDEST {
        findings.push(Finding::ok(
            "redis.version",
            format!("Redis {version} answers"),
        ));
    } else {
        findings.push(Finding::error(
            "redis.version",
            format!("the server is Redis {version}; 6.2 or newer is needed"),
            "install Redis 6.2 or newer (Debian 12: `apt-get install redis-server`), or Valkey",
        ));
    }
    findings.extend(judge_kind(
        field("cluster_enabled") == "1",
        field("role"),
        form,
    ));
    let policy = field("maxmemory_policy");
    if !matches!(policy, "" | "noeviction") {
        findings.push(Finding::error(
            "redis.eviction",
            format!("`maxmemory-policy` is `{policy}`: when its memory is full the server deletes jobs"),
            "write `maxmemory-policy noeviction` into redis.conf; at once: `redis-cli CONFIG SET maxmemory-policy noeviction`",
        ));
    }
    findings.extend(judge_persistence(
        field("aof_enabled") == "1",
        saves,
        [
            field("rdb_last_bgsave_status"),
            field("aof_last_write_status"),
        ],
    ));
    findings
}

fn judge_kind(is_cluster: bool, role: &str, form: Form) -> Option<Finding> {
    match (form, is_cluster) {
        (Form::Single | Form::Sentinel, true) => Some(Finding::error(
            "redis.cluster",
            "the server is a node of a Redis Cluster, but `redis.url` names a single server",
            "write `redis.url` as `redis-cluster://host:6379,host:6379`, or `cluster-enabled no` into redis.conf",
        )),
        (Form::Cluster, false) => Some(Finding::error(
            "redis.cluster",
            "`redis.url` names a Redis Cluster, but the server is not part of one",
            "write `redis.url` as `redis://host:6379/0`, or `cluster-enabled yes` into redis.conf",
        )),
        (Form::Single, false) if role == "slave" => Some(replica()),
        _ => None,
    }
}

fn judge_persistence(appends: bool, saves: Option<bool>, states: [&str; 2]) -> Option<Finding> {
    if states.contains(&"err") {
        return Some(Finding::warning(
            "redis.persistence",
            "the server could not write its data to disk the last time it tried",
            "see the server's log; free space in its `dir`, or correct the owner of that folder",
        ));
    }
    match (appends, saves) {
        (false, Some(false)) => Some(Finding::warning(
            "redis.persistence",
            "the server keeps nothing on disk (`appendonly no` and `save \"\"`): a restart forgets every waiting job",
            "write `appendonly yes` and `appendfsync everysec` into redis.conf; at once: `redis-cli CONFIG SET appendonly yes`",
        )),
        (false, Some(true)) => Some(Finding::warning(
            "redis.persistence",
            "the server only writes snapshots (`appendonly no`): a crash forgets the jobs since the last one",
            "write `appendonly yes` and `appendfsync everysec` into redis.conf; at once: `redis-cli CONFIG SET appendonly yes`",
        )),
        _ => None,
    }
}

/// Whether the server writes snapshots; `None` where it does not say.
async fn saves(connection: &mut Connection) -> Option<bool> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("save");
    let pairs = reply::text_pairs(connection.call(&command).await.ok()?).ok()?;
    let (_, schedule) = pairs.into_iter().next()?;
    Some(!schedule.trim().is_empty())
}

/// Does what every submit does: writes, and runs a script.
async fn try_out(connection: &mut Connection, prefix: &str) -> Option<Finding> {
    let mut set = redis::cmd("SET");
    // Not a key of a queue, so `keys` does not spell it.
    set.arg(format!("{prefix}:doctor"))
        .arg("1")
        .arg("PX")
        .arg(1_000);
    let mut eval = redis::cmd("EVAL");
    eval.arg("return 1").arg(0);
    for command in [set, eval] {
        if let Err(error) = connection.call(&command).await {
            return Some(match error.kind() {
                ErrorKind::Server(ServerErrorKind::NoPerm) => Finding::error(
                    "redis.acl",
                    format!(
                        "the user of `redis.url` may not do what is needed: {}",
                        words(&error)
                    ),
                    format!(
                        "give it these rights in redis.conf: `user NAME on >PASSWORD ~{prefix}:* +@read +@write +@scripting +@connection +@blocking +time +wait -@dangerous +info +config|get +cluster`"
                    ),
                ),
                _ => refusal(&error),
            });
        }
    }
    None
}

async fn compare_clocks(connection: &mut Connection) -> Option<Finding> {
    let before = SystemClock.now().as_millisecond();
    let time = connection.call(&redis::cmd("TIME")).await.ok()?;
    let after = SystemClock.now().as_millisecond();
    let (seconds, micros) = reply::text_pairs(time).ok()?.into_iter().next()?;
    let theirs = seconds.parse::<i64>().ok()? * 1_000 + micros.parse::<i64>().ok()? / 1_000;
    let ahead = theirs - i64::midpoint(before, after);
    // The answer may have been slow on either way.
    if ahead.abs() - (after - before) / 2 <= CLOCK_TOLERANCE_MS {
        return Some(Finding::ok(
            "redis.clock",
            "the server's clock agrees with this machine's",
        ));
    }
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    Some(Finding::warning(
        "redis.clock",
        format!(
            "the server's clock is {:.1} s {direction} this machine's: delays and retries are off by as much",
            ahead.unsigned_abs() as f64 / 1_000.0
        ),
        "synchronise both clocks (chrony, systemd-timesyncd)",
    ))
}

/// Says why a server cannot be used, from an error that it or the connection gave.
fn refusal(error: &RedisError) -> Finding {
    let text = words(error);
    let code = error.code().unwrap_or_default();
    // A Cluster gives the errors of its nodes as text.
    let says = |word: &str| code == word || text.contains(word);
    if error.kind() == ErrorKind::AuthenticationFailed
        || ["NOAUTH", "WRONGPASS", "authentication failed"]
            .into_iter()
            .any(says)
    {
        return Finding::error(
            "redis.auth",
            format!("the server refuses the user or password of `redis.url`: {text}"),
            "write them into `redis.url` as `redis://user:password@host:6379/0`, special characters percent-encoded; without an ACL user: `redis://:password@…`, the one of `requirepass` in redis.conf, and none where that is not set",
        );
    }
    if is(error, ServerErrorKind::ReadOnly) {
        return replica();
    }
    if says("cluster support disabled") {
        return judge_kind(false, "", Form::Cluster).unwrap_or_else(|| away(&text));
    }
    match error.kind() {
        ErrorKind::MasterNameNotFoundBySentinel => Finding::error(
            "redis.sentinel",
            "the sentinels of `redis.url` know no master of that name",
            "use the name of the `sentinel monitor NAME …` line in sentinel.conf: `redis+sentinel://host:26379/NAME`",
        ),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Finding::error(
            "redis.protocol",
            format!("what listens at `redis.url` does not speak Redis: {text}"),
            "check host and port of `redis.url`; a server with TLS needs `rediss://`",
        ),
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => away(&text),
        ErrorKind::Server(_) | ErrorKind::Extension => Finding::error(
            "redis.refused",
            format!("the server refuses to work: {text}"),
            "MISCONF: the server cannot save, see its log; OOM: raise `maxmemory`; a database that does not exist: `databases` in redis.conf",
        ),
        _ => away(&text),
    }
}

fn away(why: &str) -> Finding {
    Finding::error(
        AWAY,
        format!("Redis does not answer at `redis.url`: {why}"),
        "start it, or correct host and port of `redis.url` (GRAPHMILL_REDIS_URL); `bind` and `protected-mode` in redis.conf say who may connect",
    )
}

fn replica() -> Finding {
    Finding::error(
        "redis.replica",
        "the server is a replica, which takes no jobs",
        "name its master in `redis.url`, or let Sentinel find it: `redis+sentinel://host:26379/NAME`; to make this one the master remove `replicaof` from redis.conf (at once: `redis-cli REPLICAOF NO ONE`)",
    )
}

fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// The error as text. Errors of connections do not repeat the URL, so no password gets out.
fn words(error: &RedisError) -> String {
    error.to_string()
}

fn texts(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    values
        .into_iter()
        .filter_map(|value| reply::text(value).ok())
        .collect()
}

fn parse_version(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of INFO as Redis 7.0 gives them, with some of them changed.
    fn info(changes: &[(&str, &str)]) -> String {
        let mut lines = vec![
            ("redis_version", "7.0.15"),
            ("loading", "0"),
            ("maxmemory", "0"),
            ("maxmemory_policy", "noeviction"),
            ("aof_enabled", "1"),
            ("rdb_last_bgsave_status", "ok"),
            ("aof_last_write_status", "ok"),
            ("role", "master"),
            ("cluster_enabled", "0"),
        ];
        for (name, value) in changes {
            lines.retain(|(known, _)| known != name);
            lines.push((name, value));
        }
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(name, value)| format!("{name}:{value}\r\n"))
            .collect();
        format!("# Server\r\n{}", lines.concat())
    }

    fn codes(
        changes: &[(&str, &str)],
        saves: Option<bool>,
        form: Form,
    ) -> Vec<(&'static str, Severity)> {
        judge(&info(changes), saves, form)
            .into_iter()
            .filter(|finding| finding.severity > Severity::Ok)
            .inspect(|finding| assert!(finding.hint.is_some(), "{finding:?}"))
            .map(|finding| (finding.code, finding.severity))
            .collect()
    }

    #[test]
    fn a_server_as_it_should_be_gives_nothing_to_change() {
        assert_eq!(codes(&[], Some(false), Form::Single), []);
        assert_eq!(codes(&[("role", "slave")], Some(true), Form::Sentinel), []);
        assert_eq!(codes(&[("cluster_enabled", "1")], None, Form::Cluster), []);
        // Valkey says which Redis it equals.
        let valkey = [("redis_version", "7.2.4"), ("valkey_version", "8.1.0")];
        assert_eq!(codes(&valkey, None, Form::Single), []);
    }

    #[test]
    fn a_server_from_before_6_2_is_too_old() {
        for old in ["6.0.16", "5.0.14", "2.8.19", ""] {
            let found = codes(&[("redis_version", old)], None, Form::Single);
            assert_eq!(found, [("redis.version", Severity::Error)], "{old}");
        }
        for new in ["6.2.0", "7.4.1", "10.0.0"] {
            assert_eq!(
                codes(&[("redis_version", new)], None, Form::Single),
                [],
                "{new}"
            );
        }
    }

    #[test]
    fn every_policy_but_noeviction_loses_jobs() {
        for policy in [
            "allkeys-lru",
            "volatile-lru",
            "allkeys-random",
            "volatile-ttl",
        ] {
            let found = codes(&[("maxmemory_policy", policy)], None, Form::Single);
            assert_eq!(found, [("redis.eviction", Severity::Error)], "{policy}");
        }
    }

    #[test]
    fn a_server_that_keeps_nothing_on_disk_is_a_warning() {
        let without = [("aof_enabled", "0")];
        let warning = [("redis.persistence", Severity::Warning)];
        assert_eq!(codes(&without, Some(false), Form::Single), warning);
        assert_eq!(codes(&without, Some(true), Form::Single), warning);
        assert_eq!(codes(&without, None, Form::Single), []);
        let failing = [("rdb_last_bgsave_status", "err")];
        assert_eq!(codes(&failing, Some(true), Form::Single), warning);
    }

    #[test]
    fn the_kind_of_server_must_be_the_one_that_the_url_asks_for() {
        let cluster = [("redis.cluster", Severity::Error)];
        assert_eq!(
            codes(&[("cluster_enabled", "1")], None, Form::Single),
            cluster
        );
        assert_eq!(codes(&[], None, Form::Cluster), cluster);
        let replica = [("redis.replica", Severity::Error)];
        assert_eq!(codes(&[("role", "slave")], None, Form::Single), replica);
    }

    #[test]
    fn a_server_that_loads_its_data_is_only_away() {
        let found = judge(&info(&[("loading", "1")]), None, Form::Single);
        assert!(found.len() == 1 && found[0].is_away(), "{found:?}");
    }
}
