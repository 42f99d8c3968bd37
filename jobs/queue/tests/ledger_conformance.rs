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
    conformance::{CRASH_BUDGET, Fixture, MAX_BYTES, MAX_ERRORS},
    ledger::{Ledger, LedgerBroker, LedgerOptions},
    sqlite::{BrokerOptions, Database, OpenOptions, SqliteBroker},
};

fn options() -> BrokerOptions {
    BrokerOptions {
        crash_budget: CRASH_BUDGET,
        max_payload_bytes: MAX_BYTES,
        max_result_bytes: MAX_BYTES,
        max_checkpoint_bytes: MAX_BYTES,
        max_errors: MAX_ERRORS,
        ..BrokerOptions::default()
    }
}

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
    let clock = Arc::new(FakeClock::new("2026-01-02T03:04:05Z".parse().unwrap()));
    let inner: Arc<dyn Broker> =
        Arc::new(SqliteBroker::new(database, clock.clone(), options()).unwrap());
    let options = LedgerOptions {
        broker: options(),
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
