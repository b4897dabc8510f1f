//! What round trips say of the error of each sample.
//!
//! A queue only ever adds delay. Of a round trip that is longer than the shortest possible one by an excess, the
//! request's way had a part `there`, the reply's way the rest, and the measured offset is wrong by `there - excess / 2`:
//! never by more than half the excess. With queues that are alike both ways every part is as probable as any other;
//! with unlike ones the shorter queue's part falls off exponentially.

use super::belief::Evidence;

/// The queues on the two ways, as far as samples tell: means of exponential distributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Queues {
    /// Mean queueing delay of the requests' way, seconds.
    there: f64,
    /// Of the replies' way.
    back: f64,
    /// What the shortest round trip seen still has of them, as far as can be expected.
    pub(super) hidden: f64,
}

/// Steps of the integral over the distribution of the shortest of several round trips.
const STEPS: u32 = 48;

impl Queues {
    /// With this part of all queueing on the requests' way, `count` round trips that are on average longer by `mean`
    /// than the shortest of them.
    pub(super) fn new(share: f64, count: usize, mean: f64) -> Self {
        let left = shortest(share, count);
        let both = if count > 1 { mean / (1.0 - left) } else { 0.0 };
        Self { there: both * share, back: both * (1.0 - share), hidden: both * left }
    }

    /// The same where the shortest possible round trip is known: `mean` is above that.
    pub(super) fn known(share: f64, mean: f64) -> Self {
        Self { there: mean * share, back: mean * (1.0 - share), hidden: 0.0 }
    }

    /// What a sample with this excess says of the offset.
    pub(super) fn evidence(&self, offset: f64, excess: f64, reading: f64) -> Evidence {
        let edge = reading.hypot(self.hidden / 4.0);
        let alike = (self.there - self.back).abs() < 1e-3 * (self.there + self.back);
        if alike || excess <= 0.0 {
            return Evidence::Uniform { center: offset, width: excess.max(reading), edge };
        }
        let (fast, slow) = (self.there.min(self.back), self.there.max(self.back));
        let (mean, variance) = truncated_exponential(1.0 / fast.max(1e-12) - 1.0 / slow, excess);
        let there = if self.there < self.back { mean } else { excess - mean };
        Evidence::Normal { center: offset - (there - excess / 2.0), variance: variance + edge * edge }
    }
}

/// The expected excess of the shortest of `count` round trips, in units of the mean excess: the integral of the
/// probability that all of them are longer.
fn shortest(share: f64, count: usize) -> f64 {
    let (there, back) = (share, 1.0 - share);
    let longer = |excess: f64| {
        if (there - back).abs() < 1e-6 {
            (1.0 + excess / there) * (-excess / there).exp()
        } else {
            let tail = |mean: f64| if mean > 0.0 { mean * (-excess / mean).exp() } else { 0.0 };
            (tail(back) - tail(there)) / (back - there)
        }
    };
    // Beyond this next to none is the shortest.
    let reach = 4.0 * (1.0 / (count as f64).sqrt() + 1.0 / count as f64);
    let step = reach / f64::from(STEPS);
    (0..STEPS).map(|k| longer((f64::from(k) + 0.5) * step).powi(count as i32)).sum::<f64>() * step
}

/// Mean and variance of an exponential distribution with this rate, cut off at `end`.
fn truncated_exponential(rate: f64, end: f64) -> (f64, f64) {
    let x = rate * end;
    if x < 1e-3 {
        return (end / 2.0, end * end / 12.0);
    }
    if x > 500.0 {
        return (1.0 / rate, 1.0 / (rate * rate));
    }
    let grown = x.exp_m1();
    let mean = 1.0 / rate - end / grown;
    let variance = 1.0 / (rate * rate) - end * end * x.exp() / (grown * grown);
    (mean, variance.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::luck::Luck;

    #[test]
    fn the_shortest_of_several_round_trips_is_as_long_as_in_a_simulation() {
        let mut luck = Luck::new([1; 32]);
        for share in [0.5, 0.1, 0.0] {
            for count in [1, 3, 20, 64] {
                let mut queue = |mean: f64| -mean * (1.0 - luck.fraction()).ln();
                let runs = 2000;
                let total: f64 = (0..runs)
                    .map(|_| {
                        let trips = (0..count).map(|_| queue(share) + queue(1.0 - share));
                        trips.fold(f64::INFINITY, f64::min)
                    })
                    .sum();
                let (simulated, computed) = (total / f64::from(runs), shortest(share, count));
                assert!((simulated / computed - 1.0).abs() < 0.15, "{share} {count}: {simulated} {computed}");
            }
        }
    }

    #[test]
    fn the_part_of_the_shorter_queue_is_between_half_the_excess_and_its_own_mean() {
        assert_eq!(truncated_exponential(0.0, 2.0), (1.0, 4.0 / 12.0));
        let (mean, variance) = truncated_exponential(1000.0, 2.0);
        assert!((mean - 1e-3).abs() < 1e-9 && (variance - 1e-6).abs() < 1e-12, "{mean} {variance}");
        let (mean, variance) = truncated_exponential(1.0, 2.0);
        assert!((0.5..1.0).contains(&mean) && variance < 4.0 / 12.0, "{mean} {variance}");
    }

    #[test]
    fn with_all_queueing_on_the_way_back_the_offset_is_half_the_excess_more() {
        let queues = Queues::known(0.0, 1e-3);
        let Evidence::Normal { center, variance } = queues.evidence(0.0, 2e-3, 1e-6) else { panic!() };
        assert!((center - 1e-3).abs() < 1e-8 && variance.sqrt() < 2e-6, "{center} {variance}");
    }
}
