//! The Redis broker does what every broker must, on a real server.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

#[expect(
    unreachable_pub,
    dead_code,
    reason = "each test target uses a part of the servers"
)]
mod servers;

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    clock::FakeClock,
    conformance::{CRASH_BUDGET, Fixture, MAX_BYTES, MAX_ERRORS},
    redis::{RedisBroker, RedisOptions},
    sqlite::BrokerOptions,
};

async fn fixture() -> Fixture {
    let server = servers::redis::Redis::start();
    let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let options = BrokerOptions {
        crash_budget: CRASH_BUDGET,
        max_payload_bytes: MAX_BYTES,
        max_result_bytes: MAX_BYTES,
        max_checkpoint_bytes: MAX_BYTES,
        max_errors: MAX_ERRORS,
        ..BrokerOptions::default()
    };
    let broker = RedisBroker::with_clock(
        RedisOptions::new(server.url()),
        options,
        Some(clock.clone()),
    )
    .unwrap();
    Fixture {
        broker: Arc::new(broker),
        advance: Box::new(move |time: Duration| {
            clock.advance(time.try_into().unwrap());
            Box::pin(async {})
        }),
        keep: Box::new(server),
    }
}

graphmill_queue::conformance_tests!(fixture);
