//! Rules about the repository that no lint sees.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every package may depend on those before it in this order; `worker` and `api` stand side by side.
const ORDER: [(&str, &str, u8); 11] = [
    ("config", "graphmill-config", 0),
    ("jobs/queue", "graphmill-queue", 1),
    ("jobs/documents", "graphmill-documents", 2),
    ("jobs/embedding", "graphmill-embedding", 3),
    ("jobs/graph", "graphmill-graph", 4),
    ("jobs/store", "graphmill-store", 5),
    ("jobs/retrieval", "graphmill-retrieval", 6),
    ("jobs/pipeline", "graphmill-pipeline", 7),
    ("worker", "graphmill-worker", 8),
    ("api", "graphmill-api", 8),
    ("cli", "graphmill", 9),
];

#[test]
fn arrows_between_packages_point_only_downwards() {
    let rank: BTreeMap<&str, u8> = ORDER
        .iter()
        .map(|(_, package, rank)| (*package, *rank))
        .collect();
    for (folder, package, own_rank) in ORDER {
        let manifest =
            std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
        let dependencies = manifest
            .split("[dev-dependencies]")
            .next()
            .unwrap_or_default();
        for line in dependencies
            .lines()
            .filter(|line| line.starts_with("graphmill-"))
        {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let their_rank = rank.get(name).copied().unwrap_or(u8::MAX);
            assert!(their_rank < own_rank, "{package} must not depend on {name}");
        }
    }
}

#[test]
fn each_statement_file_is_used_exactly_once() {
    for (folder, _, _) in ORDER {
        let folder = root().join(folder);
        let sources: Vec<String> = files(&folder, "rs").iter().map(|file| read(file)).collect();
        for statement in files(&folder, "sql") {
            let name = statement
                .components()
                .rev()
                .take(2)
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect::<Vec<_>>();
            let (folder, file) = (&name[1], &name[0]);
            let stem = file.trim_end_matches(".sql");
            // By path in `include_str!`, or by name through the store's `sql!`.
            let uses: usize = [format!("{folder}/{file}\""), format!("\"{folder}/{stem}\"")]
                .iter()
                .flat_map(|reference| {
                    sources
                        .iter()
                        .map(move |source| source.matches(reference).count())
                })
                .sum();
            assert_eq!(uses, 1, "{} is used {uses} times", statement.display());
        }
    }
}

#[test]
fn no_source_file_outgrows_its_room() {
    for (folder, _, _) in ORDER {
        for file in files(&root().join(folder), "rs") {
            let lines = read(&file).lines().count();
            assert!(lines <= 600, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn only_the_stores_and_the_queue_speak_sql() {
    let mut speakers = BTreeSet::new();
    for (folder, package, _) in ORDER {
        for file in files(&root().join(folder).join("src"), "rs") {
            if read(&file).contains("sqlx::") {
                speakers.insert(package);
            }
        }
    }
    assert_eq!(
        speakers,
        BTreeSet::from(["graphmill-queue", "graphmill-store"])
    );
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|ext| ext == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
