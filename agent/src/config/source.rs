//! One source of time as a line names it.

use std::ops::RangeInclusive;

use super::Family;
use crate::time::Seconds;

/// One `server` or `pool` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Name or address as written.
    pub name: String,
    /// `server`: one address; `pool`: several.
    pub kind: UpstreamKind,
    /// UDP port.
    pub port: u16,
    /// Shortest polling interval, log2 seconds.
    pub min_poll: i8,
    /// Longest polling interval, log2 seconds.
    pub max_poll: i8,
    /// Four quick requests at the start.
    pub iburst: bool,
    /// Preferred over sources without it.
    pub prefer: bool,
    /// Always assumed to be true time.
    pub trust: bool,
    /// At least one of these must be selectable.
    pub require: bool,
    /// Measured but never used.
    pub no_select: bool,
    /// Not polled until told so.
    pub offline: bool,
    /// Not polled any more once a request could not be sent.
    pub auto_offline: bool,
    /// Asks again at once, up to three times, when a poll gave no good measurement.
    pub burst: bool,
    /// Interleaved mode (RFC 9769), where the server follows.
    pub interleaved: bool,
    /// The source's stratum and reference are served as our own: both are one server.
    pub copy: bool,
    /// So many polls make one sample.
    pub filter: Option<u32>,
    /// From this polling interval on (log2 seconds) each measurement is announced by a request that only warms the path.
    pub presend: Option<i8>,
    /// Samples with a larger round trip are dropped.
    pub max_delay: Seconds,
    /// Ratio to the smallest delay of the kept samples above which a sample is dropped; 0 = off.
    pub max_delay_ratio: f64,
    /// Ratio of the increase in delay to the jitter above which a sample is dropped.
    pub max_delay_dev_ratio: f64,
    /// In place of that: samples with a round trip above this quantile of all that were measured are dropped.
    pub max_delay_quantile: Option<f64>,
    /// The shortest round trip there can be, where it is known; 0 = the shortest that was measured.
    pub min_delay: Seconds,
    /// How the path's jitter is shared, from -0.5 (all on the way to the source) to 0.5; `None` = not known.
    pub asymmetry: Option<f64>,
    /// Unanswered polls beyond the eighth for which the selected source stays selected; `None` = none.
    pub max_unreach: Option<u32>,
    /// Stratum is raised to at least this.
    pub min_stratum: u8,
    /// Number of samples that the automatic polling interval aims at.
    pub poll_target: u32,
    /// Fewest samples kept.
    pub min_samples: u32,
    /// Most samples kept.
    pub max_samples: u32,
    /// Correction added to what the source says.
    pub offset: Seconds,
    /// NTP version of the requests; `None` = what the key allows.
    pub version: Option<u8>,
    /// Number of the key that signs requests and replies.
    pub key: Option<u32>,
    /// Only IPv4 or only IPv6 addresses of the name.
    pub family: Option<Family>,
}

impl Upstream {
    /// Most samples that are kept of one source where no `maxsamples` says less.
    pub const MAX_SAMPLES: u32 = 64;
    /// Most polls that make one sample.
    pub const MAX_FILTER: u32 = 64;
    /// What `maxdelayquant` may be.
    pub const QUANTILES: RangeInclusive<f64> = 0.05..=0.95;
    /// What `asymmetry` may be.
    pub const ASYMMETRIES: RangeInclusive<f64> = -0.5..=0.5;

    /// A line without options, with the defaults of chrony.conf(5).
    pub fn new(name: impl Into<String>, kind: UpstreamKind) -> Self {
        Self {
            name: name.into(),
            kind,
            port: 123,
            min_poll: 6,
            max_poll: 10,
            iburst: false,
            prefer: false,
            trust: false,
            require: false,
            no_select: false,
            offline: false,
            auto_offline: false,
            burst: false,
            interleaved: false,
            copy: false,
            filter: None,
            presend: None,
            max_delay: Seconds(3.0),
            max_delay_ratio: 0.0,
            max_delay_dev_ratio: 10.0,
            max_delay_quantile: None,
            min_delay: Seconds::ZERO,
            asymmetry: None,
            max_unreach: None,
            min_stratum: 0,
            poll_target: 8,
            min_samples: 6,
            max_samples: Self::MAX_SAMPLES,
            offset: Seconds::ZERO,
            version: None,
            key: None,
            family: None,
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamKind {
    /// `server`: the first usable address.
    Server,
    /// `pool`: up to this many addresses (`maxsources`, default 4).
    Pool {
        /// How many to use at once.
        max_sources: u32,
    },
}
