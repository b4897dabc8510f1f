//! The chrony.conf dialect that the agent reads: text in, [`Config`] or errors with their lines out.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::time::{Ppm, Seconds};

/// Everything a configuration file can say. Defaults are those of chrony.conf(5).
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `server` and `pool` lines, in file order.
    pub upstreams: Vec<Upstream>,
    /// `allow` and `deny` lines, in file order: who may ask for the time.
    pub access: Vec<AccessRule>,
    /// `cmdallow` and `cmddeny` lines, in file order: who besides loopback may ask the monitoring port.
    pub command_access: Vec<AccessRule>,
    /// `local`: serve time without a source.
    pub local: Option<Local>,
    /// `maxdistance`: a source with a larger root distance is not selected.
    pub max_distance: Seconds,
    /// `maxjitter`: a source with a larger jitter is not selected.
    pub max_jitter: Seconds,
    /// `minsources`: this many selectable sources are needed before the clock is touched.
    pub min_sources: u32,
    /// `reselectdist`: how much better another source must be before it replaces the selected one.
    pub reselect_distance: Seconds,
    /// `stratumweight`: distance added for each stratum.
    pub stratum_weight: Seconds,
    /// `makestep`: when to step instead of slewing.
    pub make_step: Option<MakeStep>,
    /// `maxchange`: give up rather than correct a larger offset.
    pub max_change: Option<MaxChange>,
    /// `maxslewrate`.
    pub max_slew_rate: Ppm,
    /// `corrtimeratio`: duration of an average slew over the update interval.
    pub correction_time_ratio: f64,
    /// `maxupdateskew`: a frequency estimate worse than this is not used.
    pub max_update_skew: Ppm,
    /// `maxclockerror`: how fast the clock may drift on its own beyond what was measured.
    pub max_clock_error: Ppm,
    /// `rtcsync`: let the kernel copy the time to the real-time clock every 11 minutes.
    pub rtc_sync: bool,
    /// `port`: where NTP is served; 0 serves nobody.
    pub port: u16,
    /// `acquisitionport`: local port of the client's sockets; `None` = a random one for each request.
    pub acquisition_port: Option<u16>,
    /// `bindaddress`: the server's own addresses (at most one of each family).
    pub bind_addresses: Vec<IpAddr>,
    /// `bindacqaddress`: the client's own addresses (at most one of each family).
    pub bind_acquisition_addresses: Vec<IpAddr>,
    /// `cmdport`: UDP port of the monitoring protocol; 0 closes it.
    pub command_port: u16,
    /// `bindcmdaddress ADDRESS`: where it listens instead of on 127.0.0.1 and ::1.
    pub bind_command_addresses: Vec<IpAddr>,
    /// `bindcmdaddress /PATH`.
    pub command_socket: CommandSocket,
    /// `driftfile`: where the learned frequency is kept over restarts.
    pub drift_file: Option<PathBuf>,
    /// `pidfile`.
    pub pid_file: Option<PathBuf>,
    /// `clientloglimit` and `noclientlog`.
    pub client_log: ClientLog,
}

/// The Unix socket of the monitoring protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandSocket {
    /// At [`CommandSocket::DEFAULT_PATH`].
    Default,
    /// `bindcmdaddress /path`.
    Path(PathBuf),
    /// `bindcmdaddress /`.
    Disabled,
}

impl CommandSocket {
    /// Where chronyc of Debian and of most distributions looks first.
    pub const DEFAULT_PATH: &'static str = "/run/chrony/chronyd.sock";
}

/// How many clients are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLog {
    /// `noclientlog`.
    Off,
    /// `clientloglimit BYTES` (chronyd's default is 524288 = 4096 addresses).
    Limit {
        /// Memory that may be used.
        bytes: u64,
    },
}

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
    /// Samples with a larger round trip are dropped.
    pub max_delay: Seconds,
    /// Ratio to the smallest delay of the kept samples above which a sample is dropped; 0 = off.
    pub max_delay_ratio: f64,
    /// Ratio of the increase in delay to the jitter above which a sample is dropped.
    pub max_delay_dev_ratio: f64,
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
    /// NTP version of the requests.
    pub version: u8,
    /// Only IPv4 or only IPv6 addresses of the name.
    pub family: Option<Family>,
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

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// `local stratum N distance D orphan`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local {
    /// Stratum that is served (1 to 15, default 10).
    pub stratum: u8,
    /// Serve local time when the root distance grows above this (default 1 s).
    pub distance: Seconds,
    /// Take part in electing one server among those with the same stratum.
    pub orphan: bool,
}

/// `makestep THRESHOLD LIMIT`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MakeStep {
    /// Offsets above this are stepped.
    pub threshold: Seconds,
    /// During this many first updates; `None` = always (written as a negative number).
    pub limit: Option<u32>,
}

/// `maxchange OFFSET START IGNORE`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxChange {
    /// The largest correction that is made.
    pub offset: Seconds,
    /// The check begins after this many updates.
    pub start: u32,
    /// This many larger offsets are ignored before the daemon exits; `None` = all of them.
    pub ignore: Option<u32>,
}

/// One `allow`, `deny`, `cmdallow` or `cmddeny` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// Allow or deny.
    pub allow: bool,
    /// With `all`: narrower rules seen so far inside the subnet are dropped.
    pub all: bool,
    /// Whom it is about.
    pub subnet: Subnet,
}

/// A set of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subnet {
    /// Everybody, both families.
    Any,
    /// Addresses that share the first `length` bits with `address` (the other bits of `address` are zero).
    Net {
        /// The network's address.
        address: IpAddr,
        /// Prefix length.
        length: u8,
    },
}

/// Where a configuration file is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ConfigError {
    /// The file as it was named.
    pub file: String,
    /// 1 is the first line.
    pub line: usize,
    /// 1 is the first character; points at the word that is wrong.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Reads a whole configuration; every wrong line is reported, not only the first.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<ConfigError>> {
    let _ = (file, text);
    unimplemented!("being written")
}
