//! The drift file: what was learned of the oscillator, kept over restarts.

use super::Engine;
use super::action::{Action, Drift};
use crate::time::{Moment, Ppm, Seconds};

/// The drift file is not written in every turn of the loop, whatever is configured.
const SHORTEST: Seconds = Seconds(1.0);

impl Drift {
    /// Reads a drift file as chrony.conf(5) has it: frequency and error bound in ppm. `None` = it holds something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        let (frequency, skew) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let plausible = frequency.abs() <= 500_000.0 && (0.0..=1e6).contains(&skew);
        plausible.then_some(Self { frequency: Ppm(frequency), skew: Ppm(skew) })
    }

    /// The drift file's only line.
    pub fn to_line(self) -> String {
        format!("{:20.6} {:20.6}\n", self.frequency.0, self.skew.0)
    }
}

impl Engine {
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
            self.next_drift = now.mono + self.config.drift_interval.max(SHORTEST);
            self.actions.push_back(Action::SaveDrift(drift));
        }
    }
}
