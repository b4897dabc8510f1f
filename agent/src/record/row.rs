//! Records as lines. Programs read these columns, so every one stands where chronyd puts it.

use std::fmt;

use super::{Believed, LogFile, Measurement, Record, Selection, Statistics, Tracking};
use crate::report::Leap;
use crate::time::Wall;

/// Names of a file's columns, above them.
pub(super) fn columns(file: LogFile) -> &'static str {
    match file {
        LogFile::Measurements => concat!(
            "   Date (UTC) Time     IP Address   L St 123 567 ABCD  LP RP Score    Offset  Peer del. Peer disp.",
            "  Root del. Root disp. Refid     MTxRx"
        ),
        LogFile::Statistics => concat!(
            "   Date (UTC) Time     IP Address    Std dev'n Est offset  Offset sd  Diff freq   Est skew",
            "  Stress  Ns  Bs  Nr  Asym"
        ),
        LogFile::Tracking => concat!(
            "   Date (UTC) Time     IP Address   St   Freq ppm   Skew ppm     Offset L Co  Offset sd",
            " Rem. corr. Root delay Root disp. Max. error"
        ),
        LogFile::Selection => {
            "   Date (UTC) Time     IP Address   S EOpts Reach Score Last sample  Low end   High end"
        }
    }
}

/// A number as C's `%10.3e` writes it (the width is the caller's): a sign and two digits of exponent at least.
struct Scientific {
    value: f64,
    digits: usize,
}

fn e3(value: f64) -> Scientific {
    Scientific { value, digits: 3 }
}

impl fmt::Display for Scientific {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.*e}", self.digits, self.value);
        let Some((coefficient, exponent)) = text.split_once('e') else { return f.pad(&text) };
        let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
        f.pad(&format!("{coefficient}e{sign}{size:0>2}"))
    }
}

