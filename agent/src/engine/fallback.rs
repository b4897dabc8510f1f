//! Fallback drifts: what the clock's frequency was on average, for when nobody has corrected it for long.

use super::Engine;
use super::action::Level;
use crate::config::FallbackDrift;
use crate::reference::Reference;
use crate::time::{Moment, Mono, Ppm, Seconds};

/// Averages of the frequency, and when which of them is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Fallback {
    averages: Vec<Average>,
    /// The last clock update.
    updated: Option<Mono>,
    /// How many of the averages were used since then.
    used: usize,
}

/// The mean of the frequency over an interval that slides along; over all that was seen as long as that is less.
#[derive(Clone, Copy, Debug)]
struct Average {
    interval: Seconds,
    slope: f64,
    seen: Seconds,
}

impl Average {
    fn add(&mut self, slope: f64, elapsed: Seconds) {
        self.seen = (self.seen + elapsed).min(self.interval);
        if self.seen > Seconds::ZERO {
            self.slope += (slope - self.slope) * (elapsed / self.seen).min(1.0);
        }
    }
}

impl Fallback {
    pub(super) fn new(config: Option<FallbackDrift>) -> Self {
        let exponents = config.map(|it| it.shortest..=it.longest).into_iter().flatten();
        let average =
            |exponent| Average { interval: Seconds::from_log2(exponent), slope: 0.0, seen: Seconds::ZERO };
        Self { averages: exponents.map(average).collect(), ..Self::default() }
    }

    /// The clock was updated at `at`, and since then its frequency is this.
    fn update(&mut self, at: Mono, slope: f64) {
        if let Some(before) = self.updated.filter(|before| *before < at) {
            self.averages.iter_mut().for_each(|average| average.add(slope, at - before));
        }
        self.updated = Some(at);
        self.used = 0;
    }

    /// When the next average is used; `None` = there is none, or nothing was learned.
    pub(super) fn due(&self) -> Option<Mono> {
        let next = self.averages.get(self.used).filter(|average| average.seen > Seconds::ZERO)?;
        Some(self.updated? + next.interval)
    }
}

impl Engine {
    /// Learns from clock updates, and replaces the last short-term frequency by an average when there were none for
    /// long. Whoever asks is told that the clock is not synchronised any more.
    pub(super) fn fall_back(&mut self, now: Moment) {
        if let (Reference::Source(source), Some(model)) = (&self.reference, self.model)
            && self.fallback.updated != Some(source.at)
        {
            self.fallback.update(source.at, model.slope);
        }
        if self.fallback.due().is_none_or(|due| due > now.mono) {
            return;
        }
        let Some(average) = self.fallback.averages.get(self.fallback.used).copied() else { return };
        self.fallback.used += 1;
        let Some(model) = self.model else { return };
        let outset = self.outset(now);
        let free = self.oscillator.free(now.wall);
        let mut model = model.through(free, model.offset(free));
        model.slope = average.slope;
        self.model = Some(model);
        self.smooth_update(now, outset);
        self.log(
            Level::Info,
            format!(
                "no clock update for {}: the frequency is set to its average, {:.3} ppm",
                average.interval,
                Ppm::from_ratio(average.slope).0
            ),
        );
        if matches!(self.reference, Reference::Source(_)) {
            self.reference = Reference::Unsynchronised;
        }
        if self.is_steered() {
            self.slew_until = None;
            self.correct(None, Ppm::ZERO, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Mono {
        Mono(0) + Seconds(seconds)
    }

    #[test]
    fn averages_come_one_after_the_other_the_longer_the_later() {
        let mut fallback = Fallback::new(Some(FallbackDrift { shortest: 8, longest: 10 }));
        assert_eq!(fallback.due(), None);
        fallback.update(at(0.0), 5.0);
        assert_eq!(fallback.due(), None, "one update is no average");
        for update in 1..100 {
            fallback.update(at(f64::from(update) * 64.0), if update % 2 == 0 { 2.0 } else { 4.0 });
        }
        assert_eq!(fallback.due(), Some(at(99.0 * 64.0 + 256.0)));
        let means: Vec<f64> = fallback.averages.iter().map(|average| average.slope).collect();
        for (mean, spread) in means.iter().zip([0.5, 0.2, 0.1]) {
            assert!((mean - 3.0).abs() < spread, "{means:?}");
        }
        fallback.used = 2;
        assert_eq!(fallback.due(), Some(at(99.0 * 64.0 + 1024.0)));
        fallback.used = 3;
        assert_eq!(fallback.due(), None);
    }

    #[test]
    fn without_the_directive_nothing_is_ever_due() {
        let mut fallback = Fallback::new(None);
        fallback.update(at(0.0), 1.0);
        fallback.update(at(64.0), 1.0);
        assert_eq!(fallback.due(), None);
    }
}
