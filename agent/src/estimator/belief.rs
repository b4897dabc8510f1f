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

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: SlopePrior = SlopePrior { mean: 0.0, deviation: 1e-5 };

    fn belief(offset: f64, deviation: f64) -> Belief {
        Belief { offset, offset_variance: deviation * deviation, ..Belief::before(PRIOR) }
    }

    #[test]
    fn an_interval_cuts_a_belief_as_an_integral_says() {
        for (center, width, edge) in [(0.3, 1.0, 0.05), (1.5, 2.0, 0.2), (0.0, 20.0, 0.1), (0.4, 1e-3, 0.0)] {
            let mut learned = belief(0.0, 1.0);
            let (logarithm, is_stray) = learned.learn(Evidence::Uniform { center, width, edge });
            let (mut mass, mut mean, mut square) = (0.0, 0.0, 0.0);
            let step = 1e-4;
            for k in -80_000..80_000 {
                let x = f64::from(k) * step;
                let soft = |end: f64| {
                    if edge > 0.0 {
                        normal::mass(-1e9, (end - x) / edge)
                    } else {
                        f64::from(u8::from(x < end))
                    }
                };
                let weight =
                    normal::density(x) * (soft(center + width / 2.0) - soft(center - width / 2.0)) * step;
                (mass, mean, square) = (mass + weight, mean + weight * x, square + weight * x * x);
            }
            let (mean, variance) = (mean / mass, square / mass - (mean / mass).powi(2));
            assert!((learned.offset - mean).abs() < 2e-2, "{width}: {learned:?} {mean}");
            // On top of it comes the chance that the sample was astray.
            let more = learned.offset_variance - variance;
            assert!((-1e-3..1e-2).contains(&more), "{learned:?} {variance}");
            assert!((logarithm - (mass / width).ln()).abs() < 1e-2, "{logarithm}");
            assert!(!is_stray);
        }
    }

    #[test]
    fn a_sample_far_off_leaves_the_belief_as_it_was() {
        let mut learned = belief(0.0, 1e-4);
        let (_, is_stray) = learned.learn(Evidence::Normal { center: 1.0, variance: 1e-8 });
        assert!(is_stray);
        assert!(learned.offset.abs() < 1e-6, "{learned:?}");
    }

    #[test]
    fn what_is_learned_of_the_offset_later_says_something_of_the_frequency() {
        let mut learned = Belief::before(PRIOR);
        learned.learn(Evidence::Normal { center: 0.0, variance: 1e-12 });
        learned.pass(1000.0, 0.0);
        assert!((learned.offset_variance.sqrt() - 1e-2).abs() < 1e-4);
        learned.learn(Evidence::Normal { center: 5e-3, variance: 1e-12 });
        assert!((learned.frequency - 5e-6).abs() < 1e-8, "{learned:?}");
        // What is left is the chance that one of the two samples was astray.
        assert!(learned.frequency_variance.sqrt() < 1e-7);
    }
}
