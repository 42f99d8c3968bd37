//! Numbers of cells as people read them: dates as ISO dates, percentages with their sign, others with the fifteen
//! digits that spreadsheets show.

use std::fmt::Write as _;

/// Day numbers beyond are no dates: 9999-12-31.
const MAX_DAY: f64 = 2_958_466.0;
const SECONDS_OF_DAY: i64 = 86_400;
/// Days from 1970-01-01 back to day 0 of the two systems.
const EPOCH_1900: i64 = -25_569;
const EPOCH_1904: i64 = -24_107;

/// What the format of a cell makes of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum NumberFormat {
    #[default]
    Plain,
    Percent,
    Date,
    Time,
    DateTime,
    /// Hours, minutes and seconds of a duration.
    Elapsed,
}

impl NumberFormat {
    /// Reads the number of a built-in format (ECMA-376 part 1, 18.8.30).
    pub(super) fn builtin(id: u32) -> Self {
        match id {
            9 | 10 => Self::Percent,
            14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => Self::Date,
            18..=21 | 32..=35 | 45 | 47 | 55 | 56 => Self::Time,
            22 => Self::DateTime,
            46 => Self::Elapsed,
            _ => Self::Plain,
        }
    }

    /// Reads a format code: `yyyy-mm-dd`, `[h]:mm`, `0.0%`.
    pub(super) fn from_code(code: &str) -> Self {
        let mut characters = code.chars();
        let (mut date, mut time, mut month_or_minute, mut percent) = (false, false, false, false);
        while let Some(character) = characters.next() {
            match character {
                '"' => {
                    characters.by_ref().find(|&quote| quote == '"');
                }
                // An escaped character, a blank of its width, a fill.
                '\\' | '_' | '*' => {
                    characters.next();
                }
                '[' => {
                    // The whole bracket is read, whatever is in it.
                    let inner: String = characters
                        .by_ref()
                        .take_while(|&bracket| bracket != ']')
                        .collect();
                    if !inner.is_empty()
                        && inner
                            .chars()
                            .all(|unit| matches!(unit, 'h' | 'H' | 'm' | 'M' | 's' | 'S'))
                    {
                        return Self::Elapsed;
                    }
                }
                // The first section is for positive numbers.
                ';' => break,
                'G' | 'g'
                    if code
                        .trim_start()
                        .to_ascii_lowercase()
                        .starts_with("general") =>
                {
                    break;
                }
                'y' | 'Y' | 'd' | 'D' => date = true,
                'h' | 'H' | 's' | 'S' => time = true,
                'm' | 'M' => month_or_minute = true,
                '%' => percent = true,
                // What is left of an `AM/PM` mark is no month.
                'a' | 'A' => {
                    let rest = characters.as_str();
                    if let Some(rest) = strip_ignoring_case(rest, "m/pm")
                        .or_else(|| strip_ignoring_case(rest, "/p"))
                    {
                        time = true;
                        characters = rest.chars();
                    }
                }
                _ => {}
            }
        }
        match (date, time, month_or_minute) {
            (true, true, _) => Self::DateTime,
            (true, false, _) | (false, false, true) => Self::Date,
            (false, true, _) => Self::Time,
            (false, false, false) if percent => Self::Percent,
            (false, false, false) => Self::Plain,
        }
    }

    /// Appends a number. `is_1904` is the workbook's date system.
    pub(super) fn write(self, value: f64, is_1904: bool, out: &mut String) {
        let is_day = (0.0..MAX_DAY).contains(&value);
        match self {
            Self::Percent => {
                write_plain(value * 100.0, out);
                out.push('%');
            }
            Self::Elapsed if value.abs() < MAX_DAY => write_elapsed(value, out),
            Self::Date | Self::Time | Self::DateTime if is_day => {
                self.write_date(value, is_1904, out);
            }
            _ => write_plain(value, out),
        }
    }

    fn write_date(self, value: f64, is_1904: bool, out: &mut String) {
        let seconds = (value * SECONDS_OF_DAY as f64).round() as i64;
        let (day, second) = (seconds / SECONDS_OF_DAY, seconds % SECONDS_OF_DAY);
        if self != Self::Time && (day > 0 || is_1904) {
            write_day(day, is_1904, out);
            if self == Self::DateTime {
                out.push(' ');
            }
        } else if self == Self::Date {
            return write_plain(value, out);
        }
        if self != Self::Date {
            write_clock(second, out);
        }
    }
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))?
}

