//! Served time that never jumps: what the clock's corrections changed is taken back at once and given out slowly.
//!
//! Served time is the best estimate of true time plus an offset. A correction of the clock changes the estimate at once;
//! the offset and its rate change by the opposite, so that those who are served notice nothing. From there both are brought
//! to zero as fast as the limits allow: the rate changes by so much in a second, and is never above so much. With such
//! limits the fastest way is full change one way, perhaps a while at the greatest rate, and full change the other way.

use crate::config::SmoothTime;
use crate::time::{Mono, Ppm, Seconds};

/// The process of smoothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothing {
    limits: SmoothTime,
    is_active: bool,
    /// The last change.
    since: Mono,
    /// As they were then.
    offset: f64,
    rate: f64,
    way: [Piece; 3],
}

/// For so long the rate changes by so much a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Piece {
    change: f64,
    length: f64,
}

/// Served time against the best estimate of true time, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Smoothed {
    /// Served time is ahead by this.
    pub offset: Seconds,
    /// It gains this.
    pub rate: Ppm,
    /// That changes by this in a second.
    pub wander: Ppm,
    /// Since the last correction that was smoothed.
    pub age: Seconds,
    /// Until served time is the best estimate again.
    pub remaining: Seconds,
}

/// Smoothing begins by itself when the frequency's error is below this many seconds' change of the rate.
const CALM: f64 = 10_000.0;

impl Smoothing {
    /// Not active yet: at its start a clock is set, not smoothed.
    pub fn new(limits: SmoothTime, now: Mono) -> Self {
        Self { limits, is_active: false, since: now, offset: 0.0, rate: 0.0, way: [Piece::default(); 3] }
    }

    /// True once corrections are smoothed.
    pub fn is_active(&self) -> bool {
        self.is_active
    }

    /// `leaponly`.
    pub fn is_leap_only(&self) -> bool {
        self.limits.leap_only
    }

    /// From now on.
    pub fn activate(&mut self, now: Mono) {
        if !self.is_active {
            self.is_active = true;
            self.since = now;
        }
    }

    /// The frequency is known so well now.
    pub fn is_calm(&self, skew: Ppm) -> bool {
        skew.0 / CALM < self.limits.max_wander.0
    }

    /// Served time is the best estimate at once.
    pub fn reset(&mut self, now: Mono) {
        *self = Self { is_active: self.is_active, ..Self::new(self.limits, now) };
    }

    /// The estimate of true time has changed by `offset`, and runs faster by `rate` (a ratio) than before.
    pub fn correct(&mut self, now: Mono, offset: Seconds, rate: f64) {
        if !self.is_active {
            return;
        }
        let smoothed = self.at(now);
        self.since = now;
        self.offset = smoothed.offset.0 - offset.0;
        self.rate = (1.0 + smoothed.rate.ratio()) / (1.0 + rate) - 1.0;
        self.way = way(self.offset, self.rate, &self.limits);
    }

    /// How served time stands.
    pub fn at(&self, now: Mono) -> Smoothed {
        let age = (now - self.since).max(Seconds::ZERO);
        let (mut offset, mut rate, mut left) = (self.offset, self.rate, age.0);
        let mut wander = 0.0;
        for piece in self.way {
            let span = left.min(piece.length);
            offset += span * (rate + piece.change * span / 2.0);
            rate += piece.change * span;
            left -= span;
            if span < piece.length {
                wander = piece.change;
                break;
            }
        }
        let length: f64 = self.way.iter().map(|piece| piece.length).sum();
        let is_over = age.0 >= length;
        Smoothed {
            // What is left then is rounding.
            offset: if is_over { Seconds::ZERO } else { Seconds(offset) },
            rate: if is_over { Ppm::ZERO } else { Ppm::from_ratio(rate) },
            wander: Ppm::from_ratio(wander),
            age,
            remaining: Seconds((length - age.0).max(0.0)),
        }
    }
}

