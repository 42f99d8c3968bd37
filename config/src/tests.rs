use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use super::*;
use crate::layers::OPTIONAL_KEYS;

fn flags(flags: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    for (key, value) in flags {
        sources.set(*key, *value);
    }
    sources
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    Sources {
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Sources::default()
    }
}

fn message(sources: Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

/// Keys of a JSON object, dotted; `worker.queues` counts as one.
fn keys(prefix: &str, value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) if prefix != "worker.queues" => {
            for (name, field) in fields {
                let key = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                keys(&key, field, found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

/// The keys of default.toml, those commented out included, each with whether a comment stands above it.
fn documented_keys() -> Vec<(String, bool)> {
    let mut section = String::new();
    let mut comment_above = false;
    let mut found = Vec::new();
    for line in DEFAULT_TOML.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{name}.");
        }
        let code = line.strip_prefix("# ").unwrap_or(line);
        let name = code.split_once(" = ").map_or("", |(name, _)| name);
        let is_key = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if is_key {
            found.push((format!("{section}{name}"), comment_above));
        }
        comment_above = !is_key && line.starts_with('#');
    }
    found
}

#[test]
fn default_toml_and_the_types_have_the_same_keys_and_each_is_documented() {
    let mut fields = BTreeSet::new();
    keys(
        "",
        &serde_json::to_value(Config::defaults()).unwrap(),
        &mut fields,
    );
    let documented = documented_keys();
    let names: BTreeSet<_> = documented.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(names, fields);
    for (key, comment) in documented {
        assert!(comment, "`{key}` has no comment above it in default.toml");
    }
    for key in OPTIONAL_KEYS {
        assert!(
            names.contains(key),
            "optional key `{key}` is not in default.toml"
        );
    }
}

#[test]
fn no_two_keys_share_an_environment_variable() {
    let keys = documented_keys();
    let variables: BTreeSet<_> = keys.iter().map(|(key, _)| key.replace('.', "_")).collect();
    assert_eq!(variables.len(), keys.len());
}

#[test]
fn the_defaults_give_no_warning_and_are_supported() {
    let (config, warnings) = Config::load(Sources::default()).unwrap();
    assert_eq!(warnings, []);
    config.supported().unwrap();
    assert_eq!(config.queue.lease, Duration::from_secs(15));
    assert_eq!(config.api.max_document_size.as_u64(), 256 << 20);
    assert_eq!(config.worker.queues["documents"], Auto::Cores);
}

#[test]
fn a_later_layer_wins_and_provenance_tells_which() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(
        &file,
        "[queue]\nlease = '30s'\nheartbeat = '4s'\n[chunk]\noverlap_tokens = 16\n",
    )
    .unwrap();
    let mut sources = environment(&[
        ("GRAPHMILL_QUEUE_HEARTBEAT", "5s"),
        ("GRAPHMILL_CHUNK_OVERLAP_TOKENS", "20"),
    ]);
    sources.file = Some(file.clone());
    sources.set("chunk.overlap_tokens", "24");
    let (config, _) = Config::load(sources).unwrap();
    assert_eq!(config.queue.lease, Duration::from_secs(30));
    assert_eq!(config.queue.heartbeat, Duration::from_secs(5));
    assert_eq!(config.chunk.overlap_tokens, 24);
    let origin = |key: &str| {
        config
            .provenance()
            .iter()
            .find(|s| s.key == key)
            .unwrap()
            .origin
            .clone()
    };
    assert_eq!(origin("queue.lease"), Origin::File(file, 2));
    assert_eq!(
        origin("queue.heartbeat"),
        Origin::Environment("GRAPHMILL_QUEUE_HEARTBEAT".to_owned())
    );
    assert_eq!(origin("chunk.overlap_tokens"), Origin::Flag);
    assert_eq!(origin("queue.tick"), Origin::Default);
}

#[test]
fn unknown_keys_name_their_origin_and_what_was_probably_meant() {
    let lines = [
        message(flags(&[("chunk.max_token", "9")])),
        message(flags(&[("max_tokens", "9")])),
        message(flags(&[("api", "9")])),
        message(flags(&[("queues.documents", "9")])),
        message(flags(&[("colour", "red")])),
        message(environment(&[("GRAPHMILL_SQL_URI", "x")])),
        message(environment(&[("GRAPHMILL_DATADIR", "x")])),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn wrong_values_name_key_value_origin_and_what_would_be_right() {
    let mut lines = Vec::new();
    for (key, value) in [
        ("queue.lease", "15"),
        ("queue.lease", "0s"),
        ("api.max_json_size", "1"),
        ("api.listen", "8080"),
        ("api.url", "localhost:8080"),
        ("api.max_page", "-1"),
        ("chunk.max_tokens", "many"),
        ("worker.cpu_threads", "all"),
        ("worker.cpu_threads", "0"),
        ("worker.queues.graph", "x"),
        ("graph.han_ratio", "30%"),
        ("graph.han_ratio", "1.5"),
        ("embedding.model", "fastest"),
        ("embedding.model", "huggingface"),
        ("profile", "cloud"),
        ("sql.url", "mysql://me:pass@db/x"),
        ("telemetry.log_format", "xml"),
        ("redis.url", "localhost:6379"),
        ("redis.url", "http://me:pass@host"),
        ("redis.prefix", "{gm}"),
        ("redis.wait_replicas", "17"),
        ("redis.idle_poll", "1ms"),
        ("queue.durability", "disk"),
        ("worker.health_listen", "9090"),
    ] {
        lines.push(message(flags(&[(key, value)])));
    }
    insta::assert_snapshot!(lines.join(
        "
"
    ));
}

#[test]
fn every_problem_is_reported_at_once() {
    let sources = flags(&[
        ("queue.lease", "soon"),
        ("chunk.max_tokens", "x"),
        ("chunk.foo", "1"),
    ]);
    insta::assert_snapshot!(message(sources));
}

#[test]
fn contradictions_name_both_keys_and_their_origins() {
    let lines = [
        message(flags(&[("queue.heartbeat", "10s")])),
        message(environment(&[("GRAPHMILL_API_LISTEN", "0.0.0.0:80")])),
        message(flags(&[("chunk.target_tokens", "300")])),
        message(flags(&[("chunk.overlap_tokens", "224")])),
        message(flags(&[("documents.max_member_size", "1GiB")])),
        message(flags(&[("queue.tick", "20s")])),
        message(flags(&[("worker.health_listen", "0.0.0.0:9090")])),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn doubtful_settings_are_warnings() {
    let sources = flags(&[
        ("chunk.max_tokens", "400"),
        ("embedding.path", "models/x"),
        ("worker.shutdown_grace", "1s"),
        ("documents.parse_memory", "512MiB"),
        ("worker.queues", "documents=0,embedding=0,graph=0,control=0"),
        ("worker.queues.documentz", "0"),
        ("redis.wait_replicas", "1"),
        ("queue.durability", "redis"),
    ]);
    let (_, warnings) = Config::load(sources).unwrap();
    let text: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_broken_or_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| {
        let error = Config::load(Sources {
            file: Some(path.to_owned()),
            ..Sources::default()
        })
        .unwrap_err();
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(load(&folder.path().join("none.toml")));
    let file = folder.path().join("broken.toml");
    fs::write(&file, "[queue]\nlease = \n").unwrap();
    insta::assert_snapshot!(load(&file));
    fs::write(
        &file,
        "\n[queue]\nlease = 15\nleese = 'x'\nworker = { a = 1 }\n",
    )
    .unwrap();
    insta::assert_snapshot!(load(&file));
}

#[test]
fn the_server_profile_is_a_valid_setting_that_this_build_refuses_to_start() {
    let (config, _) = Config::load(flags(&[
        ("profile", "server"),
        ("api.listen", "0.0.0.0:80"),
    ]))
    .unwrap();
    insta::assert_snapshot!(config.supported().unwrap_err().to_string());
    let (config, _) = Config::load(flags(&[("sql.url", "postgres://me:pass@db/x")])).unwrap();
    insta::assert_snapshot!(config.supported().unwrap_err().to_string());
    assert!(
        !format!("{config:?}").contains("pass"),
        "a password must not be printed"
    );
}

#[test]
fn queues_are_open_and_zero_slots_are_not_served() {
    let sources = environment(&[
        ("GRAPHMILL_WORKER_QUEUES", "graph=4, mail=2"),
        ("GRAPHMILL_WORKER_QUEUES_CONTROL", "0"),
    ]);
    let (config, warnings) = Config::load(sources).unwrap();
    let served: Vec<_> = config
        .worker
        .served_queues()
        .filter(|(queue, _)| *queue != "documents")
        .collect();
    assert_eq!(served, [("embedding", 2), ("graph", 4), ("mail", 2)]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_redis_url_makes_the_data_shared_and_its_password_is_never_shown() {
    assert!(!Config::defaults().is_shared());
    let (config, warnings) = Config::load(environment(&[(
        "GRAPHMILL_REDIS_URL",
        "redis+sentinel://app:hunter2@a:26379,b:26379/main/1",
    )]))
    .unwrap();
    assert_eq!(warnings, []);
    assert!(config.is_shared());
    assert_eq!(config.queue.durability, Durability::Ledger);
    let setting = config
        .provenance()
        .iter()
        .find(|setting| setting.key == "redis.url")
        .unwrap();
    let hidden = "redis+sentinel://app:***@a:26379,b:26379/main/1";
    assert_eq!(setting.value.as_str(), Some(hidden));
    let json = serde_json::to_string(&config).unwrap();
    for shown in [format!("{config:?}"), json] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains(hidden), "{shown}");
    }
}

#[test]
fn paths_follow_data_dir_unless_a_url_names_them() {
    let (config, _) = Config::load(flags(&[("data_dir", "/data")])).unwrap();
    assert_eq!(config.sql_path(), Path::new("/data/graphmill.db"));
    assert_eq!(config.blob_dir(), Path::new("/data/blobs"));
    let urls = flags(&[
        ("data_dir", "here"),
        ("sql.url", "sqlite:///var/x.db"),
        ("blob.url", "file:/var/blobs"),
    ]);
    let (config, _) = Config::load(urls).unwrap();
    assert_eq!(config.sql_path(), Path::new("/var/x.db"));
    assert_eq!(config.blob_dir(), Path::new("/var/blobs"));
    assert!(config.data_dir.is_absolute());
}

#[test]
fn queues_of_other_systems_come_from_a_file_with_what_is_wrong_named_and_passwords_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graphmill.toml");
    let load = |text: &str| {
        fs::write(&file, text).unwrap();
        Config::load(Sources {
            file: Some(file.clone()),
            ..Sources::default()
        })
    };
    let entry = |more: &str| {
        format!(
            "[[compat.apalis_redis]]\nurl = \"redis://:hunter2@old:6379\"\nqueue = \"emails\"\n\
             kind = \"email.send\"\ntarget_queue = \"mail\"\n{more}\n"
        )
    };
    let more =
        "payload = { rename = { to = \"recipient\" } }\ntimeout = \"10s\"\npriority = \"high\"";
    let (config, _) = load(&entry(more)).unwrap();
    let [queue] = &config.compat.apalis_redis[..] else {
        panic!("{:?}", config.compat)
    };
    assert_eq!(queue.url.expose(), "redis://:hunter2@old:6379");
    assert_eq!((queue.timeout, queue.batch), (Duration::from_secs(10), 500));
    let shown = format!("{config:?}{:?}", config.provenance());
    assert!(!shown.contains("hunter2"), "{shown}");
    let problems = [
        entry("batch = 0\nmax_attempts = 101"),
        entry("kinds = 3"),
        "[[compat.apalis_redis]]\nurl = \"http://:hunter2@x\"".to_owned(),
    ]
    .map(|text| load(&text).unwrap_err().to_string());
    let problems = problems
        .join("\n")
        .replace(&folder.path().display().to_string(), "DIR");
    assert!(!problems.contains("hunter2"), "{problems}");
    insta::assert_snapshot!(problems);
}
