//! The agent's mind: `handle_*` in, `poll_*` out. The only room of the library that sees all the others.
//!
//! The daemon calls a `handle_*`, then drains [`Engine::poll_action`], then sleeps until [`Engine::poll_timeout`] or
//! until a socket has something. No call blocks, reads a clock or draws luck of its own.

use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Family};
use crate::report::{ClockControl, Leap};
use crate::time::{Moment, Mono, Ppm, Seconds, Wall};

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
    /// All luck comes from here.
    pub seed: u64,
    /// Precision of the machine's clock reading, log2 seconds (RFC 5905, e.g. -25).
    pub precision: i8,
}

/// What a drift file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Rate error of the uncorrected clock; positive = fast (as `tracking` prints it).
    pub frequency: Ppm,
    /// Its error bound.
    pub skew: Ppm,
}

/// One request to one source, from sending to the reply or to giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// One name that is being looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u64);

/// When a datagram came or went, and who looked at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The kernel's real-time clock at that moment.
    pub wall: Wall,
    /// Who looked.
    pub by: StampedBy,
}

/// Who took a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedBy {
    /// The daemon, after the system call.
    Daemon,
    /// The kernel.
    Kernel,
}

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
    /// [`Engine::handle_sent`], keep the socket for the reply until [`Action::Close`].
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
    /// Look a name up, answer with [`Engine::handle_resolved`].
    Resolve {
        /// Names the lookup in the answer.
        lookup: LookupId,
        /// The name (literal addresses never come here).
        name: String,
        /// Only this family.
        family: Option<Family>,
    },
    /// Adjust the kernel clock, then call [`Engine::handle_corrected`] with what was really done.
    Correct(Correction),
    /// Write the drift file.
    SaveDrift(Drift),
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
    /// For the kernel's status word: leap second ahead, or not synchronised.
    pub leap: Leap,
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
    pub updates: u64,
}

/// The engine. See the module's words for how it is driven.
#[derive(Debug)]
pub struct Engine {
    _being_written: (),
}

impl Engine {
    /// Starts; [`Engine::poll_action`] may already have something.
    pub fn new(_setup: Setup, _now: Moment) -> Self {
        unimplemented!("being written")
    }

    /// Something is due; safe to call at any time.
    pub fn handle_timeout(&mut self, _now: Moment) {
        unimplemented!("being written")
    }

    /// A request went out. Called with a daemon stamp right after sending, again when the kernel's stamp is known.
    pub fn handle_sent(&mut self, _exchange: ExchangeId, _stamp: Stamp) {
        unimplemented!("being written")
    }

    /// A request could not be sent, or its socket reported an error (ICMP).
    pub fn handle_send_failed(&mut self, _now: Moment, _exchange: ExchangeId, _why: &str) {
        unimplemented!("being written")
    }

    /// A datagram came to an exchange's socket.
    pub fn handle_reply(
        &mut self,
        _now: Moment,
        _exchange: ExchangeId,
        _from: SocketAddr,
        _local: Option<IpAddr>,
        _received: Stamp,
        _bytes: &[u8],
    ) {
        unimplemented!("being written")
    }

    /// A datagram came to the server's socket. `now` is read just before this call, since it becomes the transmit
    /// time. Returns the number of bytes of the answer written to `answer`; `None` = no answer.
    pub fn handle_request(
        &mut self,
        _now: Moment,
        _from: SocketAddr,
        _received: Stamp,
        _bytes: &[u8],
        _answer: &mut [u8; 48],
    ) -> Option<usize> {
        unimplemented!("being written")
    }

    /// A monitoring request came; returns the reply's datagram. A command may leave actions to be polled.
    pub fn handle_command(&mut self, _now: Moment, _transport: Transport, _bytes: &[u8]) -> Option<Vec<u8>> {
        unimplemented!("being written")
    }

    /// A lookup ended.
    pub fn handle_resolved(&mut self, _now: Moment, _lookup: LookupId, _result: Result<Vec<IpAddr>, String>) {
        unimplemented!("being written")
    }

    /// A correction was made: `done` is what the kernel took (its limits may have changed the wish); on an error the
    /// daemon passes why.
    pub fn handle_corrected(&mut self, _now: Moment, _done: Result<Correction, String>) {
        unimplemented!("being written")
    }

    /// The next thing to do, until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        unimplemented!("being written")
    }

    /// When [`Engine::handle_timeout`] wants to be called; `None` = never.
    pub fn poll_timeout(&self) -> Option<Mono> {
        unimplemented!("being written")
    }

    /// SHUTDOWN came over the monitoring protocol's Unix socket.
    pub fn wants_shutdown(&self) -> bool {
        unimplemented!("being written")
    }

    /// How the clock stands.
    pub fn standing(&self, _now: Moment) -> Standing {
        unimplemented!("being written")
    }
}
