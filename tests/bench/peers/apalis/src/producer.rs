//! The loops that submit: `python/produce.py` once more.

use std::time::{Duration, Instant};

use apalis::prelude::*;
use futures::future::try_join_all;
use tokio::time::sleep_until;
use ulid::Ulid;

use crate::{
    Error, Storage,
    meter::{Payload, now},
};

const CALLERS: usize = 50;
const CHUNK: usize = 1_000;
const WARM_UP: Duration = Duration::from_millis(300);

pub async fn run(storage: Storage, verb: &str, numbers: &[f64]) -> Result<String, Error> {
    match (verb, numbers) {
        ("fill", &[count]) => fill(storage, count as usize).await?,
        ("paced", &[rate, seconds]) => paced(storage, rate, seconds).await?,
        ("serial" | "concurrent" | "bulk", &[seconds]) => {
            submit(&storage, verb, Instant::now() + WARM_UP).await?;
            let begun = Instant::now();
            let done = submit(&storage, verb, begun + Duration::from_secs_f64(seconds)).await?;
            return Ok((done as f64 / begun.elapsed().as_secs_f64()).to_string());
        }
        _ => return Err(format!("what is {verb} {numbers:?}?").into()),
    }
    Ok("null".to_owned())
}

async fn submit(storage: &Storage, verb: &str, end: Instant) -> Result<usize, Error> {
    let callers = if verb == "concurrent" { CALLERS } else { 1 };
    let chunk = if verb == "bulk" { CHUNK } else { 1 };
    let done = try_join_all((0..callers).map(|_| async {
        let mut storage = storage.clone();
        let mut done = 0;
        while Instant::now() < end {
            if chunk == 1 {
                storage.push(Payload::new(0)).await?;
            } else {
                storage
                    .push_bulk((0..chunk).map(|_| Payload::new(0)).collect())
                    .await?;
            }
            done += chunk;
        }
        Ok::<usize, Error>(done)
    }))
    .await?;
    Ok(done.iter().sum())
}

/// Queues jobs in the list that workers take from, as the fetch script would move them there.
///
/// `push` puts every job into the sorted set of scheduled ones, and the fetch script moves all that are
/// due at once: from 8,000 on Lua refuses so many values, on every fetch, and no job ever runs.
async fn fill(mut storage: Storage, count: usize) -> Result<(), Error> {
    let config = storage.get_config().clone();
    let payload = serde_json::to_string(&Payload::new(0))?;
    for begun in (0..count).step_by(CHUNK) {
        let mut pipe = redis::pipe();
        for _ in begun..count.min(begun + CHUNK) {
            let id = Ulid::generate().to_string();
            let meta = format!("{}:{id}", config.job_meta_hash());
            pipe.hset(config.job_data_hash(), &id, &payload).ignore();
            let fields = [
                ("attempts", "0"),
                ("max_attempts", "25"),
                ("status", "Pending"),
                ("idempotency_key", ""),
            ];
            pipe.hset_multiple(meta, &fields).ignore();
            pipe.rpush(config.active_jobs_list(), &id).ignore();
        }
        pipe.exec_async(storage.get_connection()).await?;
    }
    Ok(())
}

async fn paced(mut storage: Storage, rate: f64, seconds: f64) -> Result<(), Error> {
    let begun = tokio::time::Instant::now();
    let warm_up = rate as usize;
    for number in 0..warm_up + (rate * seconds) as usize {
        sleep_until(begun + Duration::from_secs_f64(number as f64 / rate)).await;
        let at = if number >= warm_up { now() } else { 0 };
        storage.push(Payload::new(at)).await?;
    }
    Ok(())
}
