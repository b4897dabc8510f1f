//! Lists of leap seconds: what is known of UTC beyond what sources announce.
//!
//! Two forms are read: `leap-seconds.list` as the IERS publishes it, and the leap second records of a compiled time
//! zone such as `right/UTC` (RFC 9636).

use sha1::{Digest, Sha1};

use crate::leap;
use crate::report::Leap;
use crate::time::Wall;

/// Seconds from 1900-01-01 to 1970-01-01.
const NTP_TO_UNIX: i64 = 2_208_988_800;
const NANOS: i64 = 1_000_000_000;
/// TAI minus UTC before the first leap second, from 1972 on.
const FIRST_TAI_OFFSET: i32 = 10;

/// When UTC had leap seconds, and will have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeapList {
    /// From each moment on: TAI minus UTC in seconds. In order.
    offsets: Vec<(Wall, i32)>,
    /// Nothing is known of the time after this.
    pub expires: Option<Wall>,
}

/// Why a list of leap seconds is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeapListError {
    /// A line that is none.
    #[error("line {0} is not of a list of leap seconds: expected an NTP time and TAI-UTC in seconds")]
    Line(usize),
    /// `#$`, `#@` or `#h` is missing: part of the file is.
    #[error("it has no line that begins with {0}: part of it is missing")]
    Missing(&'static str),
    /// Damaged or forged.
    #[error("its content does not fit the hash in its line #h: it was changed or damaged")]
    Hash,
    /// The times do not grow, or TAI-UTC changes by more than a second.
    #[error("its leap seconds are not in order")]
    Order,
    /// Not a compiled time zone.
    #[error("it is not a compiled time zone with leap seconds")]
    Zone,
}

impl LeapList {
    /// Reads a `leap-seconds.list`.
    ///
    /// # Errors
    /// When it is not whole: the hash is checked.
    pub fn parse(text: &str) -> Result<Self, LeapListError> {
        let mut hash = Sha1::new();
        let (mut offsets, mut updated, mut expires, mut told) = (Vec::new(), None, None, None);
        for (number, line) in text.lines().enumerate() {
            let wrong = || LeapListError::Line(number + 1);
            if let Some(rest) = line.strip_prefix("#$") {
                updated = Some(ntp_seconds(rest.trim()).ok_or_else(wrong)?);
                hash.update(rest.trim());
            } else if let Some(rest) = line.strip_prefix("#@") {
                expires = Some(ntp_seconds(rest.trim()).ok_or_else(wrong)?);
                hash.update(rest.trim());
            } else if let Some(rest) = line.strip_prefix("#h") {
                told = Some(hash_words(rest).ok_or_else(wrong)?);
            } else if !line.starts_with('#') && !line.trim().is_empty() {
                let mut words = line.split_whitespace();
                let (time, offset) = words.next().zip(words.next()).ok_or_else(wrong)?;
                let tai = offset.parse().map_err(|_| wrong())?;
                offsets.push((ntp_seconds(time).ok_or_else(wrong)?, tai));
                hash.update(time);
                hash.update(offset);
            }
        }
        updated.ok_or(LeapListError::Missing("#$"))?;
        let expires = expires.ok_or(LeapListError::Missing("#@"))?;
        if told.ok_or(LeapListError::Missing("#h"))?.as_slice() != hash.finalize().as_slice() {
            return Err(LeapListError::Hash);
        }
        Self { offsets, expires: Some(expires) }.in_order()
    }

    /// Reads the leap second records of a compiled time zone (RFC 9636, section 3.2).
    ///
    /// # Errors
    /// When it is no such file.
    pub fn parse_zone(bytes: &[u8]) -> Result<Self, LeapListError> {
        let leaps = zone_leaps(bytes).filter(|leaps| !leaps.is_empty()).ok_or(LeapListError::Zone)?;
        let mut offsets = vec![(Wall(63_072_000 * NANOS), FIRST_TAI_OFFSET)];
        let (mut before, mut expires) = (0, None);
        for (occurrence, correction) in leaps {
            // Its scale counts leap seconds; an inserted one is the second that begins at the midnight in UTC.
            let midnight = occurrence
                .checked_sub(i64::from(before))
                .and_then(|second| second.checked_add(i64::from(correction < before)))
                .and_then(|second| second.checked_mul(NANOS))
                .map(Wall)
                .ok_or(LeapListError::Zone)?;
            if correction == before {
                expires = Some(midnight);
            } else {
                let offset = FIRST_TAI_OFFSET.checked_add(correction).ok_or(LeapListError::Zone)?;
                offsets.push((midnight, offset));
                before = correction;
            }
        }
        Self { offsets, expires }.in_order()
    }

