//! Real servers for tests: on loopback, on free ports, with their data in a temporary folder, stopped by their own pid.
//!
//! Everything here panics where a server cannot be had: a test without its server has nothing to say.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "only tests call this, and it waits on threads of its own"
)]

pub mod cluster;
pub mod port;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod sentinel;
