//! How often a source is asked.

use super::Association;
use crate::history::Estimate;
use crate::time::Seconds;

/// The polling interval grows by one step in `polltarget` samples or a few less; beyond this interval later, since what
/// happens between two polls is seen so much later.
const FASTEST_STEP: f64 = 1.6;
const SURE: Seconds = Seconds(256.0);
/// How long samples are worth having, in units of the time in which the wander gets as large as their error.
const WINDOW_SHARE: f64 = 10.0;
/// Further unanswered requests in a row before a source is asked half as often.
const PATIENCE: f64 = 4.0;

impl Association {
    /// Nobody answered, and not for the first time.
    pub(super) fn ask_less(&mut self) {
        if self.burst.is_none() && self.has_enough_samples() {
            self.change_poll(1.0 / PATIENCE);
        }
    }

    /// Asks as often as there is something to learn. Over a long enough time the oscillator's wander moves the clock by as
    /// much as a sample is wrong; older samples say little. `polltarget` samples should fit into that time. Less is asked
    /// only step by step, more at once.
    pub(super) fn adapt_poll(&mut self) {
        if self.burst.is_some() {
            return;
        }
        let Some(estimate) = &self.estimate else { return };
        let before = self.interval();
        if !self.has_enough_samples() {
            self.poll = self.shortest_poll();
        } else if estimate.is_surprised() {
            // Whether it is this one sample or the clock is soon known.
            let soon = Seconds::from_log2(self.shortest_poll().min(self.poll));
            self.next_poll = self.next_poll + (soon - before);
            return;
        } else {
            self.change_poll(self.wish(estimate));
        }
        self.next_poll = self.next_poll + (self.interval() - before).min(Seconds::ZERO);
    }

    /// By how much of a step the interval should change.
    fn wish(&self, estimate: &Estimate) -> f64 {
        let target = f64::from(self.upstream.poll_target.max(1));
        let window = (estimate.noise().0 / estimate.wander()).powf(2.0 / 3.0);
        let best = (WINDOW_SHARE * window / target).max(1e-3).log2();
        if best >= f64::from(self.poll) + 1.0 {
            (SURE / self.interval()).min(FASTEST_STEP) / target
        } else if best < f64::from(self.poll) {
            -1.0
        } else {
            -self.poll_score
        }
    }

    fn change_poll(&mut self, by: f64) {
        self.poll_score += by;
        if self.poll_score >= 1.0 {
            self.poll = self.poll.saturating_add(1);
            self.poll_score = 0.0;
        } else if self.poll_score <= -1.0 {
            self.poll = self.poll.saturating_sub(1);
            self.poll_score = 0.0;
        }
        let shortest = self.shortest_poll();
        self.poll = self.poll.clamp(shortest, self.upstream.max_poll.max(shortest));
    }

    /// `minpoll`, or what the source asked for.
    fn shortest_poll(&self) -> i8 {
        self.slowed_to.unwrap_or(i8::MIN).max(self.upstream.min_poll)
    }
}
