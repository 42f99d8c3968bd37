//! A Redis server with a queue of a stock apalis-redis producer, and what its keys say.

use std::{ops::Range, time::Duration};

use apalis_redis::{Config, ConnectionManager, RedisStorage};
use graphmill_queue::{
    Broker, BrokerOptions,
    broker::JobFilter,
    compat::apalis_redis::{ApalisQueue, Drained, Source, drain},
    redis::{RedisBroker, RedisOptions},
};
use graphmill_servers::redis::{Persistence, Redis};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// What the producer pushes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Email {
    pub(crate) number: u32,
    pub(crate) to: String,
}

/// Returns one task a number.
pub(crate) fn emails(numbers: Range<u32>) -> Vec<Email> {
    numbers
        .map(|number| Email {
            number,
            to: format!("{number}@example.org"),
        })
        .collect()
}

/// Waits until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting)
        .await
        .unwrap();
}

/// A server that has both their queue `emails` and our broker.
pub(crate) struct World {
    server: Redis,
}

impl World {
    pub(crate) fn start() -> Self {
        let server = Redis::start(Persistence::None);
        Self { server }
    }

    pub(crate) async fn connection(&self) -> ConnectionManager {
        apalis_redis::connect(self.server.url()).await.unwrap()
    }

    pub(crate) fn config() -> Config {
        Config::default().queue("emails")
    }

    /// A stock producer.
    pub(crate) async fn storage(&self) -> RedisStorage<Email> {
        RedisStorage::new(self.connection().await).with_config(Self::config())
    }

    pub(crate) fn broker(&self) -> RedisBroker {
        Self::broker_at(&self.server.url())
    }

    pub(crate) fn broker_at(url: &str) -> RedisBroker {
        RedisBroker::new(RedisOptions::new(url), BrokerOptions::default()).unwrap()
    }

    pub(crate) fn settings(&self) -> ApalisQueue {
        ApalisQueue {
            target_queue: "mail".to_owned(),
            ..ApalisQueue::new(self.server.url(), "emails", "email.send")
        }
    }

    /// Drains until so many tasks have gone through.
    pub(crate) async fn drain_all(
        &self,
        source: &mut Source,
        broker: &dyn Broker,
        tasks: usize,
    ) -> Drained {
        let drained = drain(source, broker, &CancellationToken::new())
            .await
            .unwrap();
        let sum = drained.moved + drained.repeated + drained.dead;
        assert_eq!(sum, tasks, "{drained:?}");
        drained
    }

    /// The numbers of the emails in the broker, in order.
    pub(crate) async fn numbers(&self, broker: &dyn Broker) -> Vec<u32> {
        let (mut numbers, mut cursor) = (Vec::new(), None);
        loop {
            let page = broker
                .list(&JobFilter::default(), cursor.as_deref(), 1_000)
                .await
                .unwrap();
            for job in &page.items {
                let email: Email = serde_json::from_value(job.spec.payload.clone()).unwrap();
                numbers.push(email.number);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn cli(&self, words: &[&str]) -> String {
        self.server.cli(words).trim_end().to_owned()
    }

    fn count(&self, words: &[&str]) -> usize {
        self.cli(words).parse().unwrap()
    }

    /// Tasks in anybody's inflight set.
    pub(crate) fn inflight(&self) -> usize {
        let keys = self.cli(&["KEYS", "emails:inflight:*"]);
        keys.lines().map(|key| self.count(&["SCARD", key])).sum()
    }

    /// Tasks that are handed over and not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.count(&["ZCARD", "emails:graphmill"])
    }

    /// Tasks that have not ended.
    pub(crate) fn left(&self) -> usize {
        self.count(&["LLEN", "emails:active"])
            + self.count(&["ZCARD", "emails:scheduled"])
            + self.unsettled()
            + self.inflight()
    }

    /// Tasks that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.count(&["SCARD", "emails:done"]) + self.count(&["SCARD", "emails:dead"])
    }

    /// Every task is in the set where it belongs, and nowhere else.
    pub(crate) fn assert_settled(&self, done: usize, dead: usize) {
        assert_eq!(self.count(&["SCARD", "emails:done"]), done);
        assert_eq!(self.count(&["SCARD", "emails:dead"]), dead);
        assert_eq!(self.left(), 0);
    }
}
