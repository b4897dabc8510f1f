//! One clock update: from the selected sources' estimates to the model, the reference and a decision.

use super::Engine;
use super::action::{Action, Level};
use crate::discipline::Decision;
use crate::reference::{Reference, SourceReference};
use crate::time::{Moment, Mono, Seconds};

/// What `tracking` says of the last clock updates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Updates {
    /// Error found at the last update; positive = the clock was ahead.
    pub(super) last_offset: Seconds,
    /// Slow-moving mean of the errors.
    pub(super) rms_offset: Seconds,
    /// Spacing of the last two updates.
    pub(super) interval: Seconds,
    /// The errors have stopped to shrink.
    is_settled: bool,
    last: Option<Mono>,
}

impl Engine {
    pub(super) fn update_clock(&mut self, now: Moment, best: usize) {
        let free = self.oscillator.free(now.wall);
        let Some(fresh) = self.combine(free) else { return };
        let Some(source) = self.sources.get(best) else { return };
        let Some(association) = source.association.as_ref() else { return };
        let (Some(newest), Some(estimate)) =
            (association.history().newest().copied(), association.estimate())
        else {
            return;
        };
        let deviation = estimate.offset_deviation(free);
        let interval = association.interval();
        let address = association.address.ip();
        let copied = association.copied_reference();
        let shortest = association.history().min_delay().unwrap_or_default();
        let surprise =
            fresh.offset(free) - self.model.map_or(self.oscillator.lead(now.wall), |m| m.offset(free));
        let correction = fresh.offset(free) - self.oscillator.lead(now.wall);
        let decision = self.discipline.decide(correction, deviation, interval);
        match decision {
            Decision::Ignore => {
                self.log(Level::Warning, format!("correction of {correction} is above maxchange: ignored"));
                return;
            }
            Decision::GiveUp => {
                let reason = format!("correction of {correction} is above maxchange");
                self.actions.push_back(Action::GiveUp { reason });
                return;
            }
            Decision::Step(_) | Decision::Slew(_) => {}
        }
        let outset = self.outset(now);
        self.model = Some(fresh.within(self.config.max_drift));
        self.tell_change(correction, matches!(decision, Decision::Step(_)));
        self.note_update(now.mono, -surprise);
        self.reference = Reference::Source(SourceReference {
            address,
            copied,
            stratum: newest.stratum.saturating_add(u8::from(copied.is_none())),
            leap: self.reference.leap_second(),
            at: now.mono,
            reference_time: self.ntp_time(now.wall),
            root_delay: newest.root_delay + shortest,
            root_dispersion: newest.root_dispersion + newest.dispersion + deviation,
            dispersion_rate: fresh.skew + self.config.max_clock_error.ratio(),
        });
        self.watch_leap(now);
        self.record_update(now, outset);
        self.smooth_update(now, outset);
        self.steer(now, decision);
    }

    /// As long as each error is smaller than the one before, the clock is still settling and its mean is the last one:
    /// the 20 s that a clock was wrong at the start say nothing of how well it is kept.
    pub(super) fn note_update(&mut self, now: Mono, offset: Seconds) {
        let is_first = self.updates.last.is_none();
        self.updates.is_settled |= !is_first && offset.abs() > self.updates.rms_offset;
        self.updates.last_offset = offset;
        self.updates.rms_offset = if self.updates.is_settled {
            Seconds((0.9 * self.updates.rms_offset.0.powi(2) + 0.1 * offset.0.powi(2)).sqrt())
        } else {
            offset.abs()
        };
        self.updates.interval = self.updates.last.map_or(Seconds::ZERO, |last| now - last);
        self.updates.last = Some(now);
    }
}
