//! What the kernel is told, what it did, and what others did to its clock.

use super::Engine;
use super::action::{Action, Correction, Level};
use super::model::Model;
use crate::discipline::{Decision, Slew};
use crate::oscillator::Oscillator;
use crate::reference::Reference;
use crate::report::ClockControl;
use crate::time::{Moment, Ppm, Seconds};

/// A slew that ends this near to its goal has reached it.
const REACHED: Seconds = Seconds(1e-6);

/// A slew that has so little time left is over.
const SHORTEST_WAIT: Seconds = Seconds(1e-3);

/// The clock is held against the one that never steps at least this often.
const LOOK_INTERVAL: Seconds = Seconds(16.0);
/// A shorter jump of the clock is somebody's step; a longer one may be a sleep, after which the clock is right.
const SHORTEST_SLEEP: Seconds = Seconds(1.0);
/// After a step larger than this, sums of seconds no longer hold nanoseconds: samples start anew.
const PRECISION_LIMIT: Seconds = Seconds(1e5);

impl Engine {
    pub(super) fn steer(&mut self, now: Moment, decision: Decision) {
        match decision {
            Decision::Step(step) if self.is_steered() => {
                self.slew_until = None;
                self.correct(Some(step), Ppm::ZERO, now);
            }
            Decision::Slew(slew) if self.is_steered() => self.start_slew(now, slew),
            _ => {}
        }
    }

    /// `logchange`; a step is always worth a line.
    pub(super) fn tell_change(&mut self, correction: Seconds, is_step: bool) {
        if is_step || correction.abs() > self.config.log_change {
            self.log(Level::Warning, format!("system clock is wrong by {correction}"));
        }
    }

    fn start_slew(&mut self, now: Moment, slew: Slew) {
        self.slew_until = Some(now.mono + slew.duration * shortening(slew.rate));
        self.correct(None, slew.rate, now);
    }

    /// Is the kernel's clock ours?
    pub(super) fn is_steered(&self) -> bool {
        self.control == ClockControl::Steered
    }

    pub(super) fn correct(&mut self, step: Option<Seconds>, slew: Ppm, now: Moment) {
        self.wished = self.base_frequency() + slew;
        self.push_correction(step, now);
    }

    /// News for the kernel's status word; the clock runs on as it does.
    pub(super) fn tell_kernel(&mut self, now: Moment) {
        self.push_correction(None, now);
    }

    fn push_correction(&mut self, step: Option<Seconds>, now: Moment) {
        let correction = Correction {
            frequency: self.wished,
            step,
            leap: self.kernel_leap(),
            tai_offset: self.tai_offset(now),
            max_error: self.reference.root_distance(now.mono),
            estimated_error: self.updates.rms_offset,
        };
        self.actions.push_back(Action::Correct(correction));
    }

    /// The whole remaining correction at once (MAKESTEP); false = the clock is not ours, or nothing is known.
    pub(super) fn step_now(&mut self, now: Moment) -> bool {
        if !self.is_steered() || self.model.is_none() {
            return false;
        }
        let step = self.correction(now.wall);
        self.log(Level::Warning, format!("system clock is stepped by {step} on request"));
        self.slew_until = None;
        self.correct(Some(step), Ppm::ZERO, now);
        true
    }

    /// What the kernel really did.
    pub(super) fn corrected(&mut self, now: Moment, done: Result<Correction, String>) {
        match done {
            Ok(done) => {
                let step = done.step.unwrap_or_default();
                self.oscillator.corrected(now, done.frequency, step);
                if done.step.is_some() {
                    self.reset_smoothing(now);
                }
                if step.abs() > PRECISION_LIMIT {
                    self.start_anew(now);
                }
            }
            Err(why) => {
                self.log(
                    Level::Error,
                    format!("the clock cannot be adjusted: {why}; it is left alone from now on"),
                );
                self.slew_until = None;
                self.control = ClockControl::LeftAlone { reason: why };
            }
        }
    }

    /// Somebody else moved the clock, or the machine slept: nobody knows what time it is until the sources say so.
    pub(super) fn notice_step(&mut self, now: Moment) {
        self.next_look = now.mono + LOOK_INTERVAL;
        let Some(jump) = self.oscillator.jump(now) else { return };
        if self.is_leap(now, jump) {
            return;
        }
        self.oscillator.jumped(now, jump);
        if jump.abs() < SHORTEST_SLEEP && self.model.is_some() {
            self.undo_jump(now, jump);
            return;
        }
        self.log(Level::Warning, format!("the system clock jumped by {jump}, not by us: measuring anew"));
        self.reference = Reference::Unsynchronised;
        self.selected = None;
        self.has_begun = false;
        self.manual.forget();
        self.reset_smoothing(now);
        self.start_anew(now);
    }

    /// No machine sleeps that short: somebody moved the clock by so much, and it is moved back.
    fn undo_jump(&mut self, now: Moment, jump: Seconds) {
        self.log(Level::Warning, format!("the system clock jumped by {jump}, not by us: it is moved back"));
        self.reference.doubt(jump.abs());
        if self.is_steered() {
            let slew = self.discipline.slew(self.correction(now.wall), Seconds::ZERO, Seconds::ZERO);
            self.start_slew(now, slew);
        }
    }

    /// Forgets offsets, keeps the frequency.
    fn start_anew(&mut self, now: Moment) {
        let applied = self.oscillator.applied();
        self.manual.rebase(self.oscillator.free(now.wall), self.oscillator.lead(now.wall));
        self.oscillator = Oscillator::new(now, applied);
        let (free, lead) = (self.oscillator.free(now.wall), self.oscillator.lead(now.wall));
        self.model = self.model.map(|model| model.through(free, lead));
        self.slew_until = None;
        self.kept.clear();
        self.forget_samples(now);
        if self.is_steered() && self.model.is_some() {
            self.correct(None, Ppm::ZERO, now);
        }
    }

    /// All sources are measured anew; what is known of the frequency is kept.
    pub(super) fn forget_samples(&mut self, now: Moment) {
        self.prior = self.model.map_or(self.prior, Model::frequency_prior);
        for association in self.sources.iter_mut().filter_map(|source| source.association.as_mut()) {
            association.reset_samples(now.mono);
        }
    }

    /// Ends a slew that is due; what its end missed is made up for by a further one.
    pub(super) fn end_slew(&mut self, now: Moment) {
        if self.slew_until.is_none_or(|until| until > now.mono) {
            return;
        }
        self.slew_until = None;
        let left = self.correction(now.wall);
        let rate = self.wished - self.base_frequency();
        let time_left = Seconds(left.0 / rate.ratio()) * shortening(rate);
        if time_left > SHORTEST_WAIT {
            self.slew_until = Some(now.mono + time_left);
        } else if left.abs() > REACHED {
            let slew = self.discipline.slew(left, Seconds::ZERO, Seconds::ZERO);
            self.start_slew(now, slew);
        } else {
            self.correct(None, Ppm::ZERO, now);
        }
    }
}

/// A slew is timed by a clock that is slewed along with the one it is about (or, in some simulators, is not): it is
/// looked at as soon as it may be over.
fn shortening(rate: Ppm) -> f64 {
    (1.0 + rate.ratio()).min(1.0)
}
