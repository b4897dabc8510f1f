//! From samples to the clock: selection, the line that true time follows, and what the kernel is told.

use super::action::{Action, Correction, Drift, Level};
use super::{Engine, Source};
use crate::association::Association;
use crate::discipline::{Decision, Slew};
use crate::leap;
use crate::oscillator::{Free, Oscillator};
use crate::packet::RefId;
use crate::reference::{Reference, SourceReference};
use crate::regression::SlopePrior;
use crate::report::{ClockControl, Leap};
use crate::select::{self, Candidate, View};
use crate::time::{Moment, Mono, Ppm, Seconds, Wall};

/// The line that true time follows over free-running time, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    at: Free,
    offset: Seconds,
    /// True seconds gained per free-running second.
    pub(super) slope: f64,
    /// Standard deviation of the slope.
    pub(super) skew: f64,
}

impl Model {
    /// True minus free-running time.
    pub(super) fn offset(&self, at: Free) -> Seconds {
        self.offset + (at - self.at) * self.slope
    }
}

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

/// Without a drift file the oscillator may be this wrong (one standard deviation).
const UNKNOWN_FREQUENCY: Ppm = Ppm(200.0);
/// A drift file is believed no closer than this: temperature was another when it was written.
const FRESH_FREQUENCY: Ppm = Ppm(2.0);
/// A source that was asked this often without becoming selectable is worth a warning.
const TRIED: u32 = 4;
/// A slew that ends this near to its goal has reached it.
const REACHED: Seconds = Seconds(1e-6);
/// In local mode the reference time is refreshed this often, so that clients see a living server.
const LOCAL_REFRESH: Seconds = Seconds(64.0);
/// The drift file is written at most this often.
const DRIFT_INTERVAL: Seconds = Seconds(3600.0);
/// The clock is held against the one that never steps at least this often.
const LOOK_INTERVAL: Seconds = Seconds(16.0);
/// After a step larger than this, sums of seconds no longer hold nanoseconds: samples start anew.
const PRECISION_LIMIT: Seconds = Seconds(1e5);

/// What is known of the oscillator before the first sample.
pub(super) fn prior(drift: Option<Drift>, kernel: Ppm) -> SlopePrior {
    match drift {
        Some(drift) => SlopePrior {
            mean: 1.0 / (1.0 + drift.frequency.ratio()) - 1.0,
            deviation: drift.skew.ratio().max(FRESH_FREQUENCY.ratio()),
        },
        None => SlopePrior { mean: kernel.ratio(), deviation: UNKNOWN_FREQUENCY.ratio() },
    }
}

impl Engine {
    /// NTP time minus the kernel's clock when that says `wall`.
    pub(super) fn correction(&self, wall: Wall) -> Seconds {
        self.model.map_or(Seconds::ZERO, |model| {
            model.offset(self.oscillator.free(wall)) - self.oscillator.lead(wall)
        })
    }

    /// The kernel's clock with what is still to be corrected: the best estimate of true time.
    pub(super) fn ntp_time(&self, wall: Wall) -> Wall {
        wall + self.correction(wall)
    }

    /// A source as the selection sees it.
    fn candidate(&self, source: &Source, now: Moment) -> Option<Candidate> {
        let association = source.association.as_ref()?;
        let free = self.oscillator.free(now.wall);
        let lead = self.oscillator.lead(now.wall);
        let upstream = &association.upstream;
        let view =
            association.estimate().zip(association.history().newest()).map(|(estimate, newest)| View {
                offset: estimate.offset(free) - lead,
                root_distance: self.root_distance(source, now).unwrap_or_default(),
                jitter: estimate.std_dev,
                stratum: newest.stratum,
            });
        Some(Candidate {
            id: RefId::of_address(association.address.ip()),
            own_id: association.reply.and_then(|reply| reply.local).map(RefId::of_address),
            no_select: upstream.no_select,
            prefer: upstream.prefer,
            trust: upstream.trust,
            require: upstream.require,
            reachable: association.reach != 0,
            unsynchronised: source.is_unsynchronised(),
            has_enough_samples: association.has_enough_samples(),
            view,
        })
    }

    /// Error bound of what a source says now: half its root delay, its root dispersion, and what came since.
    pub(super) fn root_distance(&self, source: &Source, now: Moment) -> Option<Seconds> {
        let association = source.association.as_ref()?;
        let estimate = association.estimate()?;
        let newest = association.history().newest()?;
        let shortest = association.history().min_delay()?;
        let free = self.oscillator.free(now.wall);
        let age = (free - newest.at).max(Seconds::ZERO);
        let uncertainty = estimate.offset_deviation(free) + age * self.config.max_clock_error.ratio();
        Some((newest.root_delay + shortest) / 2.0 + newest.root_dispersion + newest.dispersion + uncertainty)
    }

