//! Leap seconds: when an announcement can be true.

use crate::report::Leap;
use crate::time::{Seconds, Wall};

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000_000_000;

/// True on the last day of June and of December (UTC): leap seconds were never inserted on any other, and a source that
/// announces one today for tonight, on another day, is wrong.
pub fn can_end_with_leap_second(now: Wall) -> bool {
    let days = now.parts().0.div_euclid(SECONDS_PER_DAY);
    matches!(month_and_day(days), (6, 30) | (12, 31))
}

/// The next midnight (UTC): where the leap second of today would be.
pub fn next_midnight(now: Wall) -> Wall {
    Wall((now.0.div_euclid(NANOS_PER_DAY) + 1).saturating_mul(NANOS_PER_DAY))
}

/// What the coming midnight does to UTC: an inserted second sets it back.
pub fn change(leap: Leap) -> Seconds {
    match leap {
        Leap::InsertSecond => Seconds(-1.0),
        Leap::DeleteSecond => Seconds(1.0),
        Leap::Normal | Leap::NotSynchronised => Seconds::ZERO,
    }
}

/// Month and day of the proleptic Gregorian calendar, `days` after 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is the last of its year; 146,097 days are 400 years.
fn month_and_day(days: i64) -> (i64, i64) {
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    ((month_from_march + 2) % 12 + 1, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(unix: i64) -> bool {
        can_end_with_leap_second(Wall(unix * 1_000_000_000))
    }

    #[test]
    fn midnight_is_the_end_of_the_day_also_before_1970() {
        assert_eq!(next_midnight(Wall(0)), Wall(NANOS_PER_DAY));
        assert_eq!(next_midnight(Wall(NANOS_PER_DAY - 1)), Wall(NANOS_PER_DAY));
        assert_eq!(next_midnight(Wall(-1)), Wall(0));
    }

    #[test]
    fn the_days_of_past_leap_seconds() {
        // 2016-12-31 12:00 and 2015-06-30 12:00 had one; 2016-06-30 could have had one.
        assert!(day(1_483_185_600) && day(1_435_665_600) && day(1_467_288_000));
        // The days before and after, and 2024-02-29.
        assert!(!day(1_483_185_600 - 86_400) && !day(1_483_185_600 + 86_400) && !day(1_709_208_000));
        // 1969-12-31 and 1972-06-30, the first.
        assert!(day(-1) && day(78_710_400));
    }
}
