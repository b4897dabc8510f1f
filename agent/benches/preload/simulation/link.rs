//! What a datagram meets on its way from one host to another.

use super::luck::Luck;

/// One kind of link; the seconds are those of one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Shortest delay.
    pub(crate) base: f64,
    /// Mean of the exponential queueing delay.
    pub(crate) jitter: f64,
    /// The jitter's factor on the way to the server, and back.
    pub(crate) up: f64,
    pub(crate) down: f64,
    /// Probability that a datagram is lost.
    pub(crate) loss: f64,
    /// The link is there for so long, and then away for so long, in turns; `None` for always.
    pub(crate) turns: Option<(f64, f64)>,
}

impl Link {
    /// The usual one.
    pub(crate) const USUAL: Self =
        Self { base: 1e-4, jitter: 1e-4, up: 1.0, down: 1.0, loss: 0.0, turns: None };

    /// Nanoseconds until a datagram that leaves now arrives; `None` when it is lost.
    pub(crate) fn carry(&self, now: i64, is_up: bool, luck: &mut Luck) -> Option<i64> {
        let factor = if is_up { self.up } else { self.down };
        let delay = self.base + self.jitter * factor * luck.exponential();
        let is_lost = luck.fraction() <= self.loss;
        let is_away = self.turns.is_some_and(|(there, away)| now as f64 * 1e-9 % (there + away) >= there);
        (!is_lost && !is_away).then_some((delay * 1e9).round().max(1.0) as i64)
    }
}
