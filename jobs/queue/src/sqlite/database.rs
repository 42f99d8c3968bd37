//! One SQLite file, opened once: who may open it, with which durability, and how its errors read.
//!
//! A file belongs to one process, or to the processes that opened it as shared. `<file>.lock` beside it is locked,
//! exclusively or shared, for as long as the [`Database`] lives (the kernel drops the lock with the process, however it
//! dies), so whoever does not fit in gets [`Error::Locked`] instead of a second broker. Inside a process there is one
//! writing connection and a pool of readers; WAL lets readers go on while the writer writes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Error, Result,
    file_lock::{Held, Mode, Room, hold, try_hold},
};

/// Every table of the embedded profile: the queue's and the knowledge base's, in one history.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long another process may take to bring the schema up to date.
const MIGRATE: Duration = Duration::from_hours(24);

/// How a [`Database`] is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Connections that only read, 1–64.
    pub read_connections: u32,
    /// How long a statement waits for another connection's transaction.
    pub busy_timeout: Duration,
    /// Whether other processes may have the file open too, all of them shared. The broker on SQLite may not.
    pub shared: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read_connections: 4,
            busy_timeout: Duration::from_secs(10),
            shared: false,
        }
    }
}

/// An open database file. Clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    connect: SqliteConnectOptions,
    turn: Arc<Semaphore>,
    /// How processes take turns, where others may have the file open too.
    between: Option<Room>,
    busy_timeout: Duration,
    /// Held, never read: the lock lives as long as this handle.
    _lock: Held,
}

/// The right to run one write transaction; ends when dropped.
#[derive(Debug)]
pub struct WriteTurn {
    /// First, so that another process may have its turn before this one's next writer asks.
    _between: Option<Held>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Database {
    /// Opens or creates the file and its folder, takes the lock, and brings the schema up to date.
    ///
    /// # Errors
    /// - [`Error::Locked`]: another process has it and does not share it, or shares it while this one wants it alone.
    /// - [`Error::Corrupt`]: not a SQLite file, a damaged one, or one that a newer version wrote.
    /// - [`Error::Unavailable`]: the path cannot be written, or the disk is full.
    pub async fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let lock = lock(&path, options.shared)?;
        let connect = connect_options(&path, options.busy_timeout);
        let open = async {
            // sqlx takes no lock on SQLite while it migrates, and the switch to WAL waits for nobody: processes that
            // start at the same moment do this one after the other.
            let _alone = hold(
                &beside(&path, ".migrate.lock"),
                Mode::Alone,
                tokio::time::Instant::now() + MIGRATE,
            )
            .await
            .map_err(sqlx::Error::Io)?;
            let writer = SqlitePoolOptions::new()
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with(connect.clone())
                .await?;
            MIGRATIONS.run(&writer).await?;
            let readers = SqlitePoolOptions::new()
                .max_connections(options.read_connections.clamp(1, 64))
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with(connect.clone().pragma("query_only", "ON"))
                .await?;
            Ok::<_, MigrateError>((writer, readers))
        };
        let (writer, readers) = open.await.map_err(|error| migration_error(&path, error))?;
        let between = options
            .shared
            .then(|| Room::new(beside(&path, ".door.lock"), beside(&path, ".write.lock")));
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                writer,
                readers,
                connect,
                turn: Arc::new(Semaphore::new(1)),
                between,
                busy_timeout: options.busy_timeout,
                _lock: lock,
            }),
        })
    }

    /// Looks at a file without taking or changing it, also while others have it open, and returns how many steps the next
    /// start takes to bring its schema up to date. Its pages are read for at most `look_for`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::Unavailable`], as [`Database::open`] would give them.
    pub async fn inspect(path: &Path, look_for: Duration) -> Result<usize> {
        let failed = |error: &sqlx::Error| storage_error(path, error);
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(look_for)
            .connect()
            .await
            .map_err(|error| failed(&error))?;
        // Fails where the file is no database; an empty one has no such table.
        let applied: Vec<i64> = if is_migrated(&mut connection)
            .await
            .map_err(|error| failed(&error))?
        {
            sqlx::query_scalar(
                "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version",
            )
            .fetch_all(&mut connection)
            .await
            .map_err(|error| failed(&error))?
        } else {
            Vec::new()
        };
        let known: Vec<i64> = MIGRATIONS.iter().map(|step| step.version).collect();
        if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
            return Err(migration_error(
                path,
                MigrateError::VersionMissing(*unknown),
            ));
        }
        let check =
            sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut connection);
        match tokio::time::timeout(look_for, check).await {
            Ok(Ok(found)) if found == "ok" => {}
            Ok(Ok(found)) => {
                return Err(Error::Corrupt(format!(
                    "`{}` is damaged: {found}",
                    path.display()
                )));
            }
            Ok(Err(error)) => return Err(failed(&error)),
            // A large file: what was read until now was well.
            Err(_) => {}
        }
        Ok(known.len() - applied.len())
    }

    /// Returns the pool of one connection that writes. Begin with `BEGIN IMMEDIATE`
    /// (`pool.begin_with("BEGIN IMMEDIATE")`), and hold no transaction across slow work: the queue writes too.
    pub fn writer(&self) -> &SqlitePool {
        &self.shared.writer
    }

    /// Waits for the turn to write: first come, first served, whichever thread or runtime asks. Every `BEGIN IMMEDIATE`
    /// belongs inside one.
    ///
    /// SQLite itself lets waiting connections poll its lock with growing pauses, so a connection that begins a
    /// transaction right after its last one starves the others: under load the queue's renewals waited longer than a lease.
    /// Between processes that share the file lock files do the same.
    pub async fn write_turn(&self) -> WriteTurn {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.shared.turn).acquire_owned().await.ok();
        let between = match &self.shared.between {
            // A process that hangs in its turn is SQLite's to tell.
            Some(room) => room.enter(Mode::Alone, self.shared.busy_timeout).await.ok(),
            None => None,
        };
        WriteTurn {
            _between: between,
            _permit: permit,
        }
    }

    /// Returns the pool of connections that only read; each statement or transaction sees one snapshot.
    pub fn readers(&self) -> &SqlitePool {
        &self.shared.readers
    }

    /// Tells whether other processes may have the file open too.
    pub fn is_shared(&self) -> bool {
        self.shared.between.is_some()
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Opens one more connection, for a thread that must not depend on the pools' runtime.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection> {
        self.shared
            .connect
            .connect()
            .await
            .map_err(|error| self.error(error))
    }

    /// Gives an error of the storage the meaning it has for callers, and names the file.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "made for `map_err`, which gives the error by value"
    )]
    pub fn error(&self, error: sqlx::Error) -> Error {
        storage_error(&self.shared.path, &error)
    }

    /// Writes the WAL back into the file and closes both pools. Brokers on this database must be closed before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the checkpoint fails; nothing is lost, the next open replays the WAL.
    pub async fn close(&self) -> Result<()> {
        self.shared.readers.close().await;
        // Others may be at work in a shared file: what they have open is not waited for, the last one to close does it.
        let checkpoint = if self.is_shared() {
            "PRAGMA wal_checkpoint(PASSIVE)"
        } else {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        };
        let checkpoint = sqlx::query(checkpoint).execute(&self.shared.writer).await;
        self.shared.writer.close().await;
        checkpoint.map(drop).map_err(|error| self.error(error))
    }
}

