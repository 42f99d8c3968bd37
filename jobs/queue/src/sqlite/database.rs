//! One SQLite file, opened once: who may open it, with which durability, and how its errors read.
//!
//! A file belongs to one process. `<file>.lock` beside it is locked exclusively for as long as the [`Database`]
//! lives (the kernel drops the lock with the process, however it dies), so a second process gets
//! [`Error::Locked`] instead of a second broker. Inside the process there is one writing connection and a pool of
//! readers; WAL lets readers go on while the writer writes.

use std::{
    fs::{File, OpenOptions as FileOptions, TryLockError},
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

use crate::{Error, Result};

/// Every table of the embedded profile: the queue's and the knowledge base's, in one history.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How a [`Database`] is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Connections that only read, 1–64.
    pub read_connections: u32,
    /// How long a statement waits for another connection's transaction.
    pub busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read_connections: 4,
            busy_timeout: Duration::from_secs(10),
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
    /// Held, never read: the lock lives as long as this handle.
    _lock: File,
}

/// The right to run one write transaction; ends when dropped.
#[derive(Debug)]
pub struct WriteTurn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Database {
    /// Opens or creates the file and its folder, takes the lock, and brings the schema up to date.
    ///
    /// # Errors
    /// - [`Error::Locked`]: another process has it.
    /// - [`Error::Corrupt`]: not a SQLite file, a damaged one, or one that a newer version wrote.
    /// - [`Error::Unavailable`]: the path cannot be written, or the disk is full.
    pub async fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let lock = lock(&path)?;
        let connect = connect_options(&path, options.busy_timeout);
        let open = async {
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
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                writer,
                readers,
                connect,
                turn: Arc::new(Semaphore::new(1)),
                _lock: lock,
            }),
        })
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
    pub async fn write_turn(&self) -> WriteTurn {
        // The semaphore is never closed.
        WriteTurn {
            _permit: Arc::clone(&self.shared.turn).acquire_owned().await.ok(),
        }
    }

    /// Returns the pool of connections that only read; each statement or transaction sees one snapshot.
    pub fn readers(&self) -> &SqlitePool {
        &self.shared.readers
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
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.shared.writer)
            .await;
        self.shared.writer.close().await;
        checkpoint.map(drop).map_err(|error| self.error(error))
    }
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

/// Creates the folder and locks `<path>.lock`.
fn lock(path: &Path) -> Result<File> {
    let unavailable = |at: &Path, error: std::io::Error| {
        Error::Unavailable(format!("`{}`: {error}", at.display()).into())
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|error| unavailable(folder, error))?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let file = FileOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| unavailable(&lock_path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: lock_path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(unavailable(&lock_path, error)),
    }
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
