//! What becomes of a job: decided here once, for brokers that decide in Rust.
//!
//! A broker finds rows and stores them; between the two, the functions of this module say where they go. None of them
//! knows the time, a store or another job unless it is handed in, so each can be read, and tested, by itself:
//!
//! - [`row`]: a job as a row, and its single steps, each of which asks [`crate::state::next`];
//! - [`check`], [`submit`]: which jobs are accepted, and where they begin;
//! - [`fetch`], [`scopes`], [`share`]: which may be leased now, and whose turn it is;
//! - [`renew`], [`finish`], [`sweep`], [`control`]: what a worker, time and people do to them;
//! - [`page`]: how lists are cut.

pub(crate) mod check;
pub(crate) mod control;
pub(crate) mod fetch;
pub(crate) mod finish;
pub(crate) mod page;
pub(crate) mod renew;
pub(crate) mod row;
pub(crate) mod scopes;
pub(crate) mod share;
pub(crate) mod submit;
pub(crate) mod sweep;
