//! A client process that submits many jobs in one call, to be killed in the middle of it.

use graphmill_queue::{
    Broker, BrokerOptions, Job, JobId, NewJob,
    redis::{RedisBroker, RedisOptions},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::Act;

/// How the client is started: one argument, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BulkArgs {
    /// Where Redis is.
    pub url: String,
    /// What its keys begin with.
    pub prefix: String,
    /// The queue.
    pub queue: String,
    /// Jobs in the call.
    pub jobs: usize,
    /// Gives the ids.
    pub seed: u64,
}

/// The jobs of a bulk submit: the same seed gives the same ids, as a client that repeats a request sends them.
pub fn bulk_jobs(args: &BulkArgs) -> Vec<NewJob> {
    let mut random = StdRng::seed_from_u64(args.seed);
    let job = |_| {
        let mut job = Act::effect().into_new_job().unwrap();
        job.id = seeded_id(&mut random);
        job.queue.clone_from(&args.queue);
        job
    };
    (0..args.jobs).map(job).collect()
}

fn seeded_id(random: &mut StdRng) -> JobId {
    let hex = format!("{:032x}", random.random::<u128>());
    hex.parse().unwrap()
}

/// Submits them in one call.
pub async fn submit_bulk(args: BulkArgs) {
    super::die_with_the_harness();
    let redis = RedisOptions {
        prefix: args.prefix.clone(),
        ..RedisOptions::new(args.url.clone())
    };
    let broker = RedisBroker::new(redis, BrokerOptions::default()).unwrap();
    broker.submit(bulk_jobs(&args), false).await.unwrap();
}
