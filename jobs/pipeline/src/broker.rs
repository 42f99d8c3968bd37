//! Which broker jobs wait in: the one place where the settings choose it.

use std::{sync::Arc, time::Duration};

use graphmill_config::{Config, Durability, SecretUrl};
use graphmill_queue::{
    Broker, BrokerOptions, Error,
    clock::Clock,
    ledger::{self, LedgerBroker, LedgerOptions, SqliteLedger},
    redis::{RedisBroker, RedisOptions},
    runtime::NoObserver,
    sqlite::{Database, SqliteBroker},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// How often the ledger is compared with Redis, and how many rows at a time; all of them at once when Redis has lost jobs.
const RECONCILE_EVERY: Duration = Duration::from_secs(1);
const RECONCILE_BATCH: usize = 1_000;
/// How long a closing process waits for ends of jobs to be written; the reconciler of another finds the rest.
const CLOSE: Duration = Duration::from_secs(5);

/// A broker, and what of it must be ended when nothing uses it any more.
pub struct OpenBroker {
    /// The contract.
    pub broker: Arc<dyn Broker>,
    /// The ledger around it, where there is one.
    pub ledger: Option<LedgerBroker>,
    /// Its writing thread, which ends before the database closes. Redis has nothing to end: connections just close.
    sqlite: Option<Arc<SqliteBroker>>,
    reconciler: Option<(CancellationToken, AbortOnDropHandle<()>)>,
}

impl OpenBroker {
    /// Runs what was asked of it before, then ends it.
    pub async fn close(self) {
        if let Some((stop, reconciler)) = self.reconciler {
            stop.cancel();
            drop(reconciler.await);
        }
        if let Some(ledger) = self.ledger {
            ledger.close(CLOSE).await;
        }
        if let Some(sqlite) = self.sqlite {
            sqlite.close().await;
        }
    }
}

/// Opens the broker that the settings name: Redis where `redis.url` is set, else SQLite. Redis need not be there: every
/// call says so until it is.
///
/// # Errors
/// [`Error::Invalid`] for a URL that cannot be read, [`Error::Unavailable`] when the system gives no thread.
pub fn open_broker(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
) -> Result<OpenBroker, Error> {
    let options = broker_options(config);
    let Some(url) = &config.redis.url else {
        let sqlite = Arc::new(SqliteBroker::new(database.clone(), clock.clone(), options)?);
        return Ok(OpenBroker {
            broker: sqlite.clone(),
            ledger: None,
            sqlite: Some(sqlite),
            reconciler: None,
        });
    };
    let redis: Arc<dyn Broker> = Arc::new(RedisBroker::new(redis_options(config, url), options)?);
    Ok(match config.queue.durability {
        Durability::Redis => OpenBroker {
            broker: redis,
            ledger: None,
            sqlite: None,
            reconciler: None,
        },
        Durability::Ledger => with_ledger(config, redis, database, clock),
    })
}

/// Puts the ledger around Redis and keeps the two in agreement. Every process does; they may do so at once.
fn with_ledger(
    config: &Config,
    redis: Arc<dyn Broker>,
    database: &Database,
    clock: &Arc<dyn Clock>,
) -> OpenBroker {
    let ledger = LedgerBroker::new(
        redis,
        Arc::new(SqliteLedger::new(database.clone())),
        Arc::clone(clock),
        LedgerOptions {
            broker: broker_options(config),
            ..LedgerOptions::default()
        },
    );
    let stop = CancellationToken::new();
    let reconciler = ledger::run(
        ledger.clone(),
        RECONCILE_EVERY,
        RECONCILE_BATCH,
        Arc::new(NoObserver),
        stop.clone(),
    );
    OpenBroker {
        broker: Arc::new(ledger.clone()),
        ledger: Some(ledger),
        sqlite: None,
        reconciler: Some((stop, AbortOnDropHandle::new(tokio::spawn(reconciler)))),
    }
}

fn redis_options(config: &Config, url: &SecretUrl) -> RedisOptions {
    RedisOptions {
        url: url.expose().to_owned(),
        prefix: config.redis.prefix.clone(),
        wait_replicas: config.redis.wait_replicas,
        idle_poll: config.redis.idle_poll,
    }
}

fn broker_options(config: &Config) -> BrokerOptions {
    let queue = &config.queue;
    BrokerOptions {
        crash_budget: queue.crash_budget,
        max_payload_bytes: queue.max_payload_size.as_u64() as usize,
        max_result_bytes: queue.max_result_size.as_u64() as usize,
        max_checkpoint_bytes: queue.max_checkpoint_size.as_u64() as usize,
        max_errors: queue.max_errors,
        starvation_after: queue.starvation_after,
    }
}
