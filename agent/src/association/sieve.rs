//! `filter N`: the samples of N polls become one, as good as the best of them.

use crate::history::Sample;
use crate::oscillator::Free;
use crate::time::Seconds;

/// Collects samples until there are enough polls behind them.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    polls_wanted: u32,
    polls: u32,
    samples: Vec<Sample>,
}

impl Sieve {
    pub(super) fn new(polls: u32) -> Self {
        Self { polls_wanted: polls.max(1), polls: 0, samples: Vec::new() }
    }

    /// A poll was made, whatever comes of it.
    pub(super) fn count_poll(&mut self) {
        self.polls = self.polls.saturating_add(1);
    }

    /// Forgets what was collected.
    pub(super) fn clear(&mut self) {
        (self.polls, self.samples) = (0, Vec::new());
    }

    /// Takes a sample in; the combined one once the last poll was made. What is known of the clock's drift is taken out of
    /// the comparison: `slope` is what true time gains on it.
    pub(super) fn take(&mut self, sample: Sample, slope: f64) -> Option<Sample> {
        self.samples.push(sample);
        if self.polls < self.polls_wanted {
            return None;
        }
        let combined = combine(&self.samples, slope);
        self.clear();
        combined
    }
}

/// The faster half of the samples, and of their offsets the middle ones: queues only ever add delay, so the slow half has
/// little to say, and whoever is off among the fast ones is off for another reason.
fn combine(samples: &[Sample], slope: f64) -> Option<Sample> {
    let mut fast: Vec<&Sample> = samples.iter().collect();
    fast.sort_by(|a, b| a.delay.0.total_cmp(&b.delay.0));
    fast.truncate(samples.len().div_ceil(2));
    let newest = **fast.iter().max_by(|a, b| a.at.0.total_cmp(&b.at.0))?;
    // What each would have measured at the time of the newest.
    let then = |sample: &Sample| sample.offset.0 + (newest.at - sample.at).0 * slope;
    fast.sort_by(|a, b| then(a).total_cmp(&then(b)));
    let outer = fast.len() / 4;
    let middle = fast.get(outer..fast.len() - outer).filter(|middle| !middle.is_empty())?;
    let mean = |value: fn(&Sample) -> f64| {
        middle.iter().map(|sample| value(sample)).sum::<f64>() / middle.len() as f64
    };
    // Time and offset are both means of the same samples: no drift, known or not, comes between them.
    let at = Free(mean(|sample| sample.at.0));
    Some(Sample {
        at,
        wall: newest.wall + (at - newest.at),
        offset: Seconds(mean(|sample| sample.offset.0)),
        measured: Seconds(mean(|sample| sample.measured.0)),
        delay: Seconds(mean(|sample| sample.delay.0)),
        dispersion: Seconds(mean(|sample| sample.dispersion.0)),
        ..newest
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Leap;
    use crate::time::Wall;

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

    #[test]
    fn polls_are_counted_not_samples() {
        let mut sieve = Sieve::new(3);
        sieve.count_poll();
        assert_eq!(sieve.take(sample(0.0, 1e-5, 1e-3), 0.0), None);
        // The second poll's reply was lost.
        sieve.count_poll();
        sieve.count_poll();
        let combined = sieve.take(sample(2.0, 1e-5, 9e-4), 0.0).unwrap();
        assert_eq!((combined.at, combined.offset), (Free(2.0), Seconds(1e-5)));
        assert_eq!(sieve.take(sample(3.0, 1e-5, 1e-3), 0.0), None, "all begins again");
    }

    #[test]
    fn neither_slow_samples_nor_strays_have_a_say() {
        let samples: Vec<Sample> = (0..8)
            .map(|i| match i {
                0..4 => sample(f64::from(i), 0.01, 0.021),
                4 => sample(f64::from(i), 0.005, 1e-3),
                _ => sample(f64::from(i), 1e-5, 1e-3),
            })
            .collect();
        let combined = combine(&samples, 0.0).unwrap();
        assert!((combined.offset.0 - 1e-5).abs() < 1e-12, "{combined:?}");
        assert!((combined.measured.0 - 1e-5).abs() < 1e-12 && combined.delay == Seconds(1e-3));
    }

    #[test]
    fn a_clock_that_drifts_is_measured_where_it_was() {
        let slope = 5e-5;
        let samples: Vec<Sample> =
            (0..9).map(|i| sample(f64::from(i), slope * f64::from(i), 1e-3 + 1e-6 * f64::from(i))).collect();
        for known in [slope, 0.0] {
            let combined = combine(&samples, known).unwrap();
            assert!((combined.offset.0 - slope * combined.at.0).abs() < 1e-12, "{combined:?}");
        }
    }
}
