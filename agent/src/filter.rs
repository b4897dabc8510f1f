//! Whether a reply becomes a sample: each test has a name, and the bit that chronyc's `ntpdata` prints for it.

use crate::config::Upstream;
use crate::history::{History, Sample};
use crate::oscillator::Free;
use crate::regression::SlopePrior;
use crate::time::Seconds;

/// Why a reply was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// RFC 5905 test 1.
    #[error("duplicate of an earlier reply")]
    Duplicate,
    /// RFC 5905 test 2.
    #[error("not an answer to our request (origin timestamp)")]
    Bogus,
    /// RFC 5905 test 3.
    #[error("receive or transmit timestamp is missing")]
    Invalid,
    /// RFC 5905 test 5.
    #[error("not signed with the key that the source shares with us")]
    Unauthenticated,
    /// RFC 5905 test 6.
    #[error("the source is not synchronised")]
    Unsynchronised,
    /// RFC 5905 test 7.
    #[error("root distance of 16 s or more")]
    BadHeader,
    /// Whoever says so has never been set, or lies.
    #[error("the source says a time before this agent was built")]
    BeforeBuild,
    /// Longer than any server takes, or longer than the whole round trip.
    #[error("the source says it held the request for a time that cannot be")]
    HoldingTime,
    /// `maxdelay`.
    #[error("round trip above maxdelay")]
    MaxDelay,
    /// `maxdelayratio`.
    #[error("round trip above maxdelayratio")]
    MaxDelayRatio,
    /// `maxdelaydevratio`.
    #[error("round trip above maxdelaydevratio")]
    MaxDelayDevRatio,
    /// `maxdelayquant`.
    #[error("round trip above maxdelayquant")]
    MaxDelayQuantile,
    /// The source follows us.
    #[error("the source takes its time from this host, or is this host (synchronisation loop)")]
    Loop,
    /// RFC 5905 section 7.4.
    #[error("kiss-o'-death RATE: the source asks for fewer requests")]
    RateKiss,
    /// RFC 5905 section 7.4.
    #[error("kiss-o'-death DENY: the source does not want to be asked")]
    DenyKiss,
    /// RFC 5905 section 7.4.
    #[error("kiss-o'-death RSTR: the source does not want to be asked")]
    RestrictKiss,
    /// Not a server's reply, another version, or an authentication nobody asked for.
    #[error("not a plain server reply")]
    NotAReply,
}

/// All tests passed.
pub const ALL_PASSED: u16 = 0x3FF;
/// The measurement was made in interleaved mode.
pub const INTERLEAVED: u16 = 0x4000;
/// The reply was signed, and rightly so.
pub const AUTHENTICATED: u16 = 0x8000;

impl Rejection {
    /// Bits of `ntpdata`'s flags that stay set when this test is the one that failed. Groups (9 8 7), (6 5 4) and
    /// (3 2 1 0) are looked at one after the other; a later group counts as failed when an earlier one failed.
    pub fn flags(self) -> u16 {
        match self {
            Self::Duplicate => 0x180,
            Self::Bogus => 0x280,
            Self::Invalid => 0x300,
            Self::NotAReply => 0,
            Self::Unauthenticated => 0x380 | 0x30,
            Self::Unsynchronised => 0x380 | 0x50,
            Self::RateKiss | Self::DenyKiss | Self::RestrictKiss => 0x380 | 0x50,
            Self::BadHeader | Self::BeforeBuild => 0x380 | 0x60,
            Self::HoldingTime | Self::MaxDelay => 0x3F0 | 0x7,
            Self::MaxDelayRatio => 0x3F0 | 0xB,
            Self::MaxDelayDevRatio | Self::MaxDelayQuantile => 0x3F0 | 0xD,
            Self::Loop => 0x3F0 | 0xE,
        }
    }
}

/// Fewer samples than this say nothing about what is usual for a source.
const FEWEST_SAMPLES: usize = 6;
/// So many slow round trips in a row are no outliers: the path has changed.
const PATIENCE: u32 = 4;

