//! One machine's kernel clock: an oscillator that wanders, what the kernel was told, and its leap seconds.

use timefleet_agent::engine::Correction;
use timefleet_agent::report::Leap;
use timefleet_agent::time::{Moment, Mono, Ppm, Seconds, Wall};

use crate::chance::Chance;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// What the monotonic clock says when the world begins.
const BOOTED: i64 = 1_000 * SECOND;

/// The kernel's clock. World time is a steady count of nanoseconds; the clock is wrong by what is kept here.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// When the world began, by a right clock.
    start: i64,
    /// World time of the last look.
    at: i64,
    /// Rate error of the oscillator; positive = fast.
    oscillator: f64,
    /// Standard deviation of the change of the rate error in each second.
    wander: f64,
    correction: f64,
    /// Seconds gained by running fast.
    gained: f64,
    /// Steps and leap seconds, nanoseconds.
    stepped: i64,
    /// World time slept through: the monotonic clock stood still.
    slept: i64,
    leap: Leap,
    /// A leap second was made and its status bit is still set.
    has_leapt: bool,
    /// Left out in containers and by some hypervisors.
    pub(crate) makes_leaps: bool,
    /// TAI minus UTC, as it was told.
    pub(crate) tai_offset: Option<i32>,
}

impl Kernel {
    pub(crate) fn new(start: i64, now: i64, ahead: f64, oscillator: f64, wander: f64) -> Self {
        Self {
            start,
            at: now,
            oscillator,
            wander,
            correction: 0.0,
            gained: 0.0,
            stepped: (ahead * 1e9).round() as i64,
            slept: 0,
            leap: Leap::Normal,
            has_leapt: false,
            makes_leaps: true,
            tai_offset: None,
        }
    }

    /// Lets the clock run until world time `now`.
    pub(crate) fn advance(&mut self, now: i64, chance: &mut Chance) -> Moment {
        while self.at < now {
            let next = if self.wander > 0.0 { now.min(self.at + SECOND) } else { now };
            let elapsed = (next - self.at) as f64 / 1e9;
            let before = self.leap_day();
            self.gained += elapsed * ((1.0 + self.oscillator) * (1.0 + self.correction) - 1.0);
            self.at = next;
            if self.leap_day() != before {
                self.pass_midnight();
            }
            if self.wander > 0.0 {
                self.oscillator += self.wander * chance.normal() * elapsed.sqrt();
            }
        }
        Moment { mono: self.mono(), wall: self.wall() }
    }

    /// Changes where the coming leap second is: a deleted one is the last of its day.
    fn leap_day(&self) -> i64 {
        let early = if self.leap == Leap::DeleteSecond { SECOND } else { 0 };
        (self.wall().0 + early).div_euclid(DAY)
    }

    fn pass_midnight(&mut self) {
        if self.has_leapt || !self.makes_leaps {
            return;
        }
        match self.leap {
            Leap::InsertSecond => self.stepped -= SECOND,
            Leap::DeleteSecond => self.stepped += SECOND,
            Leap::Normal | Leap::NotSynchronised => return,
        }
        self.has_leapt = true;
    }

    /// World time up to which it ran.
    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    fn wall(&self) -> Wall {
        Wall(self.start + self.at + self.stepped + (self.gained * 1e9).round() as i64)
    }

    fn mono(&self) -> Mono {
        let mono = self.at - self.slept + BOOTED + (self.gained * 1e9) as i64;
        Mono(u64::try_from(mono).unwrap())
    }

    /// Seconds ahead of a right clock that knows of no leap second.
    pub(crate) fn ahead(&self) -> f64 {
        self.stepped as f64 / 1e9 + self.gained
    }

    /// The oscillator runs faster from now on: its temperature has changed.
    pub(crate) fn warm(&mut self, by: f64) {
        self.oscillator += by;
    }

    pub(crate) fn step(&mut self, by: Seconds) {
        self.stepped += by.nanos();
    }

    /// The machine slept until `now`: its oscillator ran on, and the real-time clock was set by the hardware's.
    pub(crate) fn sleep(&mut self, now: i64, chance: &mut Chance) -> Moment {
        let (from, gained) = (self.at, self.gained);
        self.advance(now, chance);
        self.slept += now - from;
        self.gained = gained;
        Moment { mono: self.mono(), wall: self.wall() }
    }

    /// The correction that is applied.
    pub(crate) fn frequency(&self) -> Ppm {
        Ppm::from_ratio(self.correction)
    }

    pub(crate) fn correct(&mut self, correction: &Correction) {
        self.correction = correction.frequency.ratio();
        self.step(correction.step.unwrap_or_default());
        self.tai_offset = correction.tai_offset.or(self.tai_offset);
        self.has_leapt &= correction.leap == self.leap;
        self.leap = correction.leap;
    }
}
