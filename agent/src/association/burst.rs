//! Requests in quick succession: at the start, on request, and to save a poll that gave nothing.

use super::Association;
use crate::time::{Mono, Seconds};

/// Requests in quick succession: `iburst`, `burst`, or chronyc's `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    good_left: u32,
    tries_left: u32,
}

/// Spacing of the requests of a burst.
pub(super) const BURST_SPACING: Seconds = Seconds(2.0);
/// Most requests that the option `burst` makes of one poll.
const MOST_TRIES: u32 = 4;

impl Burst {
    /// Valid replies that end an initial burst, and the most requests it takes.
    pub(super) const INITIAL: Self = Self { good_left: 4, tries_left: 8 };

    /// `burst`: one good measurement is wanted, and no more requests are spent on it than leave the average interval at
    /// or above the shortest one.
    fn saving_a_poll(poll: i8, min_poll: i8) -> Option<Self> {
        let doublings = u32::try_from(poll.saturating_sub(min_poll)).unwrap_or(0);
        let tries_left = 1_u32.checked_shl(doublings).unwrap_or(MOST_TRIES).min(MOST_TRIES);
        (tries_left > 1).then_some(Self { good_left: 1, tries_left })
    }
}

impl Association {
    /// Starts a burst (chronyc's `burst GOOD/TOTAL`).
    pub fn start_burst(&mut self, now: Mono, good: u32, total: u32) {
        self.burst = Some(Burst { good_left: good.max(1), tries_left: total.max(1) });
        self.next_poll = now;
    }

    /// A regular poll begins, or the next request of a burst.
    pub(super) fn count_try(&mut self) {
        if self.burst.is_none() && self.upstream.burst && self.slowed_to.is_none() {
            self.burst = Burst::saving_a_poll(self.poll, self.upstream.min_poll);
        }
        if let Some(burst) = &mut self.burst {
            burst.tries_left = burst.tries_left.saturating_sub(1);
            if burst.tries_left == 0 {
                self.burst = None;
            }
        }
    }

    /// A good measurement was made.
    pub(super) fn count_good(&mut self) {
        self.counters.good = self.counters.good.wrapping_add(1);
        let Some(burst) = &mut self.burst else { return };
        burst.good_left = burst.good_left.saturating_sub(1);
        if burst.good_left == 0 {
            // The burst's spacing ends with it: the next request comes a whole interval after the last.
            self.next_poll = self.next_poll + (self.interval() - self.spacing());
            self.burst = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_saved_by_no_more_requests_than_the_shortest_interval_has_room_for() {
        let tries = |poll, min_poll| Burst::saving_a_poll(poll, min_poll).map(|burst| burst.tries_left);
        assert_eq!([6, 7, 8, 24].map(|poll| tries(poll, 6)), [None, Some(2), Some(4), Some(4)]);
        assert_eq!(tries(24, -7), Some(4));
        assert_eq!(tries(5, 6), None);
    }
}
