//! The recent samples of one source, and what they say together.

use std::collections::VecDeque;

use crate::oscillator::Free;
use crate::regression::{self, Line, Point, SlopePrior};
use crate::report::Leap;
use crate::time::{Seconds, Wall};

/// One measurement of one source, on the oscillator's own scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Free-running time of the measurement.
    pub at: Free,
    /// What the kernel's clock said then.
    pub wall: Wall,
    /// True time (by this source) minus free-running time.
    pub offset: Seconds,
    /// Source's time minus the kernel's clock, as measured.
    pub measured: Seconds,
    /// Round trip, less the time the source held the request.
    pub delay: Seconds,
    /// Error of the measurement itself: both clocks' precision, and drift during the round trip.
    pub dispersion: Seconds,
    /// The source's own root delay.
    pub root_delay: Seconds,
    /// The source's own root dispersion.
    pub root_dispersion: Seconds,
    /// The source's stratum (after `minstratum`).
    pub stratum: u8,
    /// The source's leap status.
    pub leap: Leap,
}

impl Sample {
    /// Error bound of this sample alone: |error| <= root delay / 2 + root dispersion, both up to the primary server.
    pub fn root_distance(&self) -> Seconds {
        (self.root_delay + self.delay.max(Seconds::ZERO)) / 2.0 + self.root_dispersion + self.dispersion
    }
}

/// What a source's samples say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Free-running time of the newest sample; the line's abscissa counts from here.
    pub at: Free,
    /// True minus free-running time over free-running time.
    line: Line,
    /// Samples used.
    pub samples: u32,
    /// Runs of residuals with the same sign.
    pub runs: u32,
    /// From the oldest sample used to the newest.
    pub span: Seconds,
    /// Standard deviation of the samples about the line.
    pub std_dev: Seconds,
}

impl Estimate {
    /// True minus free-running time at some moment.
    pub fn offset(&self, at: Free) -> Seconds {
        Seconds(self.line.value((at - self.at).0))
    }

    /// Standard deviation of [`Estimate::offset`].
    pub fn offset_deviation(&self, at: Free) -> Seconds {
        let t = (at - self.at).0;
        let line = &self.line;
        let variance = line.intercept_variance + 2.0 * t * line.covariance + t * t * line.slope_variance;
        Seconds(variance.max(0.0).sqrt())
    }

    /// Slope: true seconds gained per free-running second; positive = the oscillator is slow.
    pub fn slope(&self) -> f64 {
        self.line.slope
    }

    /// Standard deviation of the slope.
    pub fn skew(&self) -> f64 {
        self.line.slope_variance.sqrt()
    }
}

/// The recent samples of one source.
#[derive(Clone, Debug)]
pub struct History {
    samples: VecDeque<Sample>,
    fewest: usize,
    most: usize,
}

/// chrony.conf(5): at most 64 samples are kept whatever the configuration says.
const MOST_SAMPLES: u32 = 64;
/// A line needs this many samples before its residuals mean anything.
const FEWEST_FOR_FIT: usize = 5;
/// Mean square of the residuals, in units of the deviation that the delays explain, above which a line is the wrong
/// picture. One is what to expect.
const MISFIT: f64 = 3.0;

impl History {
    /// Keeps at least `fewest` and at most `most` samples (`minsamples`, `maxsamples`; 0 = no limit of its own).
    pub fn new(fewest: u32, most: u32) -> Self {
        let most = if most == 0 { MOST_SAMPLES } else { most.min(MOST_SAMPLES) };
        Self { samples: VecDeque::new(), fewest: fewest.min(most) as usize, most: most as usize }
    }

    /// The newest sample.
    pub fn newest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Number of samples that are kept at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// Smallest round trip among the samples.
    pub fn min_delay(&self) -> Option<Seconds> {
        self.samples.iter().map(|sample| sample.delay).reduce(Seconds::min)
    }

    /// Takes a sample in and drops the oldest ones until a straight line describes the rest. False when it does not
    /// even describe the fewest that are kept: the oscillator wanders faster than it is measured.
    pub fn add(&mut self, sample: Sample, prior: SlopePrior) -> bool {
        if self.samples.len() >= self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        loop {
            if self.samples.len() < FEWEST_FOR_FIT || self.is_straight(prior) {
                return true;
            }
            if self.samples.len() <= self.fewest.max(FEWEST_FOR_FIT) {
                return false;
            }
            self.samples.pop_front();
        }
    }

