//! Words for time: spans, frequencies, the clocks' readings and the two NTP wire formats.
//!
//! Three clocks never mix because their readings have different types: [`Mono`] never steps, [`Wall`] is what the
//! kernel's real-time clock says (right or wrong), [`NtpTimestamp`] is what travels in packets.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: f64 = 1e9;
/// Seconds from 1900-01-01 (NTP era 0) to 1970-01-01 (Unix), RFC 5905 section 6.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// A span of time in seconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0.0);

    /// The size without the sign.
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The larger of two spans.
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// The smaller of two spans.
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Two to the power of `exponent`, as polling intervals and precisions are written in NTP.
    pub fn from_log2(exponent: i8) -> Self {
        Self(f64::from(exponent).exp2())
    }

    /// The power of two that is nearest, within what the protocol has room for; the lowest for what is not above zero.
    pub fn log2(self) -> i8 {
        if self.0 > 0.0 { self.0.log2().round().clamp(-128.0, 127.0) as i8 } else { i8::MIN }
    }

    /// Whole nanoseconds, rounded; saturates at the limits of `i64` (292 years).
    pub fn nanos(self) -> i64 {
        (self.0 * NANOS_PER_SECOND).round() as i64
    }
}

impl Add for Seconds {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Seconds {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Seconds {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Seconds {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Neg for Seconds {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<f64> for Seconds {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self(self.0 * factor)
    }
}

impl Div<f64> for Seconds {
    type Output = Self;
    fn div(self, divisor: f64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Div for Seconds {
    type Output = f64;
    fn div(self, other: Self) -> f64 {
        self.0 / other.0
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.9}", self.0);
        write!(f, "{} s", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A relative frequency in parts per million; positive = runs fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ppm(pub f64);

impl Ppm {
    /// No frequency error.
    pub const ZERO: Self = Self(0.0);

    /// Seconds gained per second.
    pub fn ratio(self) -> f64 {
        self.0 * 1e-6
    }

    /// From seconds gained per second.
    pub fn from_ratio(ratio: f64) -> Self {
        Self(ratio * 1e6)
    }

    /// The size without the sign.
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Add for Ppm {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Ppm {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Ppm {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A reading of a clock that never steps, in nanoseconds since an origin that means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

impl Sub for Mono {
    type Output = Seconds;
    fn sub(self, other: Self) -> Seconds {
        let nanos = match self.0.checked_sub(other.0) {
            Some(later) => later as f64,
            None => -(other.0.abs_diff(self.0) as f64),
        };
        Seconds(nanos / NANOS_PER_SECOND)
    }
}

impl Add<Seconds> for Mono {
    type Output = Self;
    fn add(self, span: Seconds) -> Self {
        Self(self.0.saturating_add_signed(span.nanos()))
    }
}

/// A reading of a UTC clock, in nanoseconds since 1970-01-01 without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    /// Seconds since 1970 (f64: exact to a microsecond, for people and reports).
    pub fn unix(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND
    }

    /// Whole seconds and nanoseconds since 1970.
    pub fn parts(self) -> (i64, u32) {
        (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000) as u32)
    }

    /// As it travels in packets; the era is dropped.
    pub fn to_ntp(self) -> NtpTimestamp {
        let (seconds, nanos) = self.parts();
        let fraction = (u64::from(nanos) << 32) / 1_000_000_000;
        NtpTimestamp((((seconds + NTP_TO_UNIX) as u64) << 32) | fraction)
    }
}

impl Sub for Wall {
    type Output = Seconds;
    fn sub(self, other: Self) -> Seconds {
        let nanos = match self.0.checked_sub(other.0) {
            Some(nanos) => nanos as f64,
            None => (i128::from(self.0) - i128::from(other.0)) as f64,
        };
        Seconds(nanos / NANOS_PER_SECOND)
    }
}

impl Add<Seconds> for Wall {
    type Output = Self;
    fn add(self, span: Seconds) -> Self {
        Self(self.0.saturating_add(span.nanos()))
    }
}

/// What one look at the machine's clocks gave: both readings, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// For intervals and timeouts.
    pub mono: Mono,
    /// What the kernel's real-time clock said.
    pub wall: Wall,
}

/// 64-bit NTP timestamp: 32 bits of seconds since 1900 modulo 2^32, 32 bits of fraction (RFC 5905 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTimestamp(pub u64);

impl NtpTimestamp {
    /// "Unknown", by RFC 5905.
    pub const ZERO: Self = Self(0);

    /// True for the value that means "unknown".
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The span that is so many units of 2^-32 s.
    pub fn span(units: i64) -> Seconds {
        Seconds(units as f64 / 4_294_967_296.0)
    }

    /// The reading in the era that puts it within 68 years of `near`.
    pub fn near(self, near: Wall) -> Wall {
        let reference = near.to_ntp();
        let delta = self.0.wrapping_sub(reference.0) as i64;
        // `delta` is in units of 2^-32 s; near.to_ntp() cut the nanoseconds down by less than one unit.
        let nanos = (i128::from(delta) * 1_000_000_000 + (1 << 31)) >> 32;
        Wall((i128::from(near.0) + nanos) as i64)
    }
}

/// 32-bit NTP short format: 16 bits of seconds, 16 bits of fraction (root delay and root dispersion).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpShort(pub u32);

impl NtpShort {
    /// The span it stands for.
    pub fn seconds(self) -> Seconds {
        Seconds(f64::from(self.0) / 65536.0)
    }

    /// Rounded up, so that a bound stays a bound; saturates at 65536 s, negative becomes zero.
    pub fn from_seconds(span: Seconds) -> Self {
        Self((span.0 * 65536.0).ceil().clamp(0.0, f64::from(u32::MAX)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_timestamp_survives_the_era_change_of_2036() {
        let before = Wall(2_085_978_495_500_000_000); // half a second before era 1
        let after = before + Seconds(1.0);
        assert_eq!(before.to_ntp().0 >> 32, 0xFFFF_FFFF);
        assert_eq!(after.to_ntp().0 >> 32, 0);
        assert_eq!(after.to_ntp().near(before), after);
        assert_eq!(before.to_ntp().near(after), before);
    }

    #[test]
    fn ntp_timestamp_keeps_nanoseconds() {
        for nanos in [0, 1, 999_999_999, 1_700_000_000_123_456_789] {
            let wall = Wall(nanos);
            let back = wall.to_ntp().near(Wall(nanos + 5_000_000_000));
            assert!((back.0 - nanos).abs() <= 1, "{nanos} came back as {}", back.0);
        }
    }

    #[test]
    fn short_format_rounds_a_bound_up() {
        assert_eq!(NtpShort::from_seconds(Seconds(1.0)), NtpShort(0x10000));
        assert_eq!(NtpShort::from_seconds(Seconds(1e-9)), NtpShort(1));
        assert_eq!(NtpShort::from_seconds(Seconds(-1.0)), NtpShort(0));
    }

    #[test]
    fn spans_are_printed_to_the_nanosecond() {
        let printed = [30.0, -0.25, 29.999_998_713_675, 0.0].map(|span| Seconds(span).to_string());
        assert_eq!(printed, ["30 s", "-0.25 s", "29.999998714 s", "0 s"]);
    }

    #[test]
    fn mono_differences_are_signed() {
        assert_eq!(Mono(5) - Mono(1_000_000_005), Seconds(-1.0));
        assert_eq!(Mono(1_000_000_000) + Seconds(-0.5), Mono(500_000_000));
    }
}