    fn in_order(self) -> Result<Self, LeapListError> {
        let fits = self.offsets.windows(2).all(|pair| match pair {
            [(earlier, before), (later, after)] => earlier < later && after.abs_diff(*before) == 1,
            _ => true,
        });
        if fits && !self.offsets.is_empty() { Ok(self) } else { Err(LeapListError::Order) }
    }

    /// Does the list still speak for `now`?
    pub fn is_expired(&self, now: Wall) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// What happens at the coming midnight.
    pub fn leap_of_day(&self, now: Wall) -> Leap {
        let midnight = leap::next_midnight(now);
        let after = self.offsets.iter().position(|(from, _)| *from == midnight);
        let pair = after
            .and_then(|index| Some((self.offsets.get(index.checked_sub(1)?)?, self.offsets.get(index)?)));
        match pair {
            Some(((_, before), (_, after))) if after > before => Leap::InsertSecond,
            Some(_) => Leap::DeleteSecond,
            None => Leap::Normal,
        }
    }

    /// TAI minus UTC; `None` before 1972.
    pub fn tai_offset(&self, now: Wall) -> Option<i32> {
        self.offsets.iter().rev().find(|(from, _)| *from <= now).map(|(_, offset)| *offset)
    }
}

fn ntp_seconds(text: &str) -> Option<Wall> {
    let seconds: i64 = text.parse().ok().filter(|seconds| *seconds >= 0)?;
    (seconds - NTP_TO_UNIX).checked_mul(NANOS).map(Wall)
}

/// Five words of hexadecimal digits, written without their leading zeros.
fn hash_words(text: &str) -> Option<Vec<u8>> {
    let words: Option<Vec<u32>> =
        text.split_whitespace().map(|word| u32::from_str_radix(word, 16).ok()).collect();
    words.filter(|words| words.len() == 5).map(|words| words.into_iter().flat_map(u32::to_be_bytes).collect())
}

