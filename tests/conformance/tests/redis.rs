//! The Redis broker does what every broker must: on one server, behind Sentinel, on a Cluster.

#![expect(
    clippy::unwrap_used,
    clippy::unused_async,
    reason = "a test stops where something is missing; fixtures are async for all brokers"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use graphmill_queue::{
    clock::FakeClock,
    conformance::{self, Fixture, model},
    redis::{RedisBroker, RedisOptions},
};
use graphmill_servers::{
    cluster::Cluster,
    redis::{Persistence, Redis},
    sentinel::SentinelSet,
};

fn fixture(url: String, prefix: &str, keep: Box<dyn std::any::Any + Send + Sync>) -> Fixture {
    let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let options = conformance::options();
    let redis = RedisOptions {
        prefix: prefix.to_owned(),
        ..RedisOptions::new(url)
    };
    let broker = RedisBroker::with_clock(redis, options, Some(clock.clone())).unwrap();
    Fixture {
        broker: Arc::new(broker),
        advance: Box::new(move |time: Duration| {
            clock.advance(time.try_into().unwrap());
            Box::pin(async {})
        }),
        keep,
    }
}

async fn one_server() -> Fixture {
    let server = Redis::start(Persistence::None);
    fixture(server.url(), "gm", Box::new(server))
}

graphmill_queue::conformance_tests!(one_server);

#[test]
fn the_broker_agrees_with_the_model() {
    let server = Redis::start(Persistence::None);
    let cases = AtomicU32::new(0);
    let start = || {
        let case = cases.fetch_add(1, Ordering::SeqCst);
        let fixture = fixture(server.url(), &format!("case-{case}"), Box::new(()));
        async move { fixture }
    };
    let variant = model::Variant {
        reach: model::Reach::Queue,
        fetch_promotes: true,
    };
    model::run(start, variant, 256);
}

async fn behind_sentinel(set: &SentinelSet, case: &str) -> Fixture {
    fixture(set.url(), case, Box::new(()))
}

graphmill_queue::conformance_tests!(
    one_test all_cases_pass_behind_sentinel,
    SentinelSet::start,
    behind_sentinel
);

async fn on_a_cluster(cluster: &Cluster, case: &str) -> Fixture {
    fixture(cluster.url(), case, Box::new(()))
}

graphmill_queue::conformance_tests!(
    one_test all_cases_pass_on_a_cluster,
    Cluster::start,
    on_a_cluster
);
