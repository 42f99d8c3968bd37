//! apalis-redis: 100 jobs at once, fetched 100 at a time, polled every 10 ms. Bulk is `push_bulk`.
//!
//! `peer-apalis worker`, or one of the verbs of `python/produce.py`. With `PEERS_UNLOCKED` in the
//! environment, locks and events are off: see `README.md`.

mod meter;
mod producer;

use std::{env, time::Duration};

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::meter::{Account, Payload};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Storage = RedisStorage<Payload>;

const AT_ONCE: usize = 100;
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Wakes the worker at a fixed interval. The interval strategy that apalis brings loses its timer when
/// a fetch takes longer than the interval: it puts a new one in place without polling it.
struct Every(Interval);

impl PollStrategy for Every {
    fn poll_drive(
        &mut self,
        cx: &mut std::task::Context<'_>,
        _snapshot: &PollSnapshot,
    ) -> std::task::Poll<Option<()>> {
        let mut ticked = false;
        while self.0.poll_tick(cx).is_ready() {
            ticked = true;
        }
        if ticked {
            std::task::Poll::Ready(Some(()))
        } else {
            std::task::Poll::Pending
        }
    }
}

async fn connect() -> Result<Storage, Error> {
    let client = redis::Client::open(env::var("PEERS_REDIS")?)?;
    // The client's own half second is over before some answers come, and the worker ends at the first.
    let patient =
        ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let connection = ConnectionManager::new_with_config(client, patient).await?;
    let locked = env::var_os("PEERS_UNLOCKED").is_none();
    let config = Config::default()
        .queue("peers")
        .batch_size(AT_ONCE)
        .lock_tasks(locked)
        .emit_events(locked);
    Ok(RedisStorage::new(connection).with_config(config))
}

async fn work(storage: Storage) -> Result<(), Error> {
    let mut every = interval(POLL_INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Account::open()?;
    WorkerBuilder::new(format!("peers-{}", std::process::id()))
        .backend(storage.poll_with_strategy(Every(every)))
        .concurrency(AT_ONCE)
        .build(async |job: Payload| {
            meter::begin(&job);
            Ok::<(), BoxDynError>(())
        })
        .run()
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    let storage = connect().await?;
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["worker"] => work(storage).await,
        [verb, ref numbers @ ..] => {
            let numbers = numbers
                .iter()
                .map(|word| word.parse())
                .collect::<Result<Vec<f64>, _>>()?;
            println!("{}", producer::run(storage, verb, &numbers).await?);
            Ok(())
        }
        [] => Err("what to do? worker, fill, serial, concurrent, bulk or paced".into()),
    }
}
