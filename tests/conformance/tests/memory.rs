//! The memory broker does what every broker must.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    clock::FakeClock,
    conformance::{self, Fixture, model},
    memory::MemoryBroker,
};

async fn fixture() -> Fixture {
    let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let options = conformance::options();
    Fixture {
        broker: Arc::new(MemoryBroker::new(clock.clone(), options)),
        advance: Box::new(move |time: Duration| {
            clock.advance(time.try_into().unwrap());
            Box::pin(async {})
        }),
        keep: Box::new(()),
    }
}

graphmill_queue::conformance_tests!(fixture);

#[test]
fn the_broker_agrees_with_the_model() {
    model::run(fixture, model::Variant::default(), 10_000);
}
