//! What one run was worth, and the middle of many.

use super::Outcome;
use super::scenario::Scenario;

/// Seconds that the error has to stay small.
const MINUTE: usize = 60;

/// Figures of one run, or medians of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// Seconds until the error stays small for a minute; infinite for never.
    pub(crate) converged: f64,
    pub(crate) time_rms: f64,
    pub(crate) time_max: f64,
    pub(crate) frequency_rms: f64,
    pub(crate) requests: f64,
}

impl Score {
    /// Of one run; RMS and maximum from the settling time on.
    pub(crate) fn of(story: &Scenario, outcome: &Outcome) -> Self {
        let settled = outcome.samples.get(story.settle..).unwrap_or_default();
        let converged = outcome
            .samples
            .windows(MINUTE)
            .position(|minute| minute.iter().all(|sample| sample.time.abs() < story.good))
            .map_or(f64::INFINITY, |index| index as f64 + 1.0);
        Self {
            converged,
            time_rms: rms(settled.iter().map(|sample| sample.time)),
            time_max: settled.iter().map(|sample| sample.time.abs()).fold(0.0, f64::max),
            frequency_rms: rms(settled.iter().map(|sample| sample.frequency)),
            requests: f64::from(outcome.requests),
        }
    }

    /// Each figure's own median; `None` of nothing.
    pub(crate) fn median(scores: &[Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| median(scores.iter().map(figure));
        (!scores.is_empty()).then(|| Self {
            converged: of(|score| score.converged),
            time_rms: of(|score| score.time_rms),
            time_max: of(|score| score.time_max),
            frequency_rms: of(|score| score.frequency_rms),
            requests: of(|score| score.requests),
        })
    }
}

/// The middle one, or between the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or(f64::NAN);
    (at(all.len().saturating_sub(1) / 2) + at(all.len() / 2)) / 2.0
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value * value));
    (sum / count).sqrt()
}