    /// Judges all sources again.
    pub(super) fn reselect(&mut self, now: Moment) {
        let settings = select::Settings {
            min_sources: self.config.min_sources,
            max_distance: self.config.max_distance,
            max_jitter: self.config.max_jitter,
            reselect_distance: self.config.reselect_distance,
            stratum_weight: self.config.stratum_weight,
            orphan_stratum: self.config.local.filter(|local| local.orphan).map(|local| local.stratum),
        };
        let known: Vec<(usize, Candidate)> = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(i, source)| Some((i, self.candidate(source, now)?)))
            .collect();
        let candidates: Vec<Candidate> = known.iter().map(|(_, candidate)| *candidate).collect();
        let previous = self.selected.and_then(|index| known.iter().position(|(i, _)| *i == index));
        let selection = select::select(&candidates, &settings, previous);
        let source_of = |position: usize| known.get(position).map(|(index, _)| *index);
        for (position, verdict) in selection.verdicts.iter().enumerate() {
            if let Some(source) = source_of(position).and_then(|index| self.sources.get_mut(index)) {
                source.verdict = *verdict;
                source.judged_at = now.mono;
            }
        }
        self.selected = selection.best.and_then(source_of);
        self.combined =
            selection.combined.iter().filter_map(|(p, weight)| Some((source_of(*p)?, *weight))).collect();
        let tried = |source: &Source| source.association.as_ref().is_some_and(|a| a.counters.sent > TRIED);
        let is_news = self.selected.is_some() || self.announced.is_some() || self.sources.iter().all(tried);
        if is_news && self.announced != Some(self.selected) {
            self.announced = Some(self.selected);
            self.announce(self.selected);
        }
    }

    fn announce(&mut self, selected: Option<usize>) {
        let address = |index: usize| {
            self.sources.get(index).and_then(|s| s.association.as_ref()).map(|a| a.address.ip())
        };
        match selected.and_then(address) {
            Some(address) => self.log(Level::Info, format!("selected source {address}")),
            None => {
                let reasons: Vec<String> =
                    self.sources.iter().map(|s| format!("{} {}", s.display_name(), s.reason())).collect();
                self.log(Level::Warning, format!("no selectable source: {}", reasons.join(", ")));
            }
        }
    }

    /// A source gave a new sample: judge, and let the clock follow if the sample was the selected source's.
    pub(super) fn take_sample(&mut self, now: Moment, index: usize) {
        self.reselect(now);
        if self.has_begun && self.selected == Some(index) {
            self.update_clock(now, index);
        }
        self.begin(now);
    }

    /// The first update waits until every source that answers has had its burst: the first to speak may be the liar.
    pub(super) fn begin(&mut self, now: Moment) {
        let gathers = |source: &Source| source.association.as_ref().is_some_and(Association::is_gathering);
        let Some(best) = self.selected.filter(|_| !self.has_begun) else { return };
        if !self.sources.iter().any(gathers) {
            self.has_begun = true;
            self.update_clock(now, best);
        }
    }

    fn update_clock(&mut self, now: Moment, best: usize) {
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
        self.model = Some(fresh);
        self.note_update(now.mono, -surprise);
        self.reference = Reference::Source(SourceReference {
            address,
            stratum: newest.stratum.saturating_add(1),
            leap: self.leap(now),
            at: now.mono,
            reference_time: self.ntp_time(now.wall),
            root_delay: newest.root_delay + shortest,
            root_dispersion: newest.root_dispersion + newest.dispersion + deviation,
            dispersion_rate: fresh.skew + self.config.max_clock_error.ratio(),
        });
        self.steer(now, decision);
    }

    /// A leap second is believed on a day that can have one, when most of the combined sources announce it.
    fn leap(&self, now: Moment) -> Leap {
        if !leap::can_end_with_leap_second(self.ntp_time(now.wall)) {
            return Leap::Normal;
        }
        let announced: Vec<Leap> = self
            .combined
            .iter()
            .filter_map(|(index, _)| {
                Some(self.sources.get(*index)?.association.as_ref()?.history().newest()?.leap)
            })
            .collect();
        let most = |leap: Leap| announced.iter().filter(|one| **one == leap).count() * 2 > announced.len();
        [Leap::InsertSecond, Leap::DeleteSecond].into_iter().find(|leap| most(*leap)).unwrap_or(Leap::Normal)
    }

    /// The weighted mean of the combined sources: offsets by distance, frequencies by their skew.
    fn combine(&self, free: Free) -> Option<Model> {
        let (mut offset, mut slope, mut total) = (0.0, 0.0, 0.0);
        for (index, weight) in &self.combined {
            let estimate = self.sources.get(*index)?.association.as_ref()?.estimate()?;
            offset += weight * estimate.offset(free).0;
            let confidence = estimate.skew().max(1e-12).powi(-2);
            slope += confidence * estimate.slope();
            total += confidence;
        }
        let skew = (total > 0.0).then(|| total.powf(-0.5))?;
        let fresh = Model { at: free, offset: Seconds(offset), slope: slope / total, skew };
        let limit = self.config.max_update_skew.ratio();
        Some(match self.model {
            Some(old) if skew > limit => Model { slope: old.slope, skew: old.skew, ..fresh },
            None if skew > limit => Model { slope: self.prior.mean, skew: self.prior.deviation, ..fresh },
            _ => fresh,
        })
    }

    /// As long as each error is smaller than the one before, the clock is still settling and its mean is the last one:
    /// the 20 s that a clock was wrong at the start say nothing of how well it is kept.
    fn note_update(&mut self, now: Mono, offset: Seconds) {
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

    fn steer(&mut self, now: Moment, decision: Decision) {
        match decision {
            Decision::Step(step) => {
                self.log(Level::Warning, format!("system clock is wrong by {step}"));
                if self.is_steered() {
                    self.slew_until = None;
                    self.correct(Some(step), Ppm::ZERO, now);
                }
            }
            Decision::Slew(slew) if self.is_steered() => self.start_slew(now, slew),
            _ => {}
        }
    }

    fn start_slew(&mut self, now: Moment, slew: Slew) {
        self.slew_until = Some(now.mono + slew.duration);
        self.correct(None, slew.rate, now);
    }

    /// Is the kernel's clock ours?
    pub(super) fn is_steered(&self) -> bool {
        self.control == ClockControl::Steered
    }

    /// The frequency correction that makes the clock run true, slewing aside.
    pub(super) fn base_frequency(&self) -> Ppm {
        self.model.map_or_else(|| self.oscillator.applied(), |model| Ppm::from_ratio(model.slope))
    }

    pub(super) fn correct(&mut self, step: Option<Seconds>, slew: Ppm, now: Moment) {
        let correction = Correction {
            frequency: self.base_frequency() + slew,
            step,
            leap: self.reference.leap(),
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
        let Some(jump) = self.oscillator.notice_step(now) else { return };
        self.log(Level::Warning, format!("the system clock jumped by {jump}, not by us: measuring anew"));
        self.reference = Reference::Unsynchronised;
        self.selected = None;
        self.has_begun = false;
        self.start_anew(now);
    }

    /// Forgets offsets, keeps the frequency.
    fn start_anew(&mut self, now: Moment) {
        let applied = self.oscillator.applied();
        self.oscillator = Oscillator::new(now, applied);
        self.model = self.model.map(|model| Model {
            at: self.oscillator.free(now.wall),
            offset: self.oscillator.lead(now.wall),
            ..model
        });
        self.slew_until = None;
        for association in self.sources.iter_mut().filter_map(|source| source.association.as_mut()) {
            association.reset_samples(now.mono);
        }
        if self.is_steered() && self.model.is_some() {
            self.correct(None, Ppm::ZERO, now);
        }
    }

    /// Ends a slew that is due; what its end missed is made up for by a further one.
    pub(super) fn end_slew(&mut self, now: Moment) {
        if self.slew_until.is_none_or(|until| until > now.mono) {
            return;
        }
        self.slew_until = None;
        let left = self.correction(now.wall);
        if left.abs() > REACHED {
            let slew = self.discipline.slew(left, Seconds::ZERO, Seconds::ZERO);
            self.start_slew(now, slew);
        } else {
            self.correct(None, Ppm::ZERO, now);
        }
    }

    /// Falls back to the host's own clock when that is wanted and nothing better is there.
    pub(super) fn refresh_reference(&mut self, now: Moment) {
        let Some(local) = self.config.local else { return };
        let lost = match self.reference {
            Reference::Unsynchronised => true,
            Reference::Source(_) => self.reference.root_distance(now.mono) > local.distance,
            Reference::Local { .. } => self.local_refresh <= now.mono,
        };
        if !lost {
            return;
        }
        if !matches!(self.reference, Reference::Local { .. }) {
            self.log(Level::Info, format!("no source: serving the local clock as stratum {}", local.stratum));
        }
        self.reference = Reference::Local { stratum: local.stratum, reference_time: self.ntp_time(now.wall) };
        self.local_refresh = now.mono + LOCAL_REFRESH;
    }

    /// When [`Engine::refresh_reference`] has something to do.
    pub(super) fn next_refresh(&self) -> Option<Mono> {
        let local = self.config.local?;
        Some(match &self.reference {
            Reference::Unsynchronised => Mono(0),
            Reference::Local { .. } => self.local_refresh,
            Reference::Source(source) => {
                let room = local.distance - source.root_delay / 2.0 - source.root_dispersion;
                let after = (room / source.dispersion_rate.max(1e-9)).max(Seconds::ZERO).min(Seconds(1e9));
                source.at + after + Seconds(0.001)
            }
        })
    }

    /// What the drift file should hold.
    pub(super) fn drift(&self) -> Option<Drift> {
        let model = self.model.filter(|_| self.discipline.updates() > 0)?;
        let frequency = Ppm::from_ratio(1.0 / (1.0 + model.slope) - 1.0);
        Some(Drift { frequency, skew: Ppm::from_ratio(model.skew) })
    }

    /// Writes the drift file now and then.
    pub(super) fn save_drift(&mut self, now: Moment) {
        if self.next_drift > now.mono {
            return;
        }
        if let Some(drift) = self.drift() {
            self.next_drift = now.mono + DRIFT_INTERVAL;
            self.actions.push_back(Action::SaveDrift(drift));
        }
    }
}
