//! The test harness: the real binary as a child process on a temporary folder and a free port, driven over HTTP.
//!
//! Methods read like the user's story: `System::start(..)`, `system.upload(..)`, `system.wait_settled()`,
//! `system.kill()`. A system that is dropped is killed by its own pid.

pub mod corpus;
pub mod outcome;
pub mod process;
pub mod system;
pub mod worker;

pub use system::System;
pub use worker::Worker;