/// A moment in UTC to the second, as `2026-11-25 14:11:12`.
struct Utc(Wall);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, _) = self.0.parts();
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(days);
        write!(f, "{year:04}-{month:02}-{day:02} ")?;
        write!(f, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month and day of a number of days since 1970. Years are counted from March, so that a leap day is the last.
fn date(days: i64) -> (i64, i64, i64) {
    /// Days of 400 years.
    const CYCLE: i64 = 146_097;
    /// 0000-03-01.
    const ORIGIN: i64 = -719_468;
    let since = days - ORIGIN;
    let (cycle, day) = (since.div_euclid(CYCLE), since.rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

fn letter(leap: Leap) -> char {
    match leap {
        Leap::Normal => 'N',
        Leap::InsertSecond => '+',
        Leap::DeleteSecond => '-',
        Leap::NotSynchronised => '?',
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measurement(one) => one.fmt(f),
            Self::Statistics(one) => one.fmt(f),
            Self::Tracking(one) => one.fmt(f),
            Self::Selection(one) => one.fmt(f),
        }
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = |from: u32, count: u32| -> String {
            (0..count).map(|bit| if self.tests >> (from - bit) & 1 == 1 { '1' } else { '0' }).collect()
        };
        write!(f, "{} {:<15} {} ", Utc(self.time), self.address.to_string(), letter(self.leap))?;
        write!(f, "{:2} {} {} {}  ", self.stratum, bits(9, 3), bits(6, 3), bits(3, 4))?;
        write!(f, "{:2} {:2} {:4.2} ", self.poll, self.remote_poll, self.score)?;
        write!(f, "{:>10} {:>10} ", e3(self.offset.0), e3(self.delay.0))?;
        write!(f, "{:>10} {:>10} ", e3(self.dispersion.0), e3(self.root_delay.0))?;
        write!(f, "{:>10} {:08X} ", e3(self.root_dispersion.0), self.ref_id)?;
        let way = if self.interleaved { 'I' } else { 'B' };
        write!(f, "{}{way} {} {}", self.mode, self.sent_by, self.received_by)
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stress = Scientific { value: self.stress, digits: 1 };
        write!(f, "{} {:<15} ", Utc(self.time), self.address.to_string())?;
        write!(f, "{:>10} {:>10} ", e3(self.std_dev.0), e3(self.offset.0))?;
        write!(f, "{:>10} {:>10} ", e3(self.offset_deviation.0), e3(self.rate))?;
        write!(f, "{:>10} {stress:>7} ", e3(self.rate_error))?;
        // The measured offsets are not corrected by an asymmetry.
        write!(f, "{:3} {:3} {:3} {:5.2}", self.samples, self.dropped, self.runs, self.asymmetry)
    }
}

impl fmt::Display for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Believed::Nobody => "0.0.0.0".to_owned(),
            Believed::Source(address) => address.to_string(),
            Believed::Person => "MANU".to_owned(),
        };
        write!(f, "{} {by:<15} {:2} ", Utc(self.time), self.stratum)?;
        write!(f, "{:10.3} {:10.3} {:>10} ", self.frequency.0, self.skew.0, e3(self.offset.0))?;
        write!(f, "{} {:2} ", letter(self.leap), self.combined)?;
        write!(f, "{:>10} {:>10} ", e3(self.offset_deviation.0), e3(self.remaining.0))?;
        write!(f, "{:>10} {:>10} ", e3(self.root_delay.0), e3(self.root_dispersion.0))?;
        write!(f, "{:>10}", e3(self.max_error.0))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: String =
            [(self.no_select, 'N'), (self.prefer, 'P'), (self.trust, 'T'), (self.require, 'R'), (false, '-')]
                .into_iter()
                .map(|(is_set, letter)| if is_set { letter } else { '-' })
                .collect();
        write!(f, "{} {:<15} {} {options} ", Utc(self.time), self.name, self.state)?;
        write!(f, "{:4o} {:5.2} {:>10} ", self.reach, self.score, e3(self.age.0))?;
        write!(f, "{:>10} {:>10}", e3(self.low.0), e3(self.high.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Ppm, Seconds};

    /// 2026-11-25 14:11:12.
    const NOW: Wall = Wall(1_795_615_872_900_000_000);

    #[test]
    fn a_measurement_stands_in_chronyds_columns() {
        let measurement = Measurement {
            time: NOW,
            address: "127.0.0.2".parse().unwrap(),
            leap: Leap::Normal,
            stratum: 1,
            tests: 0x3FF,
            poll: 0,
            remote_poll: 0,
            score: 0.0,
            offset: Seconds(-2.803e-5),
            delay: Seconds(5.973e-5),
            dispersion: Seconds(2.607e-7),
            root_delay: Seconds::ZERO,
            root_dispersion: Seconds::ZERO,
            ref_id: 0x7F7F_0101,
            mode: 4,
            interleaved: false,
            sent_by: 'K',
            received_by: 'K',
        };
        assert_eq!(
            Record::Measurement(measurement.clone()).to_string(),
            "2026-11-25 14:11:12 127.0.0.2       N  1 111 111 1111   0  0 0.00 -2.803e-05  5.973e-05  2.607e-07  \
             0.000e+00  0.000e+00 7F7F0101 4B K K"
        );
        let other = Measurement {
            address: "2001:db8::1234:5678".parse().unwrap(),
            leap: Leap::NotSynchronised,
            stratum: 12,
            tests: 0x3F7,
            poll: -2,
            remote_poll: 10,
            score: -0.5,
            interleaved: true,
            received_by: 'D',
            ..measurement
        };
        assert_eq!(
            other.to_string(),
            "2026-11-25 14:11:12 2001:db8::1234:5678 ? 12 111 111 0111  -2 10 -0.50 -2.803e-05  5.973e-05  \
             2.607e-07  0.000e+00  0.000e+00 7F7F0101 4I K D"
        );
    }

    #[test]
    fn statistics_tracking_and_selection_stand_in_chronyds_columns() {
        let address = "127.0.0.2".parse().unwrap();
        let statistics = Statistics {
            time: NOW,
            address,
            std_dev: Seconds(7.403e-7),
            offset: Seconds(9.576e-7),
            offset_deviation: Seconds(8.285e-7),
            rate: -2.227e-6,
            rate_error: 2.436e-3,
            stress: 1.1e-3,
            samples: 3,
            dropped: 0,
            runs: 3,
            asymmetry: 0.0,
        };
        assert_eq!(
            Record::Statistics(statistics).to_string(),
            "2026-11-25 14:11:12 127.0.0.2        7.403e-07  9.576e-07  8.285e-07 -2.227e-06  2.436e-03 1.1e-03   \
             3   0   3  0.00"
        );
        let tracking = Tracking {
            time: NOW,
            by: Believed::Source(address),
            stratum: 2,
            frequency: Ppm(1.927),
            skew: Ppm(151.814),
            offset: Seconds(1.799e-6),
            leap: Leap::Normal,
            combined: 1,
            offset_deviation: Seconds(3.004e-6),
            remaining: Seconds(-9.573e-7),
            root_delay: Seconds(1.21e-5),
            root_dispersion: Seconds(1.316e-4),
            max_error: Seconds(7.798e-1),
        };
        assert_eq!(
            Record::Tracking(tracking.clone()).to_string(),
            "2026-11-25 14:11:12 127.0.0.2        2      1.927    151.814  1.799e-06 N  1  3.004e-06 -9.573e-07  \
             1.210e-05  1.316e-04  7.798e-01"
        );
        let by_hand = Tracking { by: Believed::Person, leap: Leap::NotSynchronised, ..tracking };
        assert!(by_hand.to_string().starts_with("2026-11-25 14:11:12 MANU             2      1.927"));
        let selection = Selection {
            time: NOW,
            name: "127.0.0.2".to_owned(),
            state: 'M',
            no_select: false,
            prefer: true,
            trust: false,
            require: true,
            reach: 0o17,
            score: 1.0,
            age: Seconds(7.824e-5),
            low: Seconds(-2.252e-6),
            high: Seconds(5.832e-5),
        };
        assert_eq!(
            Record::Selection(selection).to_string(),
            "2026-11-25 14:11:12 127.0.0.2       M -P-R-   17  1.00  7.824e-05 -2.252e-06  5.832e-05"
        );
    }

    #[test]
    fn banners_are_as_long_as_the_lines_below_them() {
        let lengths = LogFile::ALL.map(|file| file.banner().lines().map(str::len).collect::<Vec<_>>());
        assert_eq!(lengths, [[136; 3], [116; 3], [131; 3], [87; 3]]);
    }

    #[test]
    fn exponents_are_written_as_in_c() {
        for (value, expected) in [
            (0.0, "0.000e+00"),
            (-0.0, "-0.000e+00"),
            (1.0, "1.000e+00"),
            (9.9999e-5, "1.000e-04"),
            (-1.5e100, "-1.500e+100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(e3(value).to_string(), expected);
        }
    }

    #[test]
    fn dates_around_leap_days() {
        for (unix, expected) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Utc(Wall(unix * 1_000_000_000)).to_string(), expected);
        }
    }
}