/// Occurrence and total correction of each record.
fn zone_leaps(bytes: &[u8]) -> Option<Vec<(i64, i32)>> {
    const HEADER: usize = 44;
    let counts = |header: &[u8]| -> Option<[usize; 6]> {
        let mut counts = [0; 6];
        for (count, four) in counts.iter_mut().zip(header.get(20..HEADER)?.chunks_exact(4)) {
            *count = u32::from_be_bytes(four.try_into().ok()?) as usize;
        }
        (header.get(..4)? == b"TZif").then_some(counts)
    };
    // Version 2 and later: a second part with 64-bit times follows the first.
    let [utc, std, leaps, times, types, chars] = counts(bytes)?;
    let first = HEADER + times * 5 + types * 6 + chars + leaps * 8 + std + utc;
    let second = bytes.get(first..)?;
    let [_, _, leaps, times, types, chars] = counts(second)?;
    let records = second.get(HEADER + times * 9 + types * 6 + chars..)?.get(..leaps.checked_mul(12)?)?;
    records
        .chunks_exact(12)
        .map(|record| {
            let (time, correction) = record.split_at_checked(8)?;
            Some((i64::from_be_bytes(time.try_into().ok()?), i32::from_be_bytes(correction.try_into().ok()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = include_str!("../tests/leap/leap-seconds.list");

    fn at(unix: i64) -> Wall {
        Wall(unix * NANOS)
    }

    #[test]
    fn times_beyond_all_clocks_are_errors() {
        let far = LIST.replace("3692217600", "36922176000");
        assert_ne!(far, LIST);
        assert!(matches!(LeapList::parse(&far), Err(LeapListError::Line(_))));

        let zone = |occurrence: i64, correction: i32| {
            let header = |leaps: u8| [&b"TZif2"[..], &[0; 26], &[leaps], &[0; 12]].concat();
            let record = [&occurrence.to_be_bytes()[..], &correction.to_be_bytes()].concat();
            LeapList::parse_zone(&[header(0), header(1), record].concat())
        };
        assert!(zone(78_796_800, 1).is_ok());
        for (occurrence, correction) in [(i64::MAX, 1), (i64::MIN, -1), (1 << 40, 1), (78_796_800, i32::MAX)]
        {
            assert_eq!(zone(occurrence, correction), Err(LeapListError::Zone), "{occurrence} {correction}");
        }
    }

    #[test]
    fn the_list_of_the_iers_is_read_and_knows_2016() {
        let list = LeapList::parse(LIST).unwrap();
        assert_eq!(list.leap_of_day(at(1_483_185_600)), Leap::InsertSecond);
        assert_eq!(list.leap_of_day(at(1_483_185_600 + 86_400)), Leap::Normal);
        assert_eq!(list.tai_offset(at(1_483_228_799)), Some(36));
        assert_eq!(list.tai_offset(at(1_483_228_800)), Some(37));
        assert_eq!(list.tai_offset(at(0)), None);
        let expires = list.expires.unwrap();
        assert!(list.is_expired(expires) && !list.is_expired(at(1_483_185_600)));
    }

    #[test]
    fn a_changed_list_is_not_believed() {
        for (from, to, error) in [
            ("3692217600      37", "3692217600      38", LeapListError::Hash),
            ("#h", "# ", LeapListError::Missing("#h")),
            ("#@", "# ", LeapListError::Missing("#@")),
        ] {
            let changed = LIST.replace(from, to);
            assert_ne!(changed, LIST, "{from}");
            assert_eq!(LeapList::parse(&changed).unwrap_err(), error, "{from}");
        }
        assert_eq!(LeapList::parse("<html>").unwrap_err(), LeapListError::Line(1));
        assert_eq!(LeapList::parse("").unwrap_err(), LeapListError::Missing("#$"));
    }

    #[test]
    fn the_zone_with_leap_seconds_says_the_same() {
        let bytes = zone(&[(78_796_800, 1), (94_694_401, 2), (126_230_402, 3)]);
        let list = LeapList::parse_zone(&bytes).unwrap();
        // 1972-06-30, 1972-12-31, 1973-12-31.
        for day in [78_750_000, 94_650_000, 126_190_000] {
            assert_eq!(list.leap_of_day(at(day)), Leap::InsertSecond, "{day}");
        }
        assert_eq!(list.tai_offset(at(126_230_400)), Some(13));
        assert_eq!(list.leap_of_day(at(100_000_000)), Leap::Normal);
        assert_eq!(LeapList::parse_zone(&bytes[..bytes.len() - 13]).unwrap_err(), LeapListError::Zone);
        assert_eq!(LeapList::parse_zone(b"TZif2").unwrap_err(), LeapListError::Zone);
        // A zone that knows no leap seconds is not asked about them.
        assert_eq!(LeapList::parse_zone(&zone(&[])).unwrap_err(), LeapListError::Zone);
    }

    fn zone(leaps: &[(i64, i32)]) -> Vec<u8> {
        let header = |leaps: u32| {
            let mut header = b"TZif2".to_vec();
            header.resize(20, 0);
            for count in [0, 0, leaps, 0, 1, 4u32] {
                header.extend(count.to_be_bytes());
            }
            header
        };
        let kind = [0, 0, 0, 0, 0, 0, b'U', b'T', b'C', 0];
        let mut zone = header(0);
        zone.extend(kind);
        zone.extend(header(leaps.len() as u32));
        zone.extend(kind);
        for (time, correction) in leaps {
            zone.extend(time.to_be_bytes());
            zone.extend(correction.to_be_bytes());
        }
        zone.extend(b"\nUTC0\n");
        zone
    }
}
