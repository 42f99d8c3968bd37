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
//! - **inspection**: [`why`] — why a job does not run; [`workers`] — who there is to run it;
//!   [`event_stream`] — what happens, as it happens;
//! - **the clock**: [`schedule`] — jobs that are submitted at every tick;
//! - **fan-out**: [`batch`] — many jobs, and one that runs when all have ended;
//! - **operation**: [`operate`] — one thing done to every job of a filter; [`transfer`] — jobs as NDJSON;
//! - **execution**: [`runtime`] — apalis hosts the handlers; leases are kept from a thread of
//!   their own; outcomes are stored in batches until the broker has them.

pub mod batch;
pub mod broker;
pub mod client;
pub mod clock;
#[cfg(feature = "compat-apalis-redis")]
pub mod compat;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod event_stream;
pub mod file_lock;
pub mod handler;
pub mod id;
pub mod job;
pub mod ledger;
pub mod memory;
pub mod operate;
pub mod options;
pub mod outcome;
pub mod redis;
pub mod retry;
mod rules;
pub mod runtime;
pub mod schedule;
pub mod sqlite;
pub mod state;
pub mod transfer;
mod wake;
pub mod why;
pub mod workers;

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
