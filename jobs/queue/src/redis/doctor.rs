//! What of a Redis server does not fit, and what to change: asked once at the start of a process, and by operators.
//!
//! [`examine`] connects as the broker does, reads INFO and `save`, tries what an ordinary user of the server needs (a key,
//! a script), and compares clocks. What INFO says is judged by [`judge`], which is pure, so that servers nobody has at hand
//! are tested from their recorded answers. Nothing is kept: the one key that is written is gone after a second.

use std::collections::HashMap;

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

pub use super::finding::{Finding, Severity};
use super::{
    address::Address,
    finding::AWAY,
    link::{Connection, Connector, RESPONSE_TIMEOUT},
    reply,
};
use crate::clock::{Clock, SystemClock};

/// The oldest version that has what the scripts use.
const OLDEST: (u32, u32) = (6, 2);
/// Clocks that differ more than this make retries and delays come visibly early or late.
const CLOCK_TOLERANCE_MS: i64 = 1_000;
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
#[path = "doctor_test.rs"]
mod tests;