    /// Do the samples lie about a line as their delays say they should?
    fn is_straight(&self, prior: SlopePrior) -> bool {
        let Some(line) = regression::fit(&self.points(), prior) else { return true };
        let count = self.samples.len();
        let freedom = count.saturating_sub(2).max(1) as f64;
        line.chi_squared <= MISFIT * freedom
            && !regression::runs_are_too_few(u32::try_from(count).unwrap_or(u32::MAX), line.runs)
    }

    /// The line through the samples; `None` without any.
    pub fn estimate(&self, prior: SlopePrior) -> Option<Estimate> {
        let (oldest, newest) = (self.samples.front()?, self.samples.back()?);
        let mut line = regression::fit(&self.points(), prior)?;
        let count = self.samples.len();
        // The assumed deviations are a model; scale them by how the samples really lie about the line. Two imaginary
        // samples that fit keep the first few real ones from claiming perfection or chaos.
        let scale = (line.chi_squared + 2.0) / count.max(2) as f64;
        line.intercept_variance *= scale;
        line.slope_variance *= scale;
        line.covariance *= scale;
        Some(Estimate {
            at: newest.at,
            line,
            samples: u32::try_from(count).unwrap_or(u32::MAX),
            runs: line.runs,
            span: newest.at - oldest.at,
            std_dev: Seconds(line.residual_rms.max(newest.dispersion.0)),
        })
    }

    /// Samples as points whose deviation comes from their delay.
    ///
    /// A queue only ever adds delay. Given a round trip that is `d` above the shortest, the offset's error lies
    /// anywhere within plus or minus d/2: a uniform distribution, whose deviation is d / (2 * sqrt(3)).
    fn points(&self) -> Vec<Point> {
        let Some(newest) = self.samples.back() else { return Vec::new() };
        let base = self.min_delay().unwrap_or_default();
        let mut excesses: Vec<f64> = self.samples.iter().map(|sample| (sample.delay - base).0).collect();
        excesses.sort_by(f64::total_cmp);
        let typical = excesses.get(excesses.len() / 2).copied().unwrap_or_default();
        // Even the shortest round trip seen has some queueing left in it, the less the more samples there are.
        let hidden = typical / (self.samples.len() as f64).sqrt();
        self.samples
            .iter()
            .map(|sample| {
                let excess = (sample.delay - base).0 + hidden;
                Point {
                    at: (sample.at - newest.at).0,
                    value: sample.offset.0,
                    deviation: (excess * excess / 12.0 + sample.dispersion.0.powi(2)).sqrt().max(1e-9),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, offset: f64, delay: f64) -> Sample {
        Sample {
            at: Free(at),
            wall: Wall((at * 1e9) as i64),
            offset: Seconds(offset),
            measured: Seconds(offset),
            delay: Seconds(delay),
            dispersion: Seconds(1e-6),
            root_delay: Seconds::ZERO,
            root_dispersion: Seconds::ZERO,
            stratum: 1,
            leap: Leap::Normal,
        }
    }

    const PRIOR: SlopePrior = SlopePrior { mean: 0.0, deviation: 1e-4 };

    #[test]
    fn a_delayed_sample_hardly_moves_the_estimate() {
        let mut history = History::new(0, 0);
        for i in 0..8 {
            history.add(sample(f64::from(i) * 64.0, 0.010, 0.001), PRIOR);
        }
        history.add(sample(512.0, 0.060, 0.101), PRIOR);
        let estimate = history.estimate(PRIOR).unwrap();
        assert!((estimate.offset(Free(512.0)).0 - 0.010).abs() < 1e-4, "{estimate:?}");
    }

    #[test]
    fn samples_from_before_a_frequency_change_are_dropped() {
        let mut history = History::new(0, 0);
        for i in 0..20 {
            let wiggle = if i % 2 == 0 { 1e-5 } else { -1e-5 };
            history.add(sample(f64::from(i), wiggle, 0.001), PRIOR);
        }
        for i in 20..40 {
            let wiggle = if i % 2 == 0 { 1e-5 } else { -1e-5 };
            history.add(sample(f64::from(i), f64::from(i - 20) * 1e-4 + wiggle, 0.001), PRIOR);
        }
        let estimate = history.estimate(PRIOR).unwrap();
        assert!((estimate.slope() - 1e-4).abs() < 1e-5, "{estimate:?}");
        assert!(history.len() < 30, "{}", history.len());
    }

    #[test]
    fn no_more_samples_are_kept_than_allowed() {
        let mut history = History::new(0, 6);
        for i in 0..10 {
            history.add(sample(f64::from(i), 0.0, 0.001), PRIOR);
        }
        assert_eq!(history.len(), 6);
    }
}
