//! What is served while the clock is corrected (`smoothtime`), and chronyc's look at it.

use super::Engine;
use super::action::Level;
use super::records::Outset;
use crate::chronyc::wire;
use crate::config::LeapMode;
use crate::reference::Reference;
use crate::report::Leap;
use crate::time::{Moment, Ppm, Seconds};

impl Engine {
    /// What those who ask are told of our reference: who is served a smeared leap second must not make one.
    pub(super) fn served_reference(&self) -> Reference {
        let mut reference = self.reference;
        let is_active = self.smoothing.as_ref().is_some_and(|smoothing| smoothing.is_active());
        if is_active && self.config.leap_mode == LeapMode::Slew {
            reference.announce(Leap::Normal);
        }
        reference
    }

    /// The estimate of true time was another before.
    pub(super) fn smooth_update(&mut self, now: Moment, before: Outset) {
        let change = self.correction(now.wall) - before.remaining;
        let skew = self.model.map(|model| Ppm::from_ratio(model.skew));
        let slope = self.model.map_or(0.0, |model| model.slope);
        let rate = (1.0 + slope) / (1.0 + before.slope.unwrap_or(slope)) - 1.0;
        let Some(smoothing) = self.smoothing.as_mut() else { return };
        if smoothing.is_active() {
            if !smoothing.is_leap_only() {
                smoothing.correct(now.mono, change, rate);
            }
        } else if skew.is_some_and(|skew| smoothing.is_calm(skew)) {
            smoothing.activate(now.mono);
            self.log(Level::Info, "served time is smoothed from now on".to_owned());
        }
    }

    /// UTC jumped, and is not to be followed by those who are served: not at once.
    pub(super) fn smooth_leap(&mut self, now: Moment, change: Seconds) {
        if self.config.leap_mode == LeapMode::Slew
            && let Some(smoothing) = self.smoothing.as_mut()
        {
            smoothing.correct(now.mono, change, 0.0);
        }
    }

    /// The clock was stepped, so everybody will have noticed.
    pub(super) fn reset_smoothing(&mut self, now: Moment) {
        if let Some(smoothing) = self.smoothing.as_mut() {
            smoothing.reset(now.mono);
        }
    }

    /// SMOOTHTIME.
    pub(super) fn order_smoothing(&mut self, now: Moment, activate: bool) -> wire::Status {
        match self.smoothing.as_mut() {
            None => return wire::Status::NotEnabled,
            Some(smoothing) if activate => smoothing.activate(now.mono),
            Some(smoothing) => smoothing.reset(now.mono),
        }
        wire::Status::Success
    }

    /// SMOOTHING.
    pub(super) fn smoothing_report(&self, now: Moment) -> Option<wire::Smoothing> {
        let smoothing = self.smoothing.as_ref()?;
        let seen = smoothing.at(now.mono);
        let is_active = smoothing.is_active();
        Some(wire::Smoothing {
            flags: u32::from(is_active) | (u32::from(smoothing.is_leap_only()) << 1),
            offset: seen.offset,
            frequency: seen.rate,
            wander: seen.wander,
            update_age: if is_active { seen.age } else { Seconds::ZERO },
            remaining: seen.remaining,
        })
    }
}
