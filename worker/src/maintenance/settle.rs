//! Keeps stage rows in step with jobs, event by event.
//!
//! One of the processes that share the data is on duty: the events say the same to all. The others stand by.

use std::{sync::atomic::Ordering, time::Duration};

use graphmill_pipeline::{
    Services,
    duty::{Duty, OnDuty},
    reconcile::Settler,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the broker's events are read while there are any. Where there are none the pauses grow up to the broker's
/// `idle_poll`: that much later at most a document whose parser job died shows as failed.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop` fires. Jobs run beside it: the steps are safe against them.
pub(super) async fn run(services: Services, duty: Duty, stop: CancellationToken) {
    let work = async {
        let _until_the_end = stand_by(&duty).await;
        let settler = start(&services).await;
        // The settler begins before the sweep does, so no death falls between the two.
        services.sweep_wanted.store(true, Ordering::Release);
        follow(&services, settler).await;
    };
    stop.run_until_cancelled(work).await;
}

/// Waits until this process is on duty.
async fn stand_by(duty: &Duty) -> OnDuty {
    let mut failing = Failing::default();
    loop {
        match duty.try_take() {
            Ok(Some(on_duty)) => {
                info!("this process settles the stages of jobs that die");
                return on_duty;
            }
            Ok(None) => {}
            Err(error) => failing.say(&error, "the lock of a duty cannot be opened yet"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn start(services: &Services) -> Settler {
    let mut failing = Failing::default();
    loop {
        match Settler::start(services.clone()).await {
            Ok(settler) => return settler,
            Err(error) => failing.say(&error, "the broker's events cannot be read yet"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn follow(services: &Services, mut settler: Settler) {
    let longest = services.broker.idle_poll().max(EVERY);
    let mut pause = EVERY;
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(pause).await;
        let before = settler.seq();
        match settler.step().await {
            Ok(_) => {
                if std::mem::take(&mut failing).0 {
                    // A broker that was away may have come back with less than it had.
                    services.sweep_wanted.store(true, Ordering::Release);
                }
            }
            // The next step begins where this one stopped.
            Err(error) => failing.say(&error, "dead jobs cannot be settled yet"),
        }
        pause = if settler.seq() == before {
            (pause * 2).min(longest)
        } else {
            EVERY
        };
    }
}

/// Says a failure once, until it has passed.
#[derive(Default)]
struct Failing(bool);

impl Failing {
    fn say(&mut self, error: &dyn std::fmt::Display, what: &str) {
        if !std::mem::replace(&mut self.0, true) {
            warn!(%error, "{what}");
        }
    }
}
