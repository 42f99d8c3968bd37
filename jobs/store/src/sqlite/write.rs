//! A transaction that writes, and what it changes for searches in memory.

use graphmill_queue::sqlite::WriteTurn;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::{
    SqliteStore,
    vectors::{VectorChange, WriteGuard, shared},
};
use crate::Result;

/// A write transaction. Dropped without [`Write::commit`] it leaves nothing behind.
pub(super) struct Write<'a> {
    store: &'a SqliteStore,
    transaction: Transaction<'static, Sqlite>,
    /// Applied to the loaded indexes once the transaction is durable.
    changes: Vec<VectorChange>,
    /// No index begins to load while this transaction runs: whatever it changes is in the snapshot or in `changes`.
    guard: WriteGuard,
    /// Last, so that it ends after the transaction.
    _turn: WriteTurn,
}

impl Write<'_> {
    /// Returns the connection inside the transaction.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Tells whether any index may be in memory, here or in a process that shares the file, so that changes must be told.
    pub(super) fn tracks_vectors(&self) -> bool {
        self.guard.has_indexes() || self.store.database.is_shared()
    }

    /// Notes what searches must see once this is committed.
    pub(super) fn note(&mut self, changes: impl IntoIterator<Item = VectorChange>) {
        self.changes.extend(changes);
    }

    /// Makes everything durable, then visible to vector searches.
    pub(super) async fn commit(mut self) -> Result<()> {
        let is_shared = self.store.database.is_shared();
        if is_shared {
            shared::publish(&mut self.transaction, &self.changes).await?;
        }
        self.transaction.commit().await?;
        if !is_shared {
            self.store.vectors.apply(&self.changes);
        }
        Ok(())
    }
}

impl SqliteStore {
    pub(super) async fn write(&self) -> Result<Write<'_>> {
        let guard = self.vectors.write_guard().await;
        let turn = self.database.write_turn().await;
        let transaction = self.begin().await?;
        Ok(Write {
            store: self,
            transaction,
            changes: Vec::new(),
            guard,
            _turn: turn,
        })
    }

    /// Begins a transaction, on a new connection where the old one can no longer: a full disk makes SQLite end a
    /// transaction by itself, the rollback after it fails, and sqlx goes on counting one that is not there.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        let writer = self.database.writer();
        match writer.begin_with("BEGIN IMMEDIATE").await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                tracing::warn!(
                    "the writing connection is replaced after a transaction that SQLite ended"
                );
                writer.acquire().await?.close().await?;
                Ok(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            begun => Ok(begun?),
        }
    }
}
