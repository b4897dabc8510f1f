//! How many answers an address may still have: a bucket of credit that fills with time (chrony.conf(5), `ratelimit`).

use super::record::Tick;
use crate::config::RateLimit;

/// What one answer costs, what one tick brings, and how much can be saved up, in one unit that makes all three whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    answer: u32,
    tick: u32,
    most: u32,
}

impl Price {
    pub(super) fn of(limit: RateLimit) -> Self {
        // An interval of 2^n ticks: n answers a tick, or n ticks an answer.
        let log_ticks = i32::from(limit.interval) + Tick::PER_SECOND.ilog2().cast_signed();
        let power = |exponent: i32| 1_u32 << exponent.clamp(0, 20);
        let (answer, tick) = (power(log_ticks), power(-log_ticks));
        // What one tick brings must not be lost before it can be used: fast limits come in bursts.
        let most = (answer * u32::from(limit.burst)).max(tick);
        Self { answer, tick, most }
    }
}

/// Credit of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credit(u32);

impl Credit {
    /// Of an address that was never seen: as much as can be saved.
    pub(super) const FULL: Self = Self(u32::MAX);

    /// Time went by, then an answer is wanted: true = it is paid for.
    pub(super) fn pay(&mut self, price: Price, ticks: u64) -> bool {
        let gained = u32::try_from(ticks.saturating_mul(u64::from(price.tick))).unwrap_or(u32::MAX);
        let saved = self.0.saturating_add(gained).min(price.most);
        let rest = saved.checked_sub(price.answer);
        self.0 = rest.unwrap_or(saved);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers to requests at these distances, in ticks of 1/256 s.
    fn paid(limit: RateLimit, spacing: u64, requests: u32) -> u32 {
        let mut credit = Credit::FULL;
        let price = Price::of(limit);
        (0..requests).map(|_| u32::from(credit.pay(price, spacing))).sum()
    }

    #[test]
    fn a_burst_is_answered_and_then_one_request_an_interval() {
        let limit = RateLimit { interval: 3, burst: 5, ..RateLimit::TIME };
        assert_eq!(paid(limit, 0, 100), 5);
        // 1,000 requests a second apart: the burst, and one in eight.
        assert_eq!(paid(limit, 256, 1_001), 5 + 125);
        assert_eq!(paid(limit, 8 * 256, 1_000), 1_000);
        assert_eq!(paid(RateLimit { interval: 12, burst: 255, ..limit }, 4096 * 256, 100), 100);
    }

    #[test]
    fn limits_finer_than_a_tick_let_that_many_through_at_once() {
        let limit = RateLimit { interval: -19, burst: 1, ..RateLimit::TIME };
        assert_eq!(paid(limit, 0, 10_000), 2_048);
        assert_eq!(paid(limit, 1, 10_000), 10_000);
        assert_eq!(paid(RateLimit { interval: -4, burst: 1, ..limit }, 8, 1_000), 500);
    }
}
