//! The line that true time follows over the machine's free-running time.

use super::Engine;
use super::action::Drift;
use crate::oscillator::Free;
use crate::regression::SlopePrior;
use crate::time::{Ppm, Seconds, Wall};

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

    pub(super) fn new(at: Free, offset: Seconds, slope: f64, skew: f64) -> Self {
        Self { at, offset, slope, skew }
    }

    /// What is known of the frequency when all samples are forgotten.
    pub(super) fn frequency_prior(self) -> SlopePrior {
        SlopePrior { mean: self.slope, deviation: self.skew.max(FRESH_FREQUENCY.ratio()) }
    }

    /// `maxdrift`: a steeper line is not believed.
    pub(super) fn within(self, limit: Ppm) -> Self {
        let limit = limit.ratio().abs();
        Self { slope: self.slope.clamp(-limit, limit), ..self }
    }

    /// The same slope through another point.
    pub(super) fn through(self, at: Free, offset: Seconds) -> Self {
        Self { at, offset, ..self }
    }
}

/// Without a drift file the oscillator may be this wrong (one standard deviation).
const UNKNOWN_FREQUENCY: Ppm = Ppm(200.0);
/// A drift file is believed no closer than this: temperature was another when it was written.
const FRESH_FREQUENCY: Ppm = Ppm(2.0);

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

    /// The frequency correction that makes the clock run true, slewing aside.
    pub(super) fn base_frequency(&self) -> Ppm {
        self.model.map_or_else(|| self.oscillator.applied(), |model| Ppm::from_ratio(model.slope))
    }

    /// The weighted mean of the combined sources: offsets by distance, frequencies by their skew.
    pub(super) fn combine(&self, free: Free) -> Option<Model> {
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
}
