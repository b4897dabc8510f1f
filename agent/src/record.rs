//! What `log` writes down, a line a record, in the columns of chrony.conf(5).

mod row;

use std::net::IpAddr;

use crate::report::Leap;
use crate::time::{Ppm, Seconds, Wall};

/// One line of one log file.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// `measurements.log`.
    Measurement(Measurement),
    /// `statistics.log`.
    Statistics(Statistics),
    /// `tracking.log`.
    Tracking(Tracking),
    /// `selection.log`.
    Selection(Selection),
}

/// One reply of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// When, by the best estimate of true time.
    pub time: Wall,
    /// Whose.
    pub address: IpAddr,
    /// The source's leap status.
    pub leap: Leap,
    /// The source's stratum.
    pub stratum: u8,
    /// Bits of the tests that it passed, as in chronyc's `ntpdata`.
    pub tests: u16,
    /// Our polling interval, log2 seconds.
    pub poll: i8,
    /// The source's.
    pub remote_poll: i8,
    /// How near the polling interval is to its next change.
    pub score: f64,
    /// Positive = the source is ahead of the clock.
    pub offset: Seconds,
    /// Round trip.
    pub delay: Seconds,
    /// Error of the measurement itself.
    pub dispersion: Seconds,
    /// The source's own.
    pub root_delay: Seconds,
    /// The source's own.
    pub root_dispersion: Seconds,
    /// Whom the source follows.
    pub ref_id: u32,
    /// NTP mode of the reply.
    pub mode: u8,
    /// The reply's transmit timestamp is that of the reply before.
    pub interleaved: bool,
    /// Who stamped the request: `D` daemon, `K` kernel.
    pub sent_by: char,
    /// Who stamped the reply.
    pub received_by: char,
}

/// What one source's samples say together, after one more.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// When.
    pub time: Wall,
    /// Whose.
    pub address: IpAddr,
    /// Of the samples about the line.
    pub std_dev: Seconds,
    /// Positive = the clock is ahead of the source.
    pub offset: Seconds,
    /// Its standard deviation.
    pub offset_deviation: Seconds,
    /// Seconds per second; positive = the clock gains on the source.
    pub rate: f64,
    /// Its error.
    pub rate_error: f64,
    /// Change of the rate in units of the error it had before.
    pub stress: f64,
    /// Samples used.
    pub samples: u32,
    /// Samples that were dropped.
    pub dropped: u32,
    /// Runs of residuals with the same sign.
    pub runs: u32,
    /// Of the queues on the two ways, from -0.5 (all on the way to the source) to 0.5.
    pub asymmetry: f64,
}

/// One update of the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracking {
    /// When.
    pub time: Wall,
    /// Who was believed.
    pub by: Believed,
    /// Ours after it.
    pub stratum: u8,
    /// Rate error of the uncorrected clock; positive = fast.
    pub frequency: Ppm,
    /// Its error bound.
    pub skew: Ppm,
    /// Error of the clock; positive = fast.
    pub offset: Seconds,
    /// Leap status.
    pub leap: Leap,
    /// Sources that were combined.
    pub combined: u32,
    /// Standard deviation of the offset.
    pub offset_deviation: Seconds,
    /// What was not yet corrected of the errors before; positive = the clock was slow.
    pub remaining: Seconds,
    /// Up to the primary server.
    pub root_delay: Seconds,
    /// Up to the primary server.
    pub root_dispersion: Seconds,
    /// How wrong the clock was at most since the update before.
    pub max_error: Seconds,
}

/// Whose time the clock was brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Believed {
    /// Nobody's: the clock is not synchronised (any more).
    Nobody,
    /// A source's.
    Source(IpAddr),
    /// Somebody's who entered it.
    Person,
}

/// What the selection made of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// When.
    pub time: Wall,
    /// Address, or the number of a name without one.
    pub name: String,
    /// Letter of `selectdata`.
    pub state: char,
    /// `noselect`.
    pub no_select: bool,
    /// `prefer`.
    pub prefer: bool,
    /// `trust`, its own or by `authselectmode`.
    pub trust: bool,
    /// `require`, likewise.
    pub require: bool,
    /// The last eight polls.
    pub reach: u8,
    /// Against the selected source.
    pub score: f64,
    /// Since the last sample.
    pub age: Seconds,
    /// The clock's error is not below this.
    pub low: Seconds,
    /// The clock's error is not above this.
    pub high: Seconds,
}

/// A file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFile {
    /// Of `log measurements` and `log rawmeasurements`.
    Measurements,
    /// Of `log statistics`.
    Statistics,
    /// Of `log tracking`.
    Tracking,
    /// Of `log selection`.
    Selection,
}

impl LogFile {
    /// Every file.
    pub const ALL: [Self; 4] = [Self::Measurements, Self::Statistics, Self::Tracking, Self::Selection];

    /// Its name in `logdir`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measurements => "measurements.log",
            Self::Statistics => "statistics.log",
            Self::Tracking => "tracking.log",
            Self::Selection => "selection.log",
        }
    }

    /// The three lines that say what the columns are.
    pub fn banner(self) -> String {
        let columns = row::columns(self);
        let line = "=".repeat(columns.len());
        format!("{line}\n{columns}\n{line}\n")
    }
}

impl Record {
    /// Where it is written.
    pub fn file(&self) -> LogFile {
        match self {
            Self::Measurement(_) => LogFile::Measurements,
            Self::Statistics(_) => LogFile::Statistics,
            Self::Tracking(_) => LogFile::Tracking,
            Self::Selection(_) => LogFile::Selection,
        }
    }
}
