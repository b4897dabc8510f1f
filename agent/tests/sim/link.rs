//! What a datagram meets on its way from one machine to another.

use crate::chance::Chance;

/// One direction between two machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Shortest one-way delay, seconds.
    pub(crate) base: f64,
    /// Mean of the exponential queueing delay, seconds.
    pub(crate) jitter: f64,
    /// Probability that a datagram is lost.
    pub(crate) loss: f64,
    /// Probability that it comes twice, the second time up to [`Link::late`] seconds later: after other datagrams.
    pub(crate) twice: f64,
    pub(crate) late: f64,
}

impl Link {
    pub(crate) const USUAL: Self = Self { base: 1e-4, jitter: 1e-4, loss: 0.0, twice: 0.0, late: 0.0 };

    /// When copies of a datagram arrive, in seconds from now; none when it is lost.
    pub(crate) fn carry(&self, chance: &mut Chance) -> Vec<f64> {
        if chance.fraction() < self.loss {
            return Vec::new();
        }
        let mut delay = || self.base + self.jitter * chance.exponential();
        let mut arrivals = vec![delay()];
        if self.twice > 0.0 {
            let second = delay();
            if chance.fraction() < self.twice {
                arrivals.push(second + self.late * chance.fraction());
            }
        }
        arrivals
    }
}
