//! Faults, provoked on real servers and real worker processes, and judged by a checker outside the system.
//!
//! A scenario is a function in [`scenarios`]: it starts its own servers, lets [worker processes](crew) loose on them, does
//! harm, waits until everything has ended, and has the [`checker`] judge by two kinds of files that the system does not
//! write: what was accepted ([`submits`]) and what handlers did ([`journal`]). `tests/selection.rs` runs every scenario
//! small; the program runs them at any scale and writes the table of `docs/reliability.md`.
//!
//! The worker is a role of this program ([`worker`]), because `cargo run` builds only the program that it runs.

#![expect(
    clippy::unwrap_used,
    reason = "a harness stops where something it needs is missing"
)]

pub mod arena;
pub mod checker;
pub mod crew;
pub mod journal;
pub mod report;
pub mod scenarios;
pub mod submits;
pub mod table;
pub mod worker;
