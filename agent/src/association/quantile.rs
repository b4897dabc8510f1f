//! `maxdelayquant`: which round trips are short enough, by all that were seen lately.

use std::collections::VecDeque;

use crate::time::Seconds;

/// Round trips that are remembered: enough for the outer quantiles, few enough to forget a path that has changed.
const REMEMBERED: usize = 512;
/// Fewer say nothing about what is usual.
const FEWEST: usize = 8;

/// The round trips of late, used or not.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    quantile: f64,
    seen: VecDeque<Seconds>,
}

impl Delays {
    pub(super) fn new(quantile: f64) -> Self {
        Self { quantile, seen: VecDeque::new() }
    }

    /// Takes one more in; true when it is no longer than the quantile of those before it.
    pub(super) fn take(&mut self, delay: Seconds) -> bool {
        let is_short = self.limit().is_none_or(|limit| delay <= limit);
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(delay);
        is_short
    }

    fn limit(&self) -> Option<Seconds> {
        if self.seen.len() < FEWEST {
            return None;
        }
        let mut sorted: Vec<f64> = self.seen.iter().map(|delay| delay.0).collect();
        let last = sorted.len() - 1;
        let rank = (last as f64 * self.quantile).round() as usize;
        let (_, limit, _) = sorted.select_nth_unstable_by(rank.min(last), f64::total_cmp);
        Some(Seconds(*limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_wished_part_is_short_enough() {
        for quantile in [0.05, 0.2, 0.5, 0.95] {
            let mut delays = Delays::new(quantile);
            let mut luck = crate::luck::Luck::new([9; 32]);
            let short =
                (0..4000).filter(|_| delays.take(Seconds(1e-3 - 1e-4 * luck.fraction().ln()))).count();
            let part = short as f64 / 4000.0;
            assert!((part - quantile).abs() < 0.02, "{quantile}: {part}");
        }
    }

    #[test]
    fn the_first_ones_decide_nothing_and_a_longer_path_is_taken_for_what_it_is() {
        let mut delays = Delays::new(0.2);
        assert!((1..=8).all(|i| delays.take(Seconds(f64::from(i)))));
        assert!(!delays.take(Seconds(9.0)));
        let mut delays = Delays::new(0.2);
        let mut luck = crate::luck::Luck::new([9; 32]);
        let mut path = |base: f64| (0..600).filter(|_| delays.take(Seconds(base + luck.fraction()))).count();
        path(1.0);
        assert!(path(10.0) > 0, "the old path is forgotten");
    }
}
