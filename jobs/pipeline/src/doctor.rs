//! What stands in the way of a system with these settings, and what to change. Changes nothing, and asks no running system:
//! it looks at what the processes would open.

use std::{fs, path::Path, time::Duration};

use graphmill_config::Config;
pub use graphmill_queue::redis::doctor::{Finding, Severity};
use graphmill_queue::{
    redis::{doctor, owner},
    sqlite::Database,
};

use crate::{
    services::{graph_options, model_choice},
    system_id::system_id,
};

/// Less room than this is worth a warning.
const ROOM_BYTES: u64 = 1 << 30;
/// How long the pages of the database are looked at; what is not read by then is taken to be well.
const LOOK_FOR: Duration = Duration::from_secs(3);

/// Looks at everything, in the order in which a start would open it.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = examine_folder(&config.data_dir);
    findings.push(examine_database(&config.sql_path()).await);
    findings.extend(examine_redis(config).await);
    findings.extend(examine_models(config));
    findings
}

/// Looks at Redis; nothing where `redis.url` is not set.
pub async fn examine_redis(config: &Config) -> Vec<Finding> {
    match &config.redis.url {
        Some(url) => doctor::examine(url.expose(), &config.redis.prefix).await,
        None => Vec::new(),
    }
}

/// Takes the keys in Redis for the system whose data folder the settings name, so that no other system with the same prefix
/// runs its jobs. A finding says that another has them.
///
/// # Errors
/// When the system's id can be neither read nor made.
pub async fn claim_redis(config: &Config) -> std::io::Result<Option<Finding>> {
    let Some(url) = &config.redis.url else {
        return Ok(None);
    };
    let id = system_id(&config.data_dir)?.to_string();
    Ok(owner::claim(url.expose(), &config.redis.prefix, &id).await)
}

fn examine_folder(folder: &Path) -> Vec<Finding> {
    const CODE: &str = "data_dir";
    let shown = folder.display();
    let hint = "give the folder to the user that runs graphmill, or set another `data_dir`";
    let mut findings = Vec::new();
    // A start makes the folders that are missing.
    let Some(existing) = folder.ancestors().find(|ancestor| ancestor.exists()) else {
        return vec![Finding::error(
            CODE,
            format!("`{shown}` cannot be made"),
            hint,
        )];
    };
    if !existing.is_dir() {
        let message = format!("`{}` is not a folder", existing.display());
        return vec![Finding::error(CODE, message, "set another `data_dir`")];
    }
    if existing == folder {
        findings.push(match try_to_write(folder) {
            Ok(()) => Finding::ok(CODE, format!("`{shown}` can be written")),
            Err(error) => {
                Finding::error(CODE, format!("`{shown}` cannot be written: {error}"), hint)
            }
        });
    } else {
        findings.push(Finding::ok(
            CODE,
            format!("`{shown}` is not there yet; the first start makes it"),
        ));
    }
    if let Ok(room) = rustix::fs::statvfs(existing)
        && room.f_bavail.saturating_mul(room.f_frsize) < ROOM_BYTES
    {
        findings.push(Finding::warning(
            "data_dir.room",
            format!(
                "the disk of `{shown}` has {} MiB left",
                (room.f_bavail * room.f_frsize) >> 20
            ),
            "free space, or set `data_dir` to a folder on a larger disk",
        ));
    }
    findings
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!("doctor.{}.tmp", std::process::id()));
    fs::write(&probe, b"1")?;
    fs::remove_file(&probe)
}

async fn examine_database(path: &Path) -> Finding {
    const CODE: &str = "sqlite";
    let shown = path.display();
    if !path.exists() {
        return Finding::ok(
            CODE,
            format!("`{shown}` is not there yet; the first start makes it"),
        );
    }
    match Database::inspect(path, LOOK_FOR).await {
        Ok(0) => Finding::ok(CODE, format!("`{shown}` can be read and is up to date")),
        Ok(pending) => Finding::ok(
            CODE,
            format!(
                "`{shown}` can be read; the next start brings its schema up to date ({pending} steps)"
            ),
        ),
        Err(error) => Finding::error(
            CODE,
            error.to_string(),
            "restore the file from a backup, or set another `data_dir`",
        ),
    }
}

fn examine_models(config: &Config) -> Vec<Finding> {
    let embedding = match graphmill_embedding::open(&model_choice(config)) {
        Ok(_) => Finding::ok(
            "embedding",
            format!(
                "the embedding model `{}` can be opened",
                config.embedding.model.as_str()
            ),
        ),
        Err(error) => Finding::error(
            "embedding",
            error.to_string(),
            "set `embedding.model` to `fast` or `accurate`, or `embedding.path` to a directory with the model",
        ),
    };
    let extraction = match graphmill_graph::LocalExtractor::new(graph_options(config)) {
        Ok(_) => Finding::ok("graph", "the extraction models can be opened"),
        Err(error) => Finding::error(
            "graph",
            error.to_string(),
            "the models are part of the program: install it anew",
        ),
    };
    vec![embedding, extraction]
}

#[cfg(test)]
mod tests {
    use graphmill_config::Sources;

    use super::*;

    fn config(folder: &Path, settings: &[(&str, &str)]) -> Config {
        let mut sources = Sources::default();
        sources.set("data_dir", folder.display().to_string());
        for (key, value) in settings {
            sources.set(*key, *value);
        }
        Config::load(sources).unwrap().0
    }

    async fn wrong(config: &Config) -> Vec<(&'static str, Severity)> {
        let findings = examine(config).await;
        findings
            .iter()
            .filter(|finding| finding.severity > Severity::Ok && finding.code != "data_dir.room")
            .map(|finding| (finding.code, finding.severity))
            .collect()
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_yet_is_fine_and_nothing_is_made() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b");
        assert_eq!(wrong(&config(&folder, &[])).await, []);
        assert!(!temp.path().join("a").exists());
    }

    #[tokio::test]
    async fn what_is_in_the_way_is_named() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(
            temp.path().join("graphmill.db"),
            "no database at all. ".repeat(500),
        )
        .unwrap();
        assert_eq!(
            wrong(&config(temp.path(), &[])).await,
            [("sqlite", Severity::Error)]
        );
        let file = temp.path().join("file");
        fs::write(&file, "x").unwrap();
        let below_a_file = config(&file.join("data"), &[]);
        assert_eq!(wrong(&below_a_file).await, [("data_dir", Severity::Error)]);
    }

    #[tokio::test]
    async fn a_redis_that_is_not_there_is_an_error_that_may_pass() {
        let temp = tempfile::tempdir().unwrap();
        let config = config(temp.path(), &[("redis.url", "redis://:secret@127.0.0.1:1")]);
        let findings = examine_redis(&config).await;
        assert_eq!(findings.len(), 1);
        assert!(findings[0].is_away(), "{findings:?}");
        assert!(!format!("{findings:?}").contains("secret"), "{findings:?}");
    }
}
