//! A PostgreSQL server, and what this program wants of its connections: every call bounded, every error named.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Error, Result};

/// Every table of the server profile.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");
/// The oldest version that has what the statements use.
const MIN_VERSION: u32 = 150_000;

/// How a [`PostgresDatabase`] is reached.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Connections, 1–1,000.
    pub max_connections: u32,
    /// How long a call waits for a connection, a new one included.
    pub acquire_timeout: Duration,
    /// How long one statement may run, on the server.
    pub statement_timeout: Duration,
    /// How long a call may take as a whole: ends calls that a dead connection would never answer.
    pub call_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(15),
        }
    }
}

/// A pool of connections to one database. Clones share it.
#[derive(Debug, Clone)]
pub struct PostgresDatabase {
    pool: PgPool,
    call_timeout: Duration,
}

impl PostgresDatabase {
    /// Connects, and checks the server's version and that the schema is this program's: [`migrate`] is a step of its own.
    ///
    /// # Errors
    /// - [`Error::Invalid`]: the URL is none, the server is too old, or its schema is missing or another version's.
    /// - [`Error::Unavailable`]: the server does not answer.
    pub async fn connect(url: &str, options: &PostgresOptions) -> Result<Self> {
        let connect = connect_options(url)?.options([
            (
                "statement_timeout",
                millis(options.statement_timeout).as_str(),
            ),
            (
                "lock_timeout",
                millis(options.statement_timeout / 2).as_str(),
            ),
            (
                "idle_in_transaction_session_timeout",
                millis(options.statement_timeout).as_str(),
            ),
            // Statements over arrays are planned for what they hold: a plan kept from when the table was empty would
            // scan it.
            ("plan_cache_mode", "force_custom_plan"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections.clamp(1, 1_000))
            .acquire_timeout(options.acquire_timeout)
            .connect_with(connect)
            .await
            .map_err(|error| storage_error(&error))?;
        let database = Self {
            pool,
            call_timeout: options.call_timeout,
        };
        database.call(database.check()).await?;
        Ok(database)
    }

    /// Returns the pool.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs a call within its time limit and gives its error the meaning it has for callers.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.call_timeout, call).await {
            Ok(result) => result.map_err(StepError::into_error),
            Err(_) => Err(Error::Unavailable(
                format!(
                    "PostgreSQL gave no answer within {} ms",
                    self.call_timeout.as_millis()
                )
                .into(),
            )),
        }
    }

    async fn check(&self) -> Result<(), StepError> {
        let version: String = sqlx::query_scalar("SHOW server_version_num")
            .fetch_one(&self.pool)
            .await?;
        if version.parse::<u32>().unwrap_or(0) < MIN_VERSION {
            return Err(Error::Invalid(format!(
                "PostgreSQL has version number {version}; at least {MIN_VERSION} (version 15) is needed"
            ))
            .into());
        }
        let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
        let applied: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(&self.pool)
                .await?;
        if applied < newest {
            return Err(missing_schema().into());
        }
        Ok(())
    }
}

/// Brings the schema up to date, under an advisory lock: of several processes one migrates, and the others wait for it.
///
/// # Errors
/// - [`Error::Invalid`]: the URL is none, or another version has written the schema.
/// - [`Error::Unavailable`]: the server does not answer within `connect_timeout`.
pub async fn migrate(url: &str, connect_timeout: Duration) -> Result<()> {
    let options = connect_options(url)?;
    let connect = tokio::time::timeout(connect_timeout, options.connect());
    let mut connection: PgConnection = match connect.await {
        Ok(connected) => connected.map_err(|error| storage_error(&error))?,
        Err(_) => {
            return Err(Error::Unavailable(
                "PostgreSQL does not accept the connection".into(),
            ));
        }
    };
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                storage_error(&error)
            }
            MigrateError::VersionMissing(version) => Error::Invalid(format!(
                "the database has schema version {version}, which a newer graphmill wrote; use that version"
            )),
            other => Error::Invalid(format!("the schema cannot be brought up to date: {other}")),
        })?;
    if let Err(error) = connection.close().await {
        tracing::debug!(error = %error, "connection did not close cleanly");
    }
    Ok(())
}

fn connect_options(url: &str) -> Result<PgConnectOptions> {
    // The error of a bad URL may quote it, password and all.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        Error::Invalid(
            "sql.url is not a PostgreSQL URL; expected postgres://user:password@host:port/database"
                .to_owned(),
        )
    })?;
    Ok(options
        .application_name("graphmill")
        .disable_statement_logging())
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn missing_schema() -> Error {
    Error::Invalid("the database has no tables of this version; run `graphmill migrate`".to_owned())
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Storage(#[from] sqlx::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Ledger(#[from] Error),
}

impl StepError {
    fn into_error(self) -> Error {
        match self {
            Self::Storage(error) => storage_error(&error),
            Self::Json(error) => Error::Invalid(format!("value does not serialise: {error}")),
            Self::Ledger(error) => error,
        }
    }
}

/// Tells what may pass (no connection, a shutdown, a deadlock, a full disk) from what will not.
///
/// SQLSTATE classes: 22 data, 23 constraints, 42 statements and rights: repeating cannot help. 28 and 3D (bad password,
/// no such database) are the operator's to mend. Everything else, and everything that is no answer of the server, may pass.
fn storage_error(error: &sqlx::Error) -> Error {
    let Some(answer) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Encode(_) => Error::Corrupt(format!("PostgreSQL: {error}")),
            _ => Error::Unavailable(format!("PostgreSQL: {error}").into()),
        };
    };
    let code = answer.code().unwrap_or_default();
    match code.get(..2) {
        _ if code == "42P01" => missing_schema(),
        Some("22" | "23" | "42") => {
            Error::Corrupt(format!("PostgreSQL refuses a statement ({code}): {answer}"))
        }
        Some("28") => Error::Invalid(format!("PostgreSQL refuses the login of sql.url: {answer}")),
        Some("3D") => Error::Invalid(format!("the database of sql.url is missing: {answer}")),
        _ => Error::Unavailable(format!("PostgreSQL ({code}): {answer}").into()),
    }
}
