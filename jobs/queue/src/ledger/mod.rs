//! Durability `ledger`: SQL remembers, a broker dispatches.
//!
//! [`LedgerBroker`] wraps any [`crate::Broker`] and keeps, in SQL, a row for each accepted job:
//!
//! ```text
//!  submit ──▶ insert into ledger_jobs (one statement) ──▶ broker.submit       acknowledged after the SQL commit
//!  finish ──▶ broker.finish ──▶ settler ──(≤ 200 ms, ≤ 5,000 a statement)──▶ ledger_jobs.state
//!  reconciler ──▶ rows that are not settled: unknown to the broker? dispatch again · ended there? settle
//! ```
//!
//! - **Who writes**: `submit` inserts rows, [`settle`] changes them when their jobs end, the [`Reconciled`] does what the
//!   two could not. Rows are not touched in between, but for what failed attempts cost.
//! - **Who reads**: lists, counts and `get` ask the broker for what lives and the ledger for what the broker has pruned.
//! - **When the broker is emptied**, every row that is not settled is dispatched again, in the order of acceptance, with
//!   the attempts it had spent ([`crate::Broker::readmit`]); the id makes that happen once, whoever does it.
//! - **When the broker is away**, submits are accepted and dispatched when it is back. **When SQL is away**, submits fail,
//!   jobs go on, and their ends are kept until SQL has them.
//! - **When the process dies** between two steps, the row is there: the reconciler finds it dispatched or not.
//!
//! A row is settled by the newest end of its job, by lease epoch and instant, so that reports may come late, twice, and
//! from several processes.

mod audit;
mod broker;
mod changes;
mod columns;
mod contract;
mod entry;
mod filter;
mod history;
mod insert;
mod leases;
mod lookup;
pub mod postgres;
mod reconcile;
pub mod settle;
mod sqlite;
mod submit;

pub use self::{
    audit::{LedgerAudit, audit},
    broker::{LedgerBroker, LedgerOptions},
    contract::{
        Holder, Inserted, Keep, Ledger, MAX_SETTLE, Note, Reopen, Reopened, Settlement, Sums,
    },
    entry::{Entry, EntryKey, StoredJob},
    postgres::{PostgresDatabase, PostgresLedger, PostgresOptions},
    reconcile::{Reconciled, run},
    sqlite::SqliteLedger,
};
