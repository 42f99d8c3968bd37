//! The job engine: what a job is, which states it passes through, and who may move it.
//!
//! The crate knows no document. It has four layers, each of which only knows the ones above it:
//!
//! - **model**: [`job`], [`state`], [`outcome`], [`retry`] — pure data and arithmetic;
//! - **contract**: [`broker`] — the verbs that every broker answers, with one meaning; `rules` — what follows from
//!   them for a job, for brokers that decide in Rust;
//! - **brokers**: [`sqlite`] — the contract on one SQLite file; [`memory`] — in the memory of one process, for tests;
//!   [`redis`] — on Redis, Sentinel or Cluster;
//!   [`ledger`] — any broker, remembered in SQL;
//! - **execution**: [`runtime`] — apalis hosts the handlers; leases are kept from a thread of
//!   their own; outcomes are stored in batches until the broker has them.

pub mod broker;
pub mod client;
pub mod clock;
#[cfg(feature = "compat-apalis-redis")]
pub mod compat;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod handler;
pub mod id;
pub mod job;
pub mod ledger;
pub mod memory;
pub mod options;
pub mod outcome;
pub mod redis;
pub mod retry;
mod rules;
pub mod runtime;
pub mod sqlite;
pub mod state;
mod wake;

pub use broker::Broker;
pub use client::Client;
pub use error::{Error, Result};
pub use handler::{Job, JobContext};
pub use id::{JobId, WorkerId};
pub use job::{JobRecord, NewJob, Priority};
pub use options::BrokerOptions;
pub use outcome::Outcome;
pub use runtime::Worker;
pub use state::{DeadReason, JobState};