async fn is_migrated(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')",
    )
    .fetch_one(connection)
    .await
}

/// Closes a connection of one's own.
pub(crate) async fn disconnect(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(error = %error, "connection did not close cleanly");
    }
}

fn connect_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged survives a power cut. The broker lowers this on its own connection for
        // verbs whose loss only repeats work.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
        .pragma("journal_size_limit", "67108864")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// The name of a file beside another one.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Creates the folder and locks `<path>.lock`.
fn lock(path: &Path, shared: bool) -> Result<Held> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|error| unavailable(folder, &error))?;
    }
    let lock_path = beside(path, ".lock");
    let mode = if shared { Mode::Shared } else { Mode::Alone };
    match try_hold(&lock_path, mode) {
        Ok(Some(held)) => Ok(held),
        Ok(None) => Err(Error::Locked {
            path: lock_path.display().to_string(),
        }),
        Err(error) => Err(unavailable(&lock_path, &error)),
    }
}

fn unavailable(at: &Path, error: &std::io::Error) -> Error {
    Error::Unavailable(format!("`{}`: {error}", at.display()).into())
}

fn migration_error(path: &Path, error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            storage_error(path, &error)
        }
        MigrateError::VersionMissing(version) => Error::Corrupt(format!(
            "`{}` has schema version {version}, which a newer graphmill wrote; use that version, or another `data_dir`",
            path.display()
        )),
        MigrateError::VersionMismatch(version) => Error::Corrupt(format!(
            "`{}`: schema version {version} differs from this program's; use the version that wrote it, or another `data_dir`",
            path.display()
        )),
        other => Error::Corrupt(format!("`{}`: {other}", path.display())),
    }
}

/// Tells damage (11, 26) from a full disk (13) and from the rest, which may pass.
fn storage_error(path: &Path, error: &sqlx::Error) -> Error {
    let primary = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok())
        .map(|code| code & 0xff);
    let path = path.display();
    match primary {
        Some(26) => Error::Corrupt(format!(
            "`{path}` is not a SQLite database; restore it from a backup, or set another `data_dir`"
        )),
        Some(11) => Error::Corrupt(format!(
            "`{path}` is damaged ({error}); restore it from a backup, or recover it with `sqlite3 {path} .recover`"
        )),
        Some(13) => Error::Unavailable(
            format!("the disk that holds `{path}` is full; free space, the write is repeated")
                .into(),
        ),
        _ => Error::Unavailable(format!("`{path}`: {error}").into()),
    }
}

#[cfg(test)]
#[path = "database_test.rs"]
mod tests;
