//! What is believed of the oscillator at one moment: a normal distribution of offset and frequency.

use super::normal;
use crate::regression::SlopePrior;

/// Offset (true minus free-running time, seconds) and frequency (true seconds gained per free-running second), with
/// their covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Belief {
    pub(super) offset: f64,
    pub(super) frequency: f64,
    pub(super) offset_variance: f64,
    pub(super) covariance: f64,
    pub(super) frequency_variance: f64,
}

/// What a sample says of the offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Evidence {
    /// It is anywhere within `width / 2` of `center`; the edges are as soft as `edge` (a standard deviation).
    Uniform { center: f64, width: f64, edge: f64 },
    /// It is normally distributed.
    Normal { center: f64, variance: f64 },
}

/// How many samples in a thousand have nothing to do with the time, and over how many widths those spread.
const STRAY: f64 = 1e-3;
const STRAY_SPREAD: f64 = 1e2;

impl Evidence {
    pub(super) fn variance(&self) -> f64 {
        match *self {
            Self::Uniform { width, edge, .. } => width * width / 12.0 + edge * edge,
            Self::Normal { variance, .. } => variance,
        }
    }
}

impl Belief {
    /// Before the first sample: any offset at all.
    pub(super) fn before(prior: SlopePrior) -> Self {
        Self {
            offset: 0.0,
            frequency: prior.mean,
            offset_variance: f64::INFINITY,
            covariance: 0.0,
            frequency_variance: prior.deviation * prior.deviation,
        }
    }

    /// Time passes: the frequency walks at random with variance `wander` per second.
    pub(super) fn pass(&mut self, seconds: f64, wander: f64) {
        let t = seconds;
        self.offset += self.frequency * t;
        self.offset_variance +=
            t * (2.0 * self.covariance + t * (self.frequency_variance + wander * t / 3.0));
        self.covariance += t * (self.frequency_variance + wander * t / 2.0);
        self.frequency_variance += wander * t;
    }

    /// A sample comes in; returns the logarithm of how probable it was, and whether it was probably astray.
    pub(super) fn learn(&mut self, evidence: Evidence) -> (f64, bool) {
        let (center, variance) = match evidence {
            Evidence::Uniform { center, width, edge } => (center, width * width / 12.0 + edge * edge),
            Evidence::Normal { center, variance } => (center, variance),
        };
        if self.offset_variance.is_infinite() {
            self.offset = center;
            self.offset_variance = variance;
            return (0.0, false);
        }
        let (density, mean, left) = match evidence {
            Evidence::Normal { center, variance } => {
                let total = self.offset_variance + variance;
                let miss = center - self.offset;
                let density = (-0.5 * miss * miss / total).exp() / (std::f64::consts::TAU * total).sqrt();
                let gain = self.offset_variance / total;
                (density, self.offset + gain * miss, self.offset_variance * (1.0 - gain))
            }
            Evidence::Uniform { center, width, edge } => self.within(center, width, edge),
        };
        // A stray sample says nothing; what it leaves is the belief as it was.
        let stray = STRAY / (STRAY_SPREAD * (variance + self.offset_variance).sqrt());
        let total = (1.0 - STRAY) * density + stray;
        let trust = (1.0 - STRAY) * density / total;
        let mixed = self.offset + trust * (mean - self.offset);
        let spread = trust * (left + (mean - mixed).powi(2))
            + (1.0 - trust) * (self.offset_variance + (self.offset - mixed).powi(2));
        self.set_offset(mixed, spread);
        (total.ln(), trust < 0.5)
    }

    /// Density of the sample, mean and variance of the offset when it lies in an interval with soft edges.
    fn within(&self, center: f64, width: f64, edge: f64) -> (f64, f64, f64) {
        let total = (self.offset_variance + edge * edge).sqrt();
        let low = (center - width / 2.0 - self.offset) / total;
        let high = (center + width / 2.0 - self.offset) / total;
        let mass = normal::mass(low, high);
        if mass < 1e-290 {
            return (0.0, self.offset, self.offset_variance);
        }
        let (at_low, at_high) = (normal::density(low), normal::density(high));
        let shift = (at_low - at_high) / mass;
        let gain = self.offset_variance / total;
        let shrink = shift * shift - (low * at_low - high * at_high) / mass;
        let left = self.offset_variance - gain * gain * shrink;
        (mass / width, self.offset + gain * shift, left.max(self.offset_variance * 1e-6))
    }

    /// The offset is known better (or less well); the frequency follows as far as it went along with the offset.
    fn set_offset(&mut self, mean: f64, variance: f64) {
        let slope = self.covariance / self.offset_variance;
        self.frequency += slope * (mean - self.offset);
        self.frequency_variance += slope * slope * (variance - self.offset_variance);
        self.covariance = slope * variance;
        self.offset = mean;
        self.offset_variance = variance;
    }
}