/// The fastest way from an offset and its rate to none of both.
fn way(offset: f64, rate: f64, limits: &SmoothTime) -> [Piece; 3] {
    let (wander, most) = (limits.max_wander.ratio(), limits.max_rate.ratio());
    // Where it would come to rest if the rate were only brought to zero says which way to go. Seen from there, the offset
    // is positive and is worked off with a negative rate.
    let rest = offset + rate * rate.abs() / (2.0 * wander);
    let side = if rest < 0.0 { -1.0 } else { 1.0 };
    let (offset, rate) = (offset * side, rate * side);
    let fastest = (wander * offset + rate * rate / 2.0).max(0.0).sqrt().min(most);
    let first = (rate + fastest).abs() / wander;
    let during_first = (rate - fastest) / 2.0 * first;
    let last = fastest / wander;
    let left = offset + during_first - fastest * last / 2.0;
    let coast = if fastest > 0.0 { (left / fastest).max(0.0) } else { 0.0 };
    let towards = if rate > -fastest { -side } else { side };
    [
        Piece { change: towards * wander, length: first },
        Piece { change: 0.0, length: coast },
        Piece { change: side * wander, length: last },
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn smoothing(rate: f64, wander: f64) -> Smoothing {
        let limits = SmoothTime { max_rate: Ppm(rate), max_wander: Ppm(wander), leap_only: false };
        let mut smoothing = Smoothing::new(limits, Mono(0));
        smoothing.activate(Mono(0));
        smoothing
    }

    fn at(seconds: f64) -> Mono {
        Mono(0) + Seconds(seconds)
    }

    #[test]
    fn a_leap_second_is_smeared_as_the_manual_page_says() {
        let mut smoothing = smoothing(400.0, 0.001024);
        smoothing.correct(at(0.0), Seconds(-1.0), 0.0);
        let start = smoothing.at(at(0.0));
        assert_eq!((start.offset, start.rate), (Seconds(1.0), Ppm::ZERO));
        assert!((start.remaining.0 - 62_500.0).abs() < 1e-6, "{start:?}");
        let middle = smoothing.at(at(31_250.0));
        assert!((middle.rate.0 + 32.0).abs() < 1e-6 && (middle.offset.0 - 0.5).abs() < 1e-9, "{middle:?}");
        assert_eq!(smoothing.at(at(62_501.0)).offset, Seconds::ZERO);
    }

    #[test]
    fn chronyds_own_figures_after_two_times_were_entered() {
        // From its answers to `settime` and `smoothing`: the second came 1.133 s before the report.
        let mut smoothing = smoothing(400.0, 0.01);
        smoothing.correct(at(0.0), Seconds(2.079_062_7), 0.0);
        let step = Seconds(0.185_620_7);
        smoothing.correct(at(1.8), step, 0.102_305_32);
        let seen = smoothing.at(at(1.8 + 1.133));
        assert!((seen.offset.0 + 2.369_84).abs() < 1e-4, "{seen:?}");
        assert!((seen.rate.0 + 92_810.3).abs() < 1.0, "{seen:?}");
        assert!((seen.wander.0 - 0.01).abs() < 1e-12, "{seen:?}");
        assert!((seen.remaining.0 / 1_086_046_080.0 - 1.0).abs() < 1e-3, "{seen:?}");
    }

    #[test]
    fn nothing_is_smoothed_before_it_is_active_nor_after_a_reset() {
        let limits = SmoothTime { max_rate: Ppm(400.0), max_wander: Ppm(0.001), leap_only: false };
        let mut smoothing = Smoothing::new(limits, Mono(0));
        smoothing.correct(at(5.0), Seconds(7.0), 0.0);
        assert_eq!(smoothing.at(at(5.0)).offset, Seconds::ZERO);
        assert!(smoothing.is_calm(Ppm(9.9)) && !smoothing.is_calm(Ppm(10.1)));
        smoothing.activate(at(10.0));
        smoothing.correct(at(10.0), Seconds(7.0), 0.0);
        assert_eq!(smoothing.at(at(10.0)).offset, Seconds(-7.0));
        smoothing.reset(at(11.0));
        assert_eq!(smoothing.at(at(11.0)).offset, Seconds::ZERO);
        assert!(smoothing.is_active());
    }

    proptest! {
        #[test]
        fn served_time_never_jumps_keeps_the_limits_and_comes_to_rest(
            steps in prop::collection::vec((0.0..5000.0_f64, -2.0..2.0_f64), 1..6),
        ) {
            let mut smoothing = smoothing(1000.0, 1.0);
            let mut now = 0.0;
            for (wait, step) in steps {
                now += wait;
                let before = smoothing.at(at(now));
                smoothing.correct(at(now), Seconds(step), 0.0);
                let after = smoothing.at(at(now));
                prop_assert!((after.offset.0 + step - before.offset.0).abs() < 1e-9);
                prop_assert!((after.rate.0 - before.rate.0).abs() < 1e-6);
            }
            let end = smoothing.at(at(now)).remaining.0;
            let mut last = smoothing.at(at(now));
            for part in 1..=1000 {
                let span = end / 1000.0;
                let here = smoothing.at(at(now + span * f64::from(part)));
                prop_assert!(here.rate.abs().0 <= 1000.0 * (1.0 + 1e-6), "{:?}", here);
                prop_assert!((here.rate.0 - last.rate.0).abs() <= span * (1.0 + 1e-6) + 1e-6);
                let way = (here.rate.ratio() + last.rate.ratio()) / 2.0 * span;
                prop_assert!((here.offset.0 - last.offset.0 - way).abs() < 1e-6 + span * span * 1e-6);
                last = here;
            }
            prop_assert!(last.offset.abs().0 < 1e-6 && last.rate.abs().0 < 1e-3, "{:?}", last);
        }
    }
}