/// The tests that hold a sample against the source's options and its earlier samples. `rejected` = how many samples
/// before this one were thrown away in a row because of their delay.
pub fn judge(
    upstream: &Upstream,
    history: &History,
    prior: SlopePrior,
    rejected: u32,
    sample: &Sample,
) -> Result<(), Rejection> {
    if sample.delay > upstream.max_delay {
        return Err(Rejection::MaxDelay);
    }
    if history.len() < FEWEST_SAMPLES || rejected >= PATIENCE {
        return Ok(());
    }
    let Some(shortest) = history.min_delay() else { return Ok(()) };
    if upstream.max_delay_ratio > 0.0 && sample.delay > shortest * upstream.max_delay_ratio {
        return Err(Rejection::MaxDelayRatio);
    }
    if upstream.max_delay_quantile.is_some() {
        return Ok(());
    }
    if let Some(estimate) = history.estimate(prior) {
        let increase = (sample.delay - shortest) / 2.0;
        let deviation = estimate.std_dev.max(sample.dispersion);
        let miss = (sample.offset - estimate.offset(sample.at)).abs();
        // A sample that is so far off that its delay cannot explain it means that the clock moved: keep it.
        let explained = miss <= increase + deviation * 3.0 + uncertainty(sample.at, estimate.at);
        if increase > deviation * upstream.max_delay_dev_ratio && explained {
            return Err(Rejection::MaxDelayDevRatio);
        }
    }
    Ok(())
}

/// How far a clock may have wandered between two moments beyond what was measured: 1 ppm.
fn uncertainty(later: Free, earlier: Free) -> Seconds {
    (later - earlier).abs() * 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Leap;
    use crate::time::Wall;

    const PRIOR: SlopePrior = SlopePrior { mean: 0.0, deviation: 1e-4 };

    fn sample(at: f64, offset: f64, delay: f64) -> Sample {
        Sample {
            at: Free(at),
            wall: Wall(0),
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

    fn upstream(line: &str) -> Upstream {
        crate::config::parse("test", line).unwrap().upstreams.remove(0)
    }

    fn history() -> History {
        let mut history = History::new(0);
        for i in 0..8 {
            let queue = f64::from(i % 4) * 1e-4;
            history.add(sample(f64::from(i) * 64.0, queue / 2.0 - 1e-4, 1e-3 + queue), PRIOR);
        }
        history
    }

    #[test]
    fn a_slow_round_trip_is_rejected_by_its_name() {
        let upstream = upstream("server a maxdelay 0.5 maxdelayratio 3");
        let judge = |delay: f64| judge(&upstream, &history(), PRIOR, 0, &sample(512.0, 0.0, delay));
        assert_eq!(judge(0.001), Ok(()));
        assert_eq!(judge(0.6), Err(Rejection::MaxDelay));
        assert_eq!(judge(0.1), Err(Rejection::MaxDelayRatio));
    }

    #[test]
    fn a_jump_that_delay_cannot_explain_is_kept() {
        let upstream = upstream("server a");
        let history = history();
        assert_eq!(
            judge(&upstream, &history, PRIOR, 0, &sample(512.0, 0.02, 0.05)),
            Err(Rejection::MaxDelayDevRatio)
        );
        assert_eq!(judge(&upstream, &history, PRIOR, 0, &sample(512.0, 0.5, 0.05)), Ok(()));
    }

    #[test]
    fn a_path_that_became_longer_is_accepted_after_a_few_samples() {
        let (upstream, history) = (upstream("server a"), history());
        let longer = sample(512.0, 0.0, 0.05);
        assert_eq!(judge(&upstream, &history, PRIOR, 3, &longer), Err(Rejection::MaxDelayDevRatio));
        assert_eq!(judge(&upstream, &history, PRIOR, 4, &longer), Ok(()));
    }

    #[test]
    fn the_first_samples_decide_nothing_about_what_is_usual() {
        let upstream = upstream("server a");
        let mut history = History::new(0);
        history.add(sample(0.0, 0.0, 1e-5), PRIOR);
        assert_eq!(judge(&upstream, &history, PRIOR, 0, &sample(2.0, 1e-5, 5e-5)), Ok(()));
    }
}
