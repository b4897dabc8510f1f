//! The free-running clock beneath the kernel's.
//!
//! The kernel's clock is the machine's oscillator plus everything that was done to it: steps, frequency corrections,
//! slews. [`Oscillator`] takes all of that off again. On its scale the oscillator's own error is one straight line
//! (plus wander), whatever the discipline did meanwhile, so stored samples stay valid without being re-based.

use crate::time::{Moment, Ppm, Seconds, Wall};

/// Seconds of free-running time since the oscillator was first looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Free(pub f64);

impl std::ops::Sub for Free {
    type Output = Seconds;
    fn sub(self, other: Self) -> Seconds {
        Seconds(self.0 - other.0)
    }
}

/// A jump of the clock below this may be a slow reading of two clocks, not a step.
const STEP_NOISE: Seconds = Seconds(0.002);
/// A difference within this part of what was applied is the correction itself, seen on a clock that it does not reach.
const RATE_NOISE: f64 = 0.2;

/// Knows what was done to the kernel's clock since the start.
#[derive(Clone, Debug)]
pub struct Oscillator {
    /// The last moment at which something changed, on the kernel's clock.
    anchor: Wall,
    /// Free-running time at the anchor.
    free_at_anchor: Free,
    /// How far the kernel's clock was ahead of the free-running one at the anchor.
    lead_at_anchor: Seconds,
    /// Frequency correction the kernel applies since the anchor.
    applied: Ppm,
    /// For noticing steps that others make.
    last: Moment,
    /// Corrections reach the monotonic clock, too, as in every kernel; not so in some simulators.
    runs_together: bool,
}

impl Oscillator {
    /// Starts with the frequency correction that the kernel applies already.
    pub fn new(now: Moment, applied: Ppm) -> Self {
        Self {
            anchor: now.wall,
            free_at_anchor: Free(0.0),
            lead_at_anchor: Seconds::ZERO,
            applied,
            last: now,
            runs_together: true,
        }
    }

    /// The frequency correction that the kernel applies now.
    pub fn applied(&self) -> Ppm {
        self.applied
    }

    /// What the kernel's clock said when its correction last changed.
    pub fn anchor(&self) -> Wall {
        self.anchor
    }

    /// Free-running time when the kernel's clock says `wall`.
    pub fn free(&self, wall: Wall) -> Free {
        let elapsed = wall - self.anchor;
        Free(self.free_at_anchor.0 + elapsed.0 / (1.0 + self.applied.ratio()))
    }

    /// How far the kernel's clock is ahead of the free-running one when it says `wall`.
    pub fn lead(&self, wall: Wall) -> Seconds {
        let elapsed = wall - self.anchor;
        let ratio = self.applied.ratio();
        self.lead_at_anchor + elapsed * (ratio / (1.0 + ratio))
    }

    /// The kernel's frequency correction changed, and the clock was stepped by `step`; `now` was read afterwards.
    pub fn corrected(&mut self, now: Moment, applied: Ppm, step: Seconds) {
        let before = now.wall + -step;
        let (free, lead) = (self.free(before), self.lead(before));
        self.anchor = now.wall;
        self.free_at_anchor = free;
        self.lead_at_anchor = lead + step;
        self.applied = applied;
        self.last = now;
    }

    /// UTC jumped by `utc` (a leap second), and the kernel's clock with it by `kernel`: all of it, or nothing. The
    /// free-running scale jumps as UTC does, so that samples from before mean the same.
    pub fn leapt(&mut self, utc: Seconds, kernel: Seconds) {
        self.anchor = self.anchor + kernel;
        self.lead_at_anchor += kernel - utc;
    }

    /// How far the clock jumped since the last look, by somebody else's hand or while the machine slept; `None` = it
    /// did not. A jump stays until [`Oscillator::jumped`] or [`Oscillator::looked`] says what it was.
    ///
    /// The monotonic clock runs at the kernel clock's rate but never jumps, so a difference is a jump.
    pub fn jump(&mut self, now: Moment) -> Option<Seconds> {
        let mono = now.mono - self.last.mono;
        let jump = (now.wall - self.last.wall) - mono;
        let by_rate = mono * self.applied.ratio();
        if jump.abs() > STEP_NOISE && (jump - by_rate).abs() < by_rate.abs() * RATE_NOISE {
            self.runs_together = false;
        }
        let tolerance =
            if self.runs_together { STEP_NOISE } else { STEP_NOISE + by_rate.abs() + mono.abs() * 1e-3 };
        if jump.abs() <= tolerance {
            self.last = now;
            return None;
        }
        Some(jump)
    }

