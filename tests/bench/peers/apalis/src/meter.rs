//! The payload and the account of jobs begun: `python/meter.py` once more.

use std::{
    env,
    fs::File,
    io::Write,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The argument of every job: 200 bytes as JSON. `at` is the time of submission, or 0.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    pub at: u64,
    pub filler: String,
}

impl Payload {
    pub fn new(at: u64) -> Self {
        let filler = "x".repeat(181 - at.to_string().len());
        Self { at, filler }
    }
}

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

pub struct Account {
    begun: File,
    delays: File,
    step: u64,
    count: AtomicU64,
}

static ACCOUNT: OnceLock<Account> = OnceLock::new();

impl Account {
    pub fn open() -> Result<(), crate::Error> {
        let folder = env::var("PEERS_FOLDER")?;
        let name = format!("{}-{}", env::var("PEERS_WORKER")?, std::process::id());
        let open = |kind| File::create(Path::new(&folder).join(format!("{kind}-{name}")));
        let account = Self {
            begun: open("begun")?,
            delays: open("delays")?,
            step: env::var("PEERS_STEP")?.parse()?,
            count: AtomicU64::new(0),
        };
        ACCOUNT.get_or_init(|| account);
        Ok(())
    }
}

/// The body of every job.
pub fn begin(job: &Payload) {
    let account = ACCOUNT.get().expect("opened before the worker starts");
    let now = now();
    let count = account.count.fetch_add(1, Ordering::Relaxed) + 1;
    if count.is_multiple_of(account.step) {
        let line = format!("{now} {count}\n");
        (&account.begun)
            .write_all(line.as_bytes())
            .expect("the harness keeps the folder");
    }
    if job.at > 0 {
        let line = format!("{}\n", now - job.at);
        (&account.delays)
            .write_all(line.as_bytes())
            .expect("the harness keeps the folder");
    }
}
