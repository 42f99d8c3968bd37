//! The test harness: the real binary as a child process on a temporary folder and a free port, driven over HTTP.
//!
//! Methods read like the user's story: `System::start(..)`, `system.upload(..)`, `system.wait_settled()`,
//! `system.kill()`. A system that is dropped is killed by its own pid.

pub mod corpus;
pub mod process;
pub mod redis;
pub mod system;
pub mod worker;

pub use redis::Redis;
pub use system::System;
pub use worker::Worker;
