//! How the kernel's clock is brought to the estimate: by a step, or by running it faster or slower for a while.

use crate::config::{Config, MakeStep, MaxChange};
use crate::time::{Ppm, Seconds};

/// What to do about a correction.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Set the clock at once.
    Step(Seconds),
    /// Run at another rate for a while.
    Slew(Slew),
    /// `maxchange`: not this time.
    Ignore,
    /// `maxchange`: too often; the daemon ends.
    GiveUp,
}

/// A rate to be added to the clock's frequency for some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slew {
    /// Added to the frequency correction.
    pub rate: Ppm,
    /// For so long.
    pub duration: Seconds,
}

/// Decides between step and slew.
#[derive(Clone, Debug)]
pub struct Discipline {
    make_step: Option<MakeStep>,
    max_change: Option<MaxChange>,
    max_slew_rate: Ppm,
    correction_time_ratio: f64,
    updates: u32,
    ignored: u32,
}

/// A slew shorter than this would end before the daemon is back from the system call's own latency.
const SHORTEST_SLEW: Seconds = Seconds(1.0);

/// A correction of so many deviations is none by chance.
const CERTAIN: f64 = 3.0;

impl Discipline {
    /// By the configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            make_step: config.make_step,
            max_change: config.max_change,
            max_slew_rate: config.max_slew_rate,
            correction_time_ratio: config.correction_time_ratio,
            updates: 0,
            ignored: 0,
        }
    }

    /// Clock updates so far.
    pub fn updates(&self) -> u32 {
        self.updates
    }

    /// MODIFY_MAKESTEP: the limit counts from now.
    pub fn set_make_step(&mut self, make_step: MakeStep) {
        let limit = make_step.limit.map(|limit| self.updates.saturating_add(limit));
        self.make_step = Some(MakeStep { limit, ..make_step });
    }

    /// A new estimate says that the clock needs `correction`; the samples behind it scatter by `deviation` and come
    /// every `interval`.
    pub fn decide(&mut self, correction: Seconds, deviation: Seconds, interval: Seconds) -> Decision {
        if let Some(decision) = self.refuse(correction) {
            return decision;
        }
        let step = self.make_step.is_some_and(|make_step| {
            correction.abs() > make_step.threshold && make_step.limit.is_none_or(|limit| self.updates < limit)
        });
        let is_first = self.updates == 0;
        self.updates = self.updates.saturating_add(1);
        if step {
            Decision::Step(correction)
        } else if is_first && correction.abs() > deviation * CERTAIN {
            // What a clock is wrong by at the start is no measure of how calmly it is kept later.
            Decision::Slew(self.slew(correction, Seconds::ZERO, Seconds::ZERO))
        } else {
            Decision::Slew(self.slew(correction, deviation, interval))
        }
    }

    fn refuse(&mut self, correction: Seconds) -> Option<Decision> {
        let limit = self.max_change?;
        if self.updates < limit.start || correction.abs() <= limit.offset {
            return None;
        }
        self.ignored = self.ignored.saturating_add(1);
        Some(if limit.ignore.is_none_or(|ignore| self.ignored <= ignore) {
            Decision::Ignore
        } else {
            Decision::GiveUp
        })
    }

    /// An average correction takes `corrtimeratio` intervals; larger ones take less time, smaller ones more, so that
    /// amount times duration stays the same (chrony.conf(5), corrtimeratio), but never takes longer than an average
    /// one, nor is faster than `maxslewrate`.
    pub fn slew(&self, correction: Seconds, deviation: Seconds, interval: Seconds) -> Slew {
        let size = correction.abs().max(Seconds(1e-12));
        let fastest = size / self.max_slew_rate.ratio();
        let calm = interval * self.correction_time_ratio * (deviation / size).min(1.0);
        let duration = calm.max(fastest).max(SHORTEST_SLEW);
        Slew { rate: Ppm::from_ratio(correction / duration), duration }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discipline() -> Discipline {
        Discipline {
            make_step: Some(MakeStep { threshold: Seconds(1.0), limit: Some(3) }),
            max_change: None,
            max_slew_rate: Ppm(83_333.333),
            correction_time_ratio: 3.0,
            updates: 0,
            ignored: 0,
        }
    }

    #[test]
    fn steps_only_at_first_and_only_what_is_large() {
        let mut discipline = discipline();
        let mut decide = |correction| discipline.decide(Seconds(correction), Seconds(1e-4), Seconds(64.0));
        assert_eq!(decide(-20.0), Decision::Step(Seconds(-20.0)));
        assert!(matches!(decide(0.5), Decision::Slew(_)));
        assert_eq!(decide(1.5), Decision::Step(Seconds(1.5)));
        assert!(matches!(decide(20.0), Decision::Slew(_)));
    }

    #[test]
    fn a_slew_is_as_fast_as_allowed_when_much_is_wrong() {
        let slew = discipline().slew(Seconds(0.5), Seconds(1e-5), Seconds(64.0));
        assert!((slew.duration.0 - 6.0).abs() < 1e-3, "{slew:?}");
        assert!((slew.rate.0 - 83_333.333).abs() < 1.0, "{slew:?}");
    }

    #[test]
    fn a_slew_of_nothing_much_takes_its_time() {
        let slew = discipline().slew(Seconds(-1e-5), Seconds(1e-5), Seconds(64.0));
        assert_eq!(slew.duration, Seconds(192.0));
        assert!(slew.rate < Ppm::ZERO);
    }

    #[test]
    fn a_change_above_the_limit_is_ignored_and_then_ends_it() {
        let mut discipline = discipline();
        discipline.max_change = Some(MaxChange { offset: Seconds(100.0), start: 1, ignore: Some(1) });
        let mut decide = |correction| discipline.decide(Seconds(correction), Seconds(1e-4), Seconds(64.0));
        assert_eq!(decide(1000.0), Decision::Step(Seconds(1000.0)));
        assert_eq!(decide(1000.0), Decision::Ignore);
        assert_eq!(decide(1000.0), Decision::GiveUp);
    }
}
