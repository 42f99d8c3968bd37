//! The broker under measurement.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use graphmill_queue::{
    Broker, BrokerOptions,
    clock::SystemClock,
    ledger::{
        Ledger, LedgerBroker, LedgerOptions, PostgresDatabase, PostgresLedger, PostgresOptions,
        SqliteLedger, postgres::migrate,
    },
    redis::{RedisBroker, RedisOptions},
    sqlite::{Database, OpenOptions},
};

use crate::args::{BenchEngineArguments, Durability};

/// How long a migration may wait for another process's.
const MIGRATE: Duration = Duration::from_secs(30);

/// A broker, and the Redis below it.
pub(super) struct Engine {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) redis: RedisBroker,
    ledger: Option<Arc<LedgerBroker>>,
}

impl Engine {
    pub(super) async fn open(
        arguments: &BenchEngineArguments,
        prefix: &str,
    ) -> anyhow::Result<Self> {
        let options = RedisOptions {
            prefix: prefix.to_owned(),
            ..RedisOptions::new(&arguments.redis)
        };
        let redis = RedisBroker::new(options, BrokerOptions::default())?;
        redis.ping().await.context("Redis does not answer")?;
        if arguments.durability == Durability::Redis {
            return Ok(Self {
                broker: Arc::new(redis.clone()),
                redis,
                ledger: None,
            });
        }
        let Some(url) = &arguments.sql else {
            bail!(
                "--durability ledger needs --sql, such as postgres://user@host/database or sqlite:FILE"
            );
        };
        let sql = open_ledger(url)
            .await
            .context("the ledger cannot be opened")?;
        let ledger = Arc::new(LedgerBroker::new(
            Arc::new(redis.clone()),
            sql,
            Arc::new(SystemClock),
            LedgerOptions::default(),
        ));
        Ok(Self {
            broker: ledger.clone(),
            redis,
            ledger: Some(ledger),
        })
    }

    /// Waits until SQL has every end.
    pub(super) async fn close(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.close(MIGRATE).await;
        }
    }
}

async fn open_ledger(url: &str) -> anyhow::Result<Arc<dyn Ledger>> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let database = Database::open(path, OpenOptions::default()).await?;
        return Ok(Arc::new(SqliteLedger::new(database)));
    }
    migrate(url, MIGRATE).await?;
    let database = PostgresDatabase::connect(url, &PostgresOptions::default()).await?;
    Ok(Arc::new(PostgresLedger::new(database)))
}
