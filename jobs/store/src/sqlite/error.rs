//! What a SQLite error means to a caller.

use crate::Error;

/// SQLite's primary result codes that callers treat differently (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CONSTRAINT: u32 = 19;
    pub(super) const NOT_A_DATABASE: u32 = 26;
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let primary = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok())
            // The upper bytes tell variants of the primary code.
            .map(|code| code & 0xff);
        match (primary, &error) {
            (Some(code::FULL), _) => Self::Full("the database's folder".to_owned()),
            // Every constraint is checked in Rust before the write: one that fires shows a call that breaks the contract.
            (Some(code::CONSTRAINT), _) => Self::Invalid(error.to_string()),
            (Some(code::CORRUPT | code::NOT_A_DATABASE), _)
            | (
                None,
                sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::TypeNotFound { .. },
            ) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}
