//! What goes into an engine and what it wants done, as plain data.

use std::net::SocketAddr;

use crate::association::ExchangeId;
use crate::config::{Config, Family};
use crate::keys::Keys;
use crate::record::Record;
use crate::report::{ClockControl, Leap};
use crate::time::{Ppm, Seconds, Wall};

/// What an engine starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration file's content.
    pub config: Config,
    /// Only this address family (`-4`, `-6`).
    pub family: Option<Family>,
    /// Is the kernel clock ours? When left alone, no [`Action::Correct`] is ever asked for.
    pub control: ClockControl,
    /// Frequency correction the kernel applies now (adjtimex).
    pub kernel_frequency: Ppm,
    /// Content of the drift file.
    pub drift: Option<Drift>,
    /// Content of the key file.
    pub keys: Keys,
    /// All luck comes from here.
    pub seed: [u8; 32],
    /// Precision of the machine's clock reading, log2 seconds (RFC 5905, e.g. -25).
    pub precision: i8,
    /// When the agent was built: a clock that says an earlier time is wrong, whoever's it is.
    pub built: Wall,
}

/// What a drift file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Rate error of the uncorrected clock; positive = fast (as `tracking` prints it).
    pub frequency: Ppm,
    /// Its error bound.
    pub skew: Ppm,
}

impl Drift {
    /// `maxdrift`.
    pub(super) fn within(self, limit: Ppm) -> Self {
        Self { frequency: Ppm(self.frequency.0.clamp(-limit.0.abs(), limit.0.abs())), ..self }
    }
}

/// One name that is being looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u64);

/// Which way a monitoring request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP, from this address.
    Udp(SocketAddr),
    /// The Unix socket: everything is permitted.
    Unix,
}

/// What the engine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a request from a new socket of its own (random port unless `acquisitionport`), call
    /// [`super::Engine::handle_sent`], keep the socket for the reply until [`Action::Close`].
    Send {
        /// Names the exchange in later calls.
        exchange: ExchangeId,
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// The exchange is over; close its socket.
    Close {
        /// Which.
        exchange: ExchangeId,
    },
    /// Look a name up, answer with [`super::Engine::handle_resolved`].
    Resolve {
        /// Names the lookup in the answer.
        lookup: LookupId,
        /// The name (literal addresses never come here).
        name: String,
        /// Only this family.
        family: Option<Family>,
    },
    /// Adjust the kernel clock, then call [`super::Engine::handle_corrected`] with what was really done.
    Correct(Correction),
    /// Read the key file again, then call [`super::Engine::handle_keys`].
    ReadKeys,
    /// Find out whether there is a route to this address, answer with [`super::Engine::handle_route`].
    LookForRoute {
        /// Whom nobody need ask for that.
        to: SocketAddr,
    },
    /// Read the files of sources (`sourcedir`) again, answer with [`super::Engine::handle_file_sources`].
    ReloadSources,
    /// Append a line to a log file.
    Record(Record),
    /// Open the log files anew: somebody has moved them away.
    CycleLogs,
    /// Write the drift file.
    SaveDrift(Drift),
    /// Write the samples of [`super::Engine::dumps`] to files.
    Dump,
    /// Write a line to the log.
    Log {
        /// How bad.
        level: Level,
        /// One line.
        text: String,
    },
    /// Exit: an error that `maxchange` forbids to correct.
    GiveUp {
        /// One line.
        reason: String,
    },
}

/// How bad a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only with `-d`.
    Debug,
    /// As it should be.
    Info,
    /// Somebody should look.
    Warning,
    /// Something does not work.
    Error,
}

/// What the kernel clock should be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// Frequency correction from now on, slewing included; positive = make the clock run faster. The kernel takes
    /// tick and frequency; together they reach ±100,000 ppm.
    pub frequency: Ppm,
    /// Add this to the clock at once.
    pub step: Option<Seconds>,
    /// For the kernel's status word: a leap second that it shall make, or not synchronised.
    pub leap: Leap,
    /// TAI minus UTC, where it is known: for those who read CLOCK_TAI.
    pub tai_offset: Option<i32>,
    /// For the kernel's status word (`rtcsync`): the largest error of the clock.
    pub max_error: Seconds,
    /// For the kernel's status word: the estimated error.
    pub estimated_error: Seconds,
}

/// How the clock stands, for `-q`, for logs and for the daemon's exit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// A source was selected at least once and the clock was (or, with `-x`, would have been) corrected.
    pub synchronised: bool,
    /// NTP time minus system time, now.
    pub correction: Seconds,
    /// Clock updates made so far.
    pub updates: u32,
    /// What the drift file should hold; `None` = nothing was learned.
    pub drift: Option<Drift>,
    /// The frequency correction without slewing: what the kernel should keep when the daemon ends.
    pub frequency: Ppm,
}
