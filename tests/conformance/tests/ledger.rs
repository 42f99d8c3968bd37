//! A ledger changes nothing about what every broker must do.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod servers;

use std::{path::Path, sync::Arc, time::Duration};

use graphmill_queue::{
    Broker,
    clock::FakeClock,
    conformance::{self, Fixture},
    ledger::{Ledger, LedgerBroker, LedgerOptions},
    sqlite::{Database, OpenOptions, SqliteBroker},
};

async fn open(folder: &Path) -> Database {
    Database::open(folder.join("queue.db"), OpenOptions::default())
        .await
        .unwrap()
}

/// A ledger around a SQLite broker on `database`.
fn fixture_of(
    database: Database,
    ledger: Arc<dyn Ledger>,
    keep: Box<dyn std::any::Any + Send + Sync>,
) -> Fixture {
    let clock = clock();
    let inner = SqliteBroker::new(database, clock.clone(), conformance::options()).unwrap();
    around(Arc::new(inner), ledger, clock, keep)
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()))
}

/// A ledger around `inner`.
fn around(
    inner: Arc<dyn Broker>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<FakeClock>,
    keep: Box<dyn std::any::Any + Send + Sync>,
) -> Fixture {
    let options = LedgerOptions {
        broker: conformance::options(),
        ..LedgerOptions::default()
    };
    let broker = LedgerBroker::new(inner, ledger, clock.clone(), options);
    Fixture {
        broker: Arc::new(broker),
        advance: Box::new(move |time: Duration| {
            clock.advance(time.try_into().unwrap());
            Box::pin(async {})
        }),
        keep,
    }
}

mod on_sqlite {
    use graphmill_queue::ledger::SqliteLedger;

    use super::*;

    async fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let database = open(folder.path()).await;
        let ledger = Arc::new(SqliteLedger::new(database.clone()));
        fixture_of(database, ledger, Box::new(folder))
    }

    graphmill_queue::conformance_tests!(fixture);
}

mod on_postgres {
    use graphmill_queue::ledger::postgres::PostgresLedger;

    use super::*;
    use crate::servers::postgres;

    async fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let database = open(folder.path()).await;
        let url = postgres::shared().await;
        let ledger = PostgresLedger::new(postgres::connect(&url).await);
        fixture_of(database, Arc::new(ledger), Box::new(folder))
    }

    graphmill_queue::conformance_tests!(fixture);
}

mod redis_and_postgres {
    use graphmill_queue::{
        ledger::postgres::PostgresLedger,
        redis::{RedisBroker, RedisOptions},
    };
    use graphmill_servers::redis::{Persistence, Redis};

    use super::*;
    use crate::servers::postgres;

    async fn fixture() -> Fixture {
        let server = Redis::start(Persistence::None);
        let clock = clock();
        let inner = RedisBroker::with_clock(
            RedisOptions::new(server.url()),
            conformance::options(),
            Some(clock.clone()),
        )
        .unwrap();
        let url = postgres::shared().await;
        let ledger = PostgresLedger::new(postgres::connect(&url).await);
        around(Arc::new(inner), Arc::new(ledger), clock, Box::new(server))
    }

    graphmill_queue::conformance_tests!(fixture);
}
