//! The SQLite broker does what every broker must.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    clock::FakeClock,
    conformance::{self, Fixture, model},
    sqlite::{Database, OpenOptions, SqliteBroker},
};

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let database = Database::open(folder.path().join("queue.db"), OpenOptions::default())
        .await
        .unwrap();
    let options = conformance::options();
    let broker = SqliteBroker::new(database, clock.clone(), options).unwrap();
    Fixture {
        broker: Arc::new(broker),
        advance: Box::new(move |time: Duration| {
            clock.advance(time.try_into().unwrap());
            Box::pin(async {})
        }),
        keep: Box::new(folder),
    }
}

graphmill_queue::conformance_tests!(fixture);

#[test]
fn the_broker_agrees_with_the_model() {
    model::run(fixture, model::Variant::default(), 256);
}
