//! Our instants as the cron library sees them: wall-clock times of a zone.

use std::cmp::Ordering;

use croner::{
    CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday, errors::CronError,
};
use jiff::{
    SignedDuration, Timestamp, ZonedDateTime, civil::DateTime, tz::AmbiguousOffset, tz::TimeZone,
};

/// An instant in a zone.
#[derive(Debug, Clone)]
pub(super) struct Local(ZonedDateTime);

impl Local {
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        Self(at.to_zoned_datetime(zone.clone()))
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }
}

fn date_of(civil: CivilDateTime) -> Result<DateTime, CronError> {
    let invalid = |_| CronError::InvalidDate;
    DateTime::new(
        i16::try_from(civil.year()).map_err(invalid)?,
        civil.month() as i8,
        civil.day() as i8,
        civil.hour() as i8,
        civil.minute() as i8,
        civil.second() as i8,
        0,
    )
    .map_err(|_| CronError::InvalidDate)
}

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0.datetime();
        // jiff has checked the parts.
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                i32::from(at.year()),
                at.month() as u32,
                at.day() as u32,
            ),
            CivilTime::from_parts_unchecked(
                at.hour() as u32,
                at.minute() as u32,
                at.second() as u32,
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset() as u32)
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let invalid = |_| CronError::InvalidTime;
        let ambiguous = self
            .0
            .time_zone()
            .to_ambiguous_zoned_datetime(date_of(civil)?);
        Ok(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Self(ambiguous.unambiguous().map_err(invalid)?))
            }
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(
                Self(ambiguous.clone().earlier().map_err(invalid)?),
                Self(ambiguous.later().map_err(invalid)?),
            ),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0
            .checked_add(SignedDuration::from_secs(seconds))
            .ok()
            .map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.timestamp().cmp(&other.timestamp())
    }
}
