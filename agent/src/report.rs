//! What one host says of itself, as plain data: read by the controller, printed by nobody here.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::time::{Ppm, Seconds};

/// Everything a conversation brings home from a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// What kind of machine it is.
    pub machine: Machine,
    /// The service that keeps the time here.
    pub service: ServiceReport,
    /// What the running daemon says of itself; `None` when it does not run or is not the agent.
    pub running: Option<Running>,
    /// Where the host differs from what the inventory wants. Empty = on disk and running as wished.
    pub drift: Vec<Drift>,
    /// Answer to TRACKING; `None` when no daemon answered.
    pub tracking: Option<Tracking>,
    /// Answer to ACTIVITY.
    pub activity: Option<Activity>,
    /// Answers to SOURCE_DATA, in the daemon's order.
    pub sources: Vec<Source>,
    /// Who asked this host for the time; `None` when it was not asked or does not know.
    pub clients: Option<Vec<Client>>,
    /// Questions that were not answered, and why, a line each.
    pub unanswered: Vec<String>,
}

/// What kind of machine a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The host's own name.
    pub hostname: String,
    /// `PRETTY_NAME` of os-release.
    pub os: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub arch: String,
}

/// The state of the service that keeps the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// `timefleet-agent.service`, `chrony.service`, or the pid file of a plain process.
    pub name: String,
    /// It runs now.
    pub active: bool,
    /// It will run after a reboot; `None` where nothing can promise that (plain processes).
    pub enabled: Option<bool>,
    /// Its main process.
    pub pid: Option<u32>,
}

/// What a running agent wrote about itself when it started or reloaded (`running.json` in its run directory).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Process number.
    pub pid: u32,
    /// `CARGO_PKG_VERSION` of the agent.
    pub version: String,
    /// sha256 of the agent's executable, lower-case hex.
    pub agent_sha256: String,
    /// The configuration file it read.
    pub config_file: String,
    /// sha256 of that file's bytes when they were read, lower-case hex.
    pub config_sha256: String,
    /// Command line arguments.
    pub args: Vec<String>,
    /// Does it steer the clock?
    pub clock: ClockControl,
}

/// Whether the kernel clock is in the daemon's hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum ClockControl {
    /// The daemon steps and slews the clock.
    Steered,
    /// The daemon only watches.
    LeftAlone {
        /// "told so by -x", "no CAP_SYS_TIME", …
        reason: String,
    },
}

/// One difference between the wish and the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Drift {
    /// A file is not there.
    Missing {
        /// Its path.
        path: String,
    },
    /// A file has other content.
    Changed {
        /// Its path.
        path: String,
        /// Unified diff from what is there to what should be.
        diff: String,
    },
    /// A file or directory has another mode or owner.
    Mode {
        /// Its path.
        path: String,
        /// As found.
        found: String,
        /// As wished.
        wanted: String,
    },
    /// The daemon runs with an older file than the one on disk.
    RunsOlderConfig {
        /// The file.
        path: String,
    },
    /// The daemon is another build or has other arguments than wished.
    RunsOtherAgent {
        /// In words.
        detail: String,
    },
    /// The service does not run.
    Stopped {
        /// Its name.
        service: String,
    },
    /// The service would not come back after a reboot.
    NotEnabled {
        /// Its name.
        service: String,
    },
    /// The system user that the service runs as is not there.
    NoUser {
        /// Its name.
        user: String,
    },
    /// Another daemon is there that wants the same clock or the same port.
    Rival {
        /// Its unit.
        unit: String,
    },
}

/// chronyc's `tracking`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracking {
    /// Eight hex digits.
    pub ref_id: String,
    /// Address of the selected source, if it is an NTP source.
    pub address: Option<IpAddr>,
    /// 0 when unsynchronised.
    pub stratum: u16,
    /// Leap status.
    pub leap: Leap,
    /// UTC time of the last update, seconds since 1970; 0 = never.
    pub ref_time_unix: f64,
    /// Still to be corrected; positive = system clock slow of NTP time.
    pub correction: Seconds,
    /// Offset found at the last update; positive = the clock was ahead.
    pub last_offset: Seconds,
    /// Slow-moving mean of the offsets.
    pub rms_offset: Seconds,
    /// Rate error of the uncorrected clock; positive = fast.
    pub frequency: Ppm,
    /// Difference between measured frequency and frequency in use.
    pub residual_frequency: Ppm,
    /// Error bound of the frequency.
    pub skew: Ppm,
    /// Path delays added up to the primary server.
    pub root_delay: Seconds,
    /// Dispersion added up to the primary server.
    pub root_dispersion: Seconds,
    /// Spacing of the last two updates.
    pub update_interval: Seconds,
}

impl Tracking {
    /// The largest error the clock can have: |offset| + root dispersion + root delay / 2 (chronyc(1), tracking).
    pub fn error_bound(&self) -> Seconds {
        self.correction.abs() + self.root_dispersion + self.root_delay / 2.0
    }

    /// True when the clock follows something, be it its own local reference.
    pub fn is_synchronised(&self) -> bool {
        self.leap != Leap::NotSynchronised && self.stratum > 0
    }

    /// True when the reference is the host's own clock (`local`).
    pub fn is_local(&self) -> bool {
        self.ref_id == "7F7F0101"
    }
}

/// Leap status, as in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leap {
    /// No leap second ahead.
    Normal,
    /// The last minute of today has 61 seconds.
    InsertSecond,
    /// The last minute of today has 59 seconds.
    DeleteSecond,
    /// The clock is not synchronised.
    NotSynchronised,
}

impl Leap {
    /// As chronyc writes it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::InsertSecond => "Insert second",
            Self::DeleteSecond => "Delete second",
            Self::NotSynchronised => "Not synchronised",
        }
    }
}

/// chronyc's `activity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Sources online.
    pub online: u32,
    /// Sources offline.
    pub offline: u32,
    /// Sources in a burst that will return to online.
    pub burst_online: u32,
    /// Sources in a burst that will return to offline.
    pub burst_offline: u32,
    /// Sources whose name has no address yet.
    pub unresolved: u32,
}

/// One line of chronyc's `sources`, with the reason of `selectdata` where the daemon tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Name as configured, or the address.
    pub name: String,
    /// `None` while the name has no address.
    pub address: Option<IpAddr>,
    /// Symbol of `sources`: `*` selected, `+` combined, `-` not used, `x` falseticker, `~` too variable, `?` unusable.
    pub state: char,
    /// Letter of `selectdata`, when known.
    pub reason: Option<char>,
    /// 0 = none heard.
    pub stratum: u16,
    /// log2 seconds.
    pub poll: i16,
    /// The last eight polls, newest in the lowest bit.
    pub reach: u8,
    /// Seconds since the last good sample.
    pub last_sample_age: Option<u32>,
    /// The sample's offset after later corrections; positive = local clock ahead.
    pub offset: Seconds,
    /// Error bound of the sample.
    pub error_bound: Seconds,
    /// Root delay that the source itself reports (`ntpdata`), when known.
    pub root_delay: Option<Seconds>,
    /// Root dispersion that the source itself reports (`ntpdata`), when known.
    pub root_dispersion: Option<Seconds>,
}

/// One line of chronyc's `clients`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Who asked.
    pub address: IpAddr,
    /// NTP requests.
    pub ntp_hits: u32,
    /// Of them not answered because of rate limits.
    pub ntp_drops: u32,
    /// Average spacing, log2 seconds.
    pub ntp_interval: Option<i8>,
    /// Seconds since the last one.
    pub last_ntp_age: Option<u32>,
}
