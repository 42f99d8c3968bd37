//! Real servers for tests, started here and gone when the tests are.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its part of this module"
)]

pub mod postgres;