    /// The jump was an error of the clock.
    pub fn jumped(&mut self, now: Moment, jump: Seconds) {
        self.corrected(now, self.applied, jump);
    }

    /// The jump is accounted for.
    pub fn looked(&mut self, now: Moment) {
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    fn moment(mono: f64, wall: f64) -> Moment {
        Moment { mono: Mono((mono * 1e9) as u64), wall: Wall((wall * 1e9) as i64) }
    }

    #[test]
    fn a_sample_means_the_same_after_slew_and_step() {
        let mut oscillator = Oscillator::new(moment(0.0, 1000.0), Ppm::ZERO);
        oscillator.corrected(moment(10.0, 1010.0), Ppm(100.0), Seconds::ZERO);
        // 10 s at +100 ppm: the kernel's clock gained 1 ms (less a nanosecond of second order).
        let wall = Wall(1_020_001_000_000);
        assert!((oscillator.free(wall).0 - 20.0).abs() < 1e-9);
        assert!((oscillator.lead(wall).0 - 0.001).abs() < 1e-9);
        oscillator.corrected(moment(20.001, 1017.501), Ppm::ZERO, Seconds(-2.5));
        let wall = Wall(1_017_501_000_000);
        assert!((oscillator.free(wall).0 - 20.0).abs() < 1e-9);
        assert!((oscillator.lead(wall).0 + 2.499).abs() < 1e-9);
    }

    #[test]
    fn a_step_by_somebody_else_is_noticed_once() {
        let mut oscillator = Oscillator::new(moment(0.0, 1000.0), Ppm::ZERO);
        assert_eq!(oscillator.jump(moment(16.0, 1016.001)), None);
        let jump = oscillator.jump(moment(32.0, 1062.001)).unwrap();
        oscillator.jumped(moment(32.0, 1062.001), jump);
        assert!((jump.0 - 30.0).abs() < 1e-6);
        assert!((oscillator.lead(moment(32.0, 1062.001).wall).0 - 30.0).abs() < 1e-6);
        assert_eq!(oscillator.jump(moment(48.0, 1078.001)), None);
        let small = oscillator.jump(moment(64.0, 1094.006)).unwrap();
        assert!((small.0 - 0.005).abs() < 1e-6);
    }

    #[test]
    fn a_monotonic_clock_that_corrections_do_not_reach_is_no_reason_to_see_steps() {
        let mut oscillator = Oscillator::new(moment(0.0, 1000.0), Ppm(80_000.0));
        for look in 1..10 {
            let mono = f64::from(look) * 16.0;
            assert_eq!(oscillator.jump(moment(mono, 1000.0 + mono * 1.08)), None);
        }
        assert!(oscillator.jump(moment(160.0, 1000.0 + 160.0 * 1.08 + 5.0)).is_some());
    }

    #[test]
    fn samples_mean_the_same_after_a_leap_second() {
        let mut oscillator = Oscillator::new(moment(0.0, 1000.0), Ppm(50.0));
        let before = Wall(1_010_000_000_000);
        let (free, lead) = (oscillator.free(before), oscillator.lead(before));
        let mut slewed = oscillator.clone();
        oscillator.leapt(Seconds(-1.0), Seconds(-1.0));
        // The kernel's clock went back: the same moment reads a second less.
        assert_eq!(oscillator.free(before + Seconds(-1.0)), free);
        assert_eq!(oscillator.lead(before + Seconds(-1.0)), lead);
        // It did not: it is a second ahead now.
        slewed.leapt(Seconds(-1.0), Seconds::ZERO);
        assert_eq!(slewed.free(before), free);
        assert_eq!(slewed.lead(before), lead + Seconds(1.0));
    }
}
