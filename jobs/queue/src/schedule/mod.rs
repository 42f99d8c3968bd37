//! Jobs by the clock: a cron expression, a time zone, and a job to submit at each tick.
//!
//! [`Schedule`]s live in SQL (a [`ScheduleStore`]); any number of [`Scheduler`]s look at them, and each tick fires once: the
//! job of a tick carries the unique key `schedule/<name>/<tick>`, so whoever comes second meets a duplicate. The store
//! remembers up to which tick a schedule has been seen to; after a time without any scheduler, its [`CatchUp`] says what
//! becomes of the ticks that were missed.
//!
//! When clocks are put forward, a time of day that does not exist fires at the first that does; when they are put back, a
//! fixed time of day fires once, and an interval (`*/15`) goes on through both hours: as Vixie cron does.

mod civil;
mod scheduler;
mod store;

use croner::{Cron, parser::CronParser};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use self::civil::Local;
pub use self::{
    scheduler::{Scheduler, Stepped},
    store::{MemorySchedules, ScheduleStore, StoredSchedule},
};
use crate::{
    Error, JobId, NewJob, Result,
    job::{Unique, UniqueUntil},
};

/// The longest name, bytes: with the tick it must fit into a unique key.
const MAX_NAME_BYTES: usize = 128;
/// Tags of the template: one is added.
const MAX_TAGS: usize = 15;
/// How long the key of a tick is taken: far longer than two schedulers can be apart.
const KEY_TTL_MS: u64 = 7 * 24 * 3_600_000;

/// What becomes of ticks that no scheduler saw in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are left out.
    Skip,
    /// The last of them fires.
    #[default]
    One,
    /// All of them fire, at most the last [`MAX_CATCH_UP`].
    All,
}

/// Missed ticks that [`CatchUp::All`] makes up for.
pub const MAX_CATCH_UP: usize = 100;

impl CatchUp {
    /// Returns the name used in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::One => "one",
            Self::All => "all",
        }
    }
}

impl std::str::FromStr for CatchUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Skip, Self::One, Self::All]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| {
                format!("catch-up policy `{text}` is unknown; expected one of skip, one, all")
            })
    }
}

/// A job to submit again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name, unique, 1 to 128 bytes.
    pub name: String,
    /// Five fields (minute, hour, day, month, weekday), or six with seconds before them.
    pub cron: String,
    /// The time zone's IANA name; `UTC` unless set.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What is submitted. Its id, `run_at` and unique key are replaced with each tick.
    pub job: NewJob,
    /// What becomes of missed ticks.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Nothing fires; ticks that pass meanwhile are never made up for.
    #[serde(default)]
    pub paused: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Schedule {
    /// Reads the expression and the zone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name, an expression, a zone or a template that is wrong.
    pub fn plan(&self) -> Result<Plan> {
        let invalid = |what: String| Error::Invalid(format!("schedule `{}`: {what}", self.name));
        if !(1..=MAX_NAME_BYTES).contains(&self.name.len()) {
            return Err(invalid(format!(
                "its name has {} bytes; 1 to {MAX_NAME_BYTES} are allowed",
                self.name.len()
            )));
        }
        if self.job.tags.len() > MAX_TAGS {
            return Err(invalid(format!(
                "its job has {} tags; at most {MAX_TAGS} are allowed",
                self.job.tags.len()
            )));
        }
        let cron = CronParser::new().parse(&self.cron);
        Ok(Plan {
            cron: cron.map_err(|error| invalid(format!("cron `{}`: {error}", self.cron)))?,
            zone: TimeZone::get(&self.timezone).map_err(|_| {
                invalid(format!(
                    "time zone `{}` is unknown; expected a name like `Europe/Berlin`",
                    self.timezone
                ))
            })?,
        })
    }

    /// Returns the job of one tick.
    pub fn job_at(&self, tick: Timestamp) -> NewJob {
        let mut job = self.job.clone();
        job.id = JobId::new();
        job.run_at = None;
        job.unique = Some(Unique {
            key: format!("schedule/{}/{tick}", self.name),
            until: UniqueUntil::TtlMs(KEY_TTL_MS),
        });
        let tag = format!("schedule:{}", self.name);
        if !job.tags.contains(&tag) && tag.len() <= MAX_NAME_BYTES {
            job.tags.push(tag);
        }
        job
    }
}

/// A schedule's ticks.
#[derive(Debug, Clone)]
pub struct Plan {
    cron: Cron,
    zone: TimeZone,
}

impl Plan {
    /// Returns the first tick after an instant; `None` where there is none any more.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = Local::new(after, &self.zone);
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp())
    }

    /// Returns the last ticks after `after` until `until`, at most `most`, the oldest first.
    pub fn last_between(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut ticks = Vec::new();
        let mut at = Local::new(until, &self.zone);
        let mut inclusive = true;
        while ticks.len() < most
            && let Ok(tick) = self.cron.find_previous_occurrence(&at, inclusive)
            && tick.timestamp() > after
        {
            ticks.push(tick.timestamp());
            at = tick;
            inclusive = false;
        }
        ticks.reverse();
        ticks
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(cron: &str, timezone: &str) -> Result<Plan> {
        let schedule = Schedule {
            name: "s".to_owned(),
            cron: cron.to_owned(),
            timezone: timezone.to_owned(),
            job: NewJob::new("k", "q", json!(null)),
            catch_up: CatchUp::One,
            paused: false,
        };
        schedule.plan()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn forwards(plan: &Plan, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let next = |from: &Timestamp| plan.next_after(*from);
        std::iter::successors(next(&after), next)
            .take_while(|tick| *tick <= until)
            .collect()
    }

    #[test]
    fn a_daily_tick_survives_both_changes_of_the_clock() {
        let daily = plan("30 2 * * *", "Europe/Berlin").unwrap();
        // 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
        for (after, until, count) in [
            ("2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z", 4),
            ("2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z", 4),
        ] {
            let ticks = forwards(&daily, at(after), at(until));
            assert_eq!(ticks.len(), count, "{ticks:?}");
            assert_eq!(daily.last_between(at(after), at(until), 100), ticks);
        }
    }

    #[test]
    fn an_interval_goes_on_through_both_changes_of_the_clock() {
        let quarterly = plan("*/15 * * * *", "Europe/Berlin").unwrap();
        for day in ["2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z"] {
            let until = at(day) + jiff::SignedDuration::from_hours(6);
            let ticks = forwards(&quarterly, at(day), until);
            assert_eq!(ticks.len(), 24, "{ticks:?}");
            assert_eq!(quarterly.last_between(at(day), until, 100), ticks);
        }
    }

    #[test]
    fn only_the_last_ticks_are_returned() {
        let minutely = plan("* * * * *", "UTC").unwrap();
        let until = at("2026-01-02T00:00:00Z");
        let ticks = minutely.last_between(at("2026-01-01T00:00:00Z"), until, 2);
        assert_eq!(ticks, [at("2026-01-01T23:59:00Z"), until]);
        assert!(minutely.last_between(until, until, 2).is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (cron, timezone, what) in [
            ("61 * * * *", "UTC", "61 * * * *"),
            ("* * * * *", "Mars/Base", "Mars/Base"),
        ] {
            let error = plan(cron, timezone).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(plan("0 0 L * *", "UTC").is_ok());
    }
}
