//! Reading the machine's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use timefleet_agent::time::{Moment, Mono, Seconds, Wall};

/// Both clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

/// Two readings this close together count as one moment.
const SAME_MOMENT_NS: u64 = 1_000;
/// How often a pair is read again because something came between its halves.
const ATTEMPTS: u32 = 3;

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// Both readings, as close together as three attempts get them.
    pub(crate) fn now(self) -> Moment {
        let mut best = (u64::MAX, Moment::default());
        for _ in 0..ATTEMPTS {
            let before = self.mono();
            let wall = wall();
            let after = self.mono();
            let gap = after.0.saturating_sub(before.0);
            if gap < best.0 {
                best = (gap, Moment { mono: Mono(before.0 + gap / 2), wall });
            }
            if gap <= SAME_MOMENT_NS {
                break;
            }
        }
        best.1
    }

    /// Only the clock that never steps.
    pub(crate) fn mono(self) -> Mono {
        Mono(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// log2 of the smallest step seen between two readings of the real-time clock (RFC 5905 section 7.3). A clock that
    /// stands still between two readings, as simulated ones do, is taken for a microsecond clock.
    pub(crate) fn precision(self) -> i8 {
        const READINGS: u32 = 100;
        const UNKNOWN: i8 = -20;
        let mut smallest = i64::MAX;
        let mut last = wall();
        for _ in 0..READINGS {
            let next = wall();
            if next > last {
                smallest = smallest.min(next.0 - last.0);
            }
            last = next;
        }
        if smallest == i64::MAX {
            return UNKNOWN;
        }
        Seconds(smallest as f64 * 1e-9).log2().clamp(-30, -5)
    }
}

fn wall() -> Wall {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Wall(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
        Err(before) => Wall(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_precision_is_plausible() {
        let clock = Clock::new();
        let (first, second) = (clock.now(), clock.now());
        assert!(second.mono >= first.mono);
        assert!(first.wall.unix() > 1.7e9, "{}", first.wall.unix());
        assert!((-30..=-5).contains(&clock.precision()));
    }
}