/// Appends a number with at most fifteen significant digits, as spreadsheets show it: 0.1 + 0.2 is 0.3.
pub(super) fn write_plain(value: f64, out: &mut String) {
    const MAX_INTEGER: f64 = 1e15;
    // Writing to a string cannot fail.
    let _ = if value.abs() < MAX_INTEGER && (value as i64) as f64 - value == 0.0 {
        write!(out, "{}", value as i64)
    } else if !value.is_finite() {
        write!(out, "{value}")
    } else {
        let rounded = format!("{value:.14e}").parse().unwrap_or(value);
        if (1e-7..1e21).contains(&rounded.abs()) {
            write!(out, "{rounded}")
        } else {
            write!(out, "{rounded:e}")
        }
    };
}

fn write_day(day: i64, is_1904: bool, out: &mut String) {
    let unix_day = if is_1904 {
        day + EPOCH_1904
    } else if day == 60 {
        // 1900 was no leap year, but the first spreadsheets thought so.
        return out.push_str("1900-02-29");
    } else if day < 60 {
        day + EPOCH_1900 + 1
    } else {
        day + EPOCH_1900
    };
    let (year, month, day) = civil(unix_day);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

fn write_clock(second: i64, out: &mut String) {
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
}

fn write_elapsed(value: f64, out: &mut String) {
    let seconds = (value * SECONDS_OF_DAY as f64).round() as i64;
    if seconds < 0 {
        out.push('-');
    }
    write_clock(seconds.abs(), out);
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar. Years are counted from
/// March, so that the leap day is the last.
fn civil(unix_day: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const MARCH_OF_YEAR_0: i64 = 719_468;
    let day = unix_day + MARCH_OF_YEAR_0;
    let (era, day) = (
        day.div_euclid(DAYS_OF_400_YEARS),
        day.rem_euclid(DAYS_OF_400_YEARS),
    );
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (
        era * 400 + year + i64::from(month <= 2),
        month,
        day_of_month,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str, value: f64) -> String {
        let mut out = String::new();
        NumberFormat::from_code(code).write(value, false, &mut out);
        out
    }

    #[test]
    fn format_codes_are_told_apart() {
        use NumberFormat::{Date, DateTime, Elapsed, Percent, Plain, Time};
        for (code, format) in [
            ("General", Plain),
            ("0.00E+00", Plain),
            ("#,##0.00\\ \"day\";[Red]-#,##0.00", Plain),
            ("_(* #,##0_);_(* (#,##0);_(* \"-\"_)", Plain),
            ("0.0%", Percent),
            ("yyyy\\-mm\\-dd", Date),
            ("[$-409]mmm\\ yyyy;@", Date),
            ("mmmm", Date),
            ("h:mm AM/PM", Time),
            ("mm:ss", Time),
            ("dd.mm.yyyy hh:mm", DateTime),
            ("[h]:mm:ss", Elapsed),
            ("[Red]0", Plain),
            ("yyyy\"年\"m\"月\"d\"日\"", Date),
        ] {
            assert_eq!(NumberFormat::from_code(code), format, "{code}");
        }
    }

    #[test]
    fn dates_of_both_systems_are_written_as_iso() {
        for (value, date) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (60.0, "1900-02-29"),
            (61.0, "1900-03-01"),
            (45_351.0, "2024-02-29"),
            (45_658.0, "2025-01-01"),
            (2_958_465.0, "9999-12-31"),
            (0.0, "0"),
            (-5.0, "-5"),
            (1e12, "1000000000000"),
        ] {
            assert_eq!(written("yyyy-mm-dd", value), date);
        }
        assert_eq!(written("d/m/yy h:mm", 45_351.75), "2024-02-29 18:00:00");
        assert_eq!(written("h:mm", 0.999_999_9), "00:00:00");
        assert_eq!(written("[h]:mm", 1.5), "36:00:00");
        let mut out = String::new();
        NumberFormat::Date.write(0.0, true, &mut out);
        assert_eq!(out, "1904-01-01");
    }

    #[test]
    fn numbers_have_fifteen_digits() {
        for (value, text) in [
            (0.1 + 0.2, "0.3"),
            (1234.5, "1234.5"),
            (-7.0, "-7"),
            (1e300, "1e300"),
            (1.0 / 3.0, "0.333333333333333"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = String::new();
            write_plain(value, &mut out);
            assert_eq!(out, text);
        }
        assert_eq!(written("0%", 0.07), "7%");
    }

    proptest::proptest! {
        #[test]
        fn any_number_in_any_format_is_written(code in "[yYmMdDhHsSaAgG/%\\[\\]\"\\\\_*; AP0#.]{0,12}", value in proptest::num::f64::ANY) {
            proptest::prop_assert!(written(&code, value).len() < 400);
        }
    }
}
