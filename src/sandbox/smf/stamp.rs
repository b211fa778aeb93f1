//! Times as SMF prints them.
//!
//! A sandbox zone keeps UTC, as SmartOS images do (`TZ=UTC`), so no time zone is consulted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const DAY_SECONDS: u64 = 86_400;

/// Seconds since 1970.
#[must_use]
pub fn now() -> Duration {
    // A clock before 1970 shows as 1970.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A moment taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    year: u64,
    month: &'static str,
    day: u64,
    weekday: &'static str,
    hour: u64,
    minute: u64,
    second: u64,
}

fn parts(seconds: u64) -> Parts {
    let days = seconds / DAY_SECONDS;
    let rest = seconds % DAY_SECONDS;
    // Days are counted from 1 March of year 0, so that a leap day ends its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12;
    let name = |names: &[&'static str], index: u64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index).copied())
            .unwrap_or("???")
    };
    Parts {
        year: year_of_era + era * 400 + u64::from(month < 2),
        month: name(&MONTHS, month),
        day: of_year - (153 * from_march + 2) / 5 + 1,
        weekday: name(&DAYS, days % 7),
        hour: rest / 3600,
        minute: rest % 3600 / 60,
        second: rest % 60,
    }
}

/// `Aug  1 06:30:17`, as log lines begin.
#[must_use]
pub fn log_time(moment: Duration) -> String {
    let at = parts(moment.as_secs());
    format!(
        "{} {:>2} {:02}:{:02}:{:02}",
        at.month, at.day, at.hour, at.minute, at.second
    )
}

/// `Thu Aug  1 06:30:18 2013`, the C locale's default.
#[must_use]
pub fn long_time(moment: Duration) -> String {
    let at = parts(moment.as_secs());
    format!("{} {} {}", at.weekday, log_time(moment), at.year)
}

/// The `STIME` column: a clock time, a day, or a year.
#[must_use]
pub fn short_time(now: Duration, moment: Duration) -> String {
    let at = parts(moment.as_secs());
    let age = now.saturating_sub(moment).as_secs();
    if age < DAY_SECONDS {
        format!("{:>2}:{:02}:{:02}", at.hour, at.minute, at.second)
    } else if age < 360 * DAY_SECONDS {
        format!("{}_{:02}  ", at.month, at.day)
    } else {
        format!("{:<8}", at.year)
    }
}

/// A `time` property: seconds and nine digits.
#[must_use]
pub fn property_time(moment: Duration) -> String {
    format!("{}.{:09}", moment.as_secs(), moment.subsec_nanos())
}

/// Reads a `time` property.
#[must_use]
pub fn parse_time(text: &str) -> Option<Duration> {
    let (seconds, nanoseconds) = text.split_once('.').unwrap_or((text, "0"));
    Some(Duration::new(
        seconds.parse().ok()?,
        nanoseconds.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_c_locale_prints_them() {
        let moment = Duration::from_secs(1_375_338_618);
        assert_eq!(long_time(moment), "Thu Aug  1 06:30:18 2013");
        assert_eq!(log_time(moment), "Aug  1 06:30:18");
        assert_eq!(
            long_time(Duration::from_secs(951_782_400)),
            "Tue Feb 29 00:00:00 2000"
        );
        assert_eq!(
            long_time(Duration::from_secs(1_704_067_199)),
            "Sun Dec 31 23:59:59 2023"
        );
    }

    #[test]
    fn the_short_time_changes_with_age() {
        let moment = Duration::from_secs(1_375_338_618);
        let after = |seconds| short_time(moment + Duration::from_secs(seconds), moment);
        assert_eq!(after(0), " 6:30:18");
        assert_eq!(after(DAY_SECONDS - 1), " 6:30:18");
        assert_eq!(after(DAY_SECONDS), "Aug_01  ");
        assert_eq!(after(360 * DAY_SECONDS - 1), "Aug_01  ");
        assert_eq!(after(360 * DAY_SECONDS), "2013    ");
    }

    #[test]
    fn a_time_property_reads_back() {
        let moment = Duration::new(7, 42);
        assert_eq!(property_time(moment), "7.000000042");
        assert_eq!(parse_time("7.000000042"), Some(moment));
    }
}
