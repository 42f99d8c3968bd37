//! The service that fires schedules. Any number may run: see the module's introduction.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{CatchUp, MAX_CATCH_UP, ScheduleStore, StoredSchedule};
use crate::{
    Broker, Result,
    broker::Verdict,
    clock::{Clock, SystemClock},
    job::Backoff,
    retry,
};

/// A tick that is seen within this time was not missed.
const IN_TIME: SignedDuration = SignedDuration::from_secs(60);
/// The longest wait: a schedule that was changed is seen after it.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The shortest.
const MIN_WAIT: Duration = Duration::from_millis(20);

/// Fires schedules.
pub struct Scheduler {
    broker: Arc<dyn Broker>,
    store: Arc<dyn ScheduleStore>,
    clock: Arc<dyn Clock>,
}

/// What one look at the schedules did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Jobs submitted.
    pub fired: u64,
    /// Ticks that another scheduler had fired.
    pub fired_before: u64,
    /// When the next tick is.
    pub next: Option<Timestamp>,
}

impl Scheduler {
    /// Fires the schedules of `store` on `broker`, by the machine's clock.
    pub fn new(broker: Arc<dyn Broker>, store: Arc<dyn ScheduleStore>) -> Self {
        Self::with_clock(broker, store, Arc::new(SystemClock))
    }

    /// As [`Scheduler::new`], by another clock: for tests.
    pub fn with_clock(
        broker: Arc<dyn Broker>,
        store: Arc<dyn ScheduleStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            broker,
            store,
            clock,
        }
    }

    /// Fires until `stop` fires.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let wait = match self.step().await {
                Ok(stepped) => {
                    failures = 0;
                    self.until(stepped.next)
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(error = %error, "schedules cannot fire; their ticks are made up for");
                    }
                    let backoff = Backoff {
                        base_ms: 200,
                        max_ms: 5_000,
                    };
                    Duration::from_millis(retry::bound_ms(backoff, failures))
                }
            };
            let sleep = tokio::time::sleep(wait);
            if stop.run_until_cancelled(sleep).await.is_none() {
                return;
            }
        }
    }

    fn until(&self, next: Option<Timestamp>) -> Duration {
        let wait = next.map(|next| next.duration_since(self.clock.now()));
        let wait = wait.map(|wait| Duration::try_from(wait).unwrap_or_default());
        wait.unwrap_or(MAX_WAIT).clamp(MIN_WAIT, MAX_WAIT)
    }

    /// Looks at every schedule once, and fires what is due.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the store or the broker does not answer. What is wrong with one schedule is
    /// logged and harms no other.
    pub async fn step(&self) -> Result<Stepped> {
        let mut stepped = Stepped::default();
        for stored in self.store.list().await? {
            match self.step_one(&stored, &mut stepped).await {
                Err(error) if !error.is_transient() => {
                    tracing::error!(schedule.name = stored.schedule.name, error = %error, "schedule cannot fire");
                }
                done => done?,
            }
        }
        Ok(stepped)
    }

    async fn step_one(&self, stored: &StoredSchedule, stepped: &mut Stepped) -> Result<()> {
        let StoredSchedule { schedule, seen_to } = stored;
        let plan = schedule.plan()?;
        let now = self.clock.now();
        let most = match schedule.catch_up {
            CatchUp::Skip | CatchUp::One => 1,
            CatchUp::All => MAX_CATCH_UP,
        };
        let ticks = plan.last_between(*seen_to, now, most);
        for tick in &ticks {
            let missed = now.duration_since(*tick) > IN_TIME;
            if schedule.paused || (missed && schedule.catch_up == CatchUp::Skip) {
                continue;
            }
            let verdicts = self
                .broker
                .submit(vec![schedule.job_at(*tick)], false)
                .await?;
            match verdicts.first() {
                Some(Verdict::Accepted { .. }) => stepped.fired += 1,
                // The template may have changed between two schedulers: the tick has fired all the same.
                Some(Verdict::Duplicate { .. } | Verdict::Conflict { .. }) => {
                    stepped.fired_before += 1;
                }
                Some(Verdict::Rejected { message, .. }) => {
                    tracing::error!(
                        schedule.name = schedule.name,
                        reason = message,
                        "job of a schedule is refused"
                    );
                }
                None => {}
            }
        }
        if let Some(last) = ticks.last() {
            self.store.advance(&schedule.name, *last).await?;
        }
        let next = plan.next_after(now);
        stepped.next = match (stepped.next, next) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(())
    }
}
