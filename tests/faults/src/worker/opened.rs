//! Redis, or Redis with a ledger in a SQLite file that all processes of the scenario share.

use std::{path::Path, sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, BrokerOptions,
    clock::SystemClock,
    ledger::{self, LedgerBroker, LedgerOptions, SqliteLedger},
    redis::{RedisBroker, RedisOptions},
    runtime::NoObserver,
    schedule::ScheduleStore,
    sqlite::{Database, OpenOptions, SqliteSchedules},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// How often the ledger is compared with Redis, and how many rows at a time: as a worker of the system does.
const RECONCILE_EVERY: Duration = Duration::from_secs(1);
const RECONCILE_BATCH: usize = 1_000;
/// How long ends may take to be written at the end.
const CLOSE: Duration = Duration::from_secs(5);

/// A broker, and what stands behind it.
pub struct Opened {
    /// The contract.
    pub broker: Arc<dyn Broker>,
    ledger: Option<(LedgerBroker, Database)>,
    _reconciler: Option<AbortOnDropHandle<()>>,
}

impl Opened {
    /// Opens a broker; nothing of Redis need be there yet.
    pub async fn open(redis: RedisOptions, options: BrokerOptions, ledger: Option<&Path>) -> Self {
        let redis = Arc::new(RedisBroker::new(redis, options.clone()).unwrap());
        let Some(path) = ledger else {
            return Self {
                broker: redis,
                ledger: None,
                _reconciler: None,
            };
        };
        let shared = OpenOptions {
            shared: true,
            ..OpenOptions::default()
        };
        let database = Database::open(path, shared).await.unwrap();
        let options = LedgerOptions {
            broker: options,
            ..LedgerOptions::default()
        };
        let rows = Arc::new(SqliteLedger::new(database.clone()));
        let ledger = LedgerBroker::new(redis, rows, Arc::new(SystemClock), options);
        let reconciler = ledger::run(
            ledger.clone(),
            RECONCILE_EVERY,
            RECONCILE_BATCH,
            Arc::new(NoObserver),
            CancellationToken::new(),
        );
        Self {
            broker: Arc::new(ledger.clone()),
            ledger: Some((ledger, database)),
            _reconciler: Some(AbortOnDropHandle::new(tokio::spawn(reconciler))),
        }
    }

    /// Returns the schedules of the ledger's database.
    pub fn schedules(&self) -> Arc<dyn ScheduleStore> {
        let (_, database) = self.ledger.as_ref().expect("schedules need a database");
        Arc::new(SqliteSchedules::new(database.clone()))
    }

    /// Writes the ends that are not written yet.
    pub async fn close(&self) {
        if let Some((ledger, _)) = &self.ledger {
            ledger.close(CLOSE).await;
        }
    }
}
