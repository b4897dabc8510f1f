//! The recent samples of one source, and what they say together.

use std::collections::VecDeque;

use crate::estimator::{self, Fit};
use crate::oscillator::Free;
use crate::regression::SlopePrior;
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
    /// Free-running time of the newest sample.
    pub at: Free,
    fit: Fit,
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
        Seconds(self.fit.offset + self.fit.slope * (at - self.at).0)
    }

    /// Standard deviation of [`Estimate::offset`].
    pub fn offset_deviation(&self, at: Free) -> Seconds {
        let t = (at - self.at).0;
        let fit = &self.fit;
        let walk = fit.wander * t.max(0.0).powi(3) / 3.0;
        let variance = fit.offset_variance + 2.0 * t * fit.covariance + t * t * fit.slope_variance + walk;
        Seconds(variance.max(0.0).sqrt())
    }

    /// Slope: true seconds gained per free-running second; positive = the oscillator is slow.
    pub fn slope(&self) -> f64 {
        self.fit.slope
    }

    /// Standard deviation of the slope.
    pub fn skew(&self) -> f64 {
        self.fit.slope_variance.sqrt()
    }

    /// Standard deviation of the change of the oscillator's frequency in each second.
    pub fn wander(&self) -> f64 {
        self.fit.wander.sqrt()
    }

    /// The newest sample fits nothing of what came before: it is astray, or something has changed.
    pub fn is_surprised(&self) -> bool {
        self.fit.strays > 0
    }

    /// How unlike the queues on the two ways are: -0.5 = all delay is on the way to the source, 0.5 = on the way back
    /// (chrony.conf(5), `log statistics`).
    pub fn asymmetry(&self) -> f64 {
        self.fit.asymmetry
    }

    /// Error of a usual sample, one standard deviation.
    pub fn noise(&self) -> Seconds {
        Seconds(self.fit.noise)
    }
}

/// The recent samples of one source.
#[derive(Clone, Debug)]
pub struct History {
    samples: VecDeque<Sample>,
    most: usize,
    /// The estimator's likeliest wander so far.
    likely_wander: usize,
    /// `mindelay`: the shortest round trip, where somebody knows it.
    known_delay: Option<Seconds>,
}

/// chrony.conf(5): at most 64 samples are kept whatever the configuration says.
const MOST_SAMPLES: u32 = 64;
/// So many samples in a row that fit nothing of what came before are the beginning of something new.
const FEWEST_OF_NEW: usize = 3;

impl History {
    /// Keeps at most `most` samples (`maxsamples`; 0 = no limit of its own).
    pub fn new(most: u32) -> Self {
        let most = if most == 0 { MOST_SAMPLES } else { most.min(MOST_SAMPLES) };
        Self {
            samples: VecDeque::new(),
            most: most as usize,
            likely_wander: estimator::USUAL_WANDER,
            known_delay: None,
        }
    }

    /// With a shortest round trip that is known (`mindelay`; 0 = it is not).
    pub fn with_min_delay(self, delay: Seconds) -> Self {
        Self { known_delay: (delay > Seconds::ZERO).then_some(delay), ..self }
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

    /// Smallest round trip among the samples, or the one that is known.
    pub fn min_delay(&self) -> Option<Seconds> {
        self.known_delay.filter(|_| !self.is_empty()).or_else(|| self.shortest())
    }

    fn shortest(&self) -> Option<Seconds> {
        self.samples.iter().map(|sample| sample.delay).reduce(Seconds::min)
    }

    /// Takes a sample in; returns what all of them say.
    pub fn add(&mut self, sample: Sample, prior: SlopePrior) -> Option<Estimate> {
        if self.samples.len() >= self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        let mut estimate = self.estimate(prior)?;
        if estimate.fit.strays >= FEWEST_OF_NEW && self.samples.len() > estimate.fit.strays {
            self.samples.drain(..self.samples.len() - estimate.fit.strays);
            estimate = self.estimate(prior)?;
        }
        self.likely_wander = estimate.fit.likely;
        Some(estimate)
    }

    /// What the samples say together; `None` without any.
    pub fn estimate(&self, prior: SlopePrior) -> Option<Estimate> {
        let (oldest, newest) = (self.samples.front()?, self.samples.back()?);
        let samples: Vec<&Sample> = self.samples.iter().collect();
        let fit = estimator::fit(&samples, self.known_delay, prior, self.likely_wander)?;
        let count = self.samples.len();
        let residuals = || {
            self.samples
                .iter()
                .map(|sample| sample.offset.0 - fit.offset - fit.slope * (sample.at - newest.at).0)
        };
        let rms = (residuals().map(|residual| residual * residual).sum::<f64>() / count as f64).sqrt();
        Some(Estimate {
            at: newest.at,
            fit,
            samples: u32::try_from(count).unwrap_or(u32::MAX),
            runs: count_runs(residuals()),
            span: newest.at - oldest.at,
            std_dev: Seconds(rms.max(newest.dispersion.0)),
        })
    }
}

/// How often the sign changes, plus one: runs of residuals with the same sign.
fn count_runs(residuals: impl Iterator<Item = f64>) -> u32 {
    let mut runs = 0;
    let mut last = None;
    for residual in residuals {
        let positive = residual >= 0.0;
        if last != Some(positive) {
            runs += 1;
            last = Some(positive);
        }
    }
    runs
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
        let mut history = History::new(0);
        for i in 0..8 {
            history.add(sample(f64::from(i) * 64.0, 0.010, 0.001), PRIOR);
        }
        history.add(sample(512.0, 0.060, 0.101), PRIOR);
        let estimate = history.estimate(PRIOR).unwrap();
        assert!((estimate.offset(Free(512.0)).0 - 0.010).abs() < 1e-4, "{estimate:?}");
    }

    #[test]
    fn samples_from_before_a_frequency_change_are_dropped() {
        let mut history = History::new(0);
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
        let mut history = History::new(6);
        for i in 0..10 {
            history.add(sample(f64::from(i), 0.0, 0.001), PRIOR);
        }
        assert_eq!(history.len(), 6);
    }
}
