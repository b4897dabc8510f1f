//! Times that a person enters (chronyc's `settime`): what they say of the clock, all together.

use super::Engine;
use super::action::{Action, Level};
use super::model::Model;
use crate::chronyc::desk;
use crate::chronyc::wire::{ManualSample, ManualSamples, ManualTimestamp, Status, Time};
use crate::discipline::Decision;
use crate::oscillator::Free;
use crate::regression::{self, Line, Point, SlopePrior};
use crate::time::{Moment, Ppm, Seconds, Wall};

/// As many as chronyc's list has places for; the oldest goes first.
const MOST_ENTRIES: usize = 16;
/// Who types a time means the second that a watch shows: an error anywhere within one second has this deviation.
const WATCH_ERROR: Seconds = Seconds(0.29);
/// No oscillator is further off: entries that say so are in another time zone, or typed wrongly.
const MOST_DRIFT: Ppm = Ppm(1000.0);
/// Times further ahead cannot be told to NTP clients: seconds of an era.
const ERA: Seconds = Seconds(4_294_967_296.0);
/// How long an average correction may take, for want of a polling interval.
const INTERVAL: Seconds = Seconds(64.0);

/// What was entered so far, and whether more is taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Manual {
    is_on: bool,
    entries: Vec<Entry>,
}

/// One time that was entered.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    /// Free-running time when it was entered.
    at: Free,
    /// What was entered.
    time: Wall,
    /// That, minus free-running time.
    offset: Seconds,
    /// How far the clock was ahead of it then.
    error: Seconds,
}

impl Manual {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    /// Somebody else moved the clock, or the machine slept: what was entered before says nothing any more.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
    }

    /// The free-running scale begins anew at this point of the old one, where the clock had this lead.
    pub(super) fn rebase(&mut self, free: Free, lead: Seconds) {
        for entry in &mut self.entries {
            entry.at = Free((entry.at - free).0);
            entry.offset -= lead;
        }
    }

    fn add(&mut self, entry: Entry) {
        if self.entries.len() == MOST_ENTRIES {
            self.entries.remove(0);
        }
        self.entries.push(entry);
    }

    /// The line through the entries; its abscissa counts from `origin`.
    fn line(&self, origin: Free, prior: SlopePrior) -> Option<Line> {
        let point = |entry: &Entry| Point {
            at: (entry.at - origin).0,
            value: entry.offset.0,
            deviation: WATCH_ERROR.0,
        };
        let points: Vec<Point> = self.entries.iter().map(point).collect();
        regression::fit(&points, prior)
    }
}

impl Engine {
    /// MANUAL.
    pub(super) fn set_manual(&mut self, wish: desk::Manual) {
        match wish {
            desk::Manual::Off => self.manual.is_on = false,
            desk::Manual::On => self.manual.is_on = true,
            desk::Manual::Reset => self.manual.forget(),
        }
    }

    /// SETTIME: the clock is set by what was entered, its frequency by all that was entered so far.
    pub(super) fn set_time(&mut self, now: Moment, typed: Time) -> Result<ManualTimestamp, Status> {
        if !self.manual.is_on {
            return Err(Status::NotEnabled);
        }
        let time = i64::try_from(typed.seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000_000));
        let time = Wall(time.ok_or(Status::Failed)?) + Seconds(f64::from(typed.nanos) * 1e-9);
        if time < self.built || time - self.built > ERA {
            let year =
                if time < self.built { "before this agent was built" } else { "beyond the NTP era to come" };
            self.log(Level::Warning, format!("the time that was entered is not taken: it is {year}"));
            return Err(Status::Failed);
        }
        let (free, error) = (self.oscillator.free(now.wall), self.ntp_time(now.wall) - time);
        let offset = self.oscillator.lead(now.wall) + (time - now.wall);
        let before = self.manual.clone();
        self.manual.add(Entry { at: free, time, offset, error });
        let change = self.follow_manual(now, offset);
        if change.is_none() {
            self.manual = before;
        }
        let frequency_change = change.ok_or(Status::Failed)?;
        let new_frequency = self.drift().map_or(Ppm::ZERO, |drift| drift.frequency);
        Ok(ManualTimestamp { offset: error, frequency_change, new_frequency })
    }

    /// MANUAL_DELETE: what is left tells where the clock should be.
    pub(super) fn delete_entry(&mut self, now: Moment, index: u32) -> Status {
        let Some(index) = usize::try_from(index).ok().filter(|index| *index < self.manual.entries.len())
        else {
            return Status::BadSample;
        };
        self.manual.entries.remove(index);
        let free = self.oscillator.free(now.wall);
        if let Some(line) = self.manual.line(free, self.prior) {
            self.follow_manual(now, Seconds(line.intercept));
        }
        Status::Success
    }

    /// Brings the clock to `offset` (true minus free-running time) and to the frequency that the entries tell. Returns
    /// how much faster the clock runs by itself than was thought before; `None` = `maxchange` forbids it.
    fn follow_manual(&mut self, now: Moment, offset: Seconds) -> Option<Ppm> {
        let free = self.oscillator.free(now.wall);
        let line = self.manual.line(free, self.prior)?;
        let correction = offset - self.oscillator.lead(now.wall);
        let surprise = offset - self.model.map_or(self.oscillator.lead(now.wall), |model| model.offset(free));
        let decision = self.discipline.decide(correction, Seconds::ZERO, INTERVAL);
        match decision {
            Decision::Ignore => {
                self.log(Level::Warning, format!("correction of {correction} is above maxchange: ignored"));
                return None;
            }
            Decision::GiveUp => {
                let reason = format!("correction of {correction} is above maxchange");
                self.actions.push_back(Action::GiveUp { reason });
                return None;
            }
            Decision::Step(_) | Decision::Slew(_) => {}
        }
        let outset = self.outset(now);
        let slope_before = self.model.map_or(self.prior.mean, |model| model.slope);
        let (slope, skew) = if Ppm::from_ratio(line.slope).abs() <= MOST_DRIFT {
            (line.slope, line.slope_variance.sqrt())
        } else {
            (slope_before, self.model.map_or(self.prior.deviation, |model| model.skew))
        };
        let model = Model::new(free, offset, slope, skew).within(self.config.max_drift);
        self.model = Some(model);
        self.note_update(now.mono, -surprise);
        self.tell_change(correction, matches!(decision, Decision::Step(_)));
        self.record_entry(now, outset);
        self.smooth_update(now, outset);
        self.steer(now, decision);
        Some(Ppm::from_ratio(slope_before - model.slope))
    }

    /// MANUAL_LIST: each entry as it was, and as it looks by what is known now.
    pub(super) fn list_entries(&self) -> ManualSamples {
        let Some(newest) = self.manual.entries.last() else { return ManualSamples::default() };
        let line = self.manual.line(newest.at, self.prior);
        let sample = |entry: &Entry| {
            let slewed_offset =
                self.model.map_or(Seconds::ZERO, |model| model.offset(entry.at) - entry.offset);
            let residual = line.map_or(0.0, |line| line.value((entry.at - newest.at).0) - entry.offset.0);
            let (seconds, nanos) = (entry.time + slewed_offset).parts();
            ManualSample {
                time: Time { seconds: u64::try_from(seconds).unwrap_or(0), nanos },
                slewed_offset,
                original_offset: entry.error,
                residual: Seconds(residual),
            }
        };
        ManualSamples(self.manual.entries.iter().map(sample).collect())
    }
}
