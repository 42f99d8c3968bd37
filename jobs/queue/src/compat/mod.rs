//! Taking over what other job systems have queued.

pub mod apalis_redis;
