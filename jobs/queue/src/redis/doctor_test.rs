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
