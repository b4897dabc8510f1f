//! The chrony.conf dialect that the agent reads: text in, [`Config`] or errors with their lines out.

mod directive;
mod draft;
mod files;
mod line;
mod open_command;
mod pattern;
mod reader;
mod source;
mod subnet;
mod suggestion;
mod text;
mod unsupported;
mod upstream;

#[cfg(test)]
mod inclusion_tests;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;

pub use self::directive::clock::FallbackDrift;
pub use self::directive::leap::{LeapMode, LeapSource};
pub use self::directive::logs::Logs;
pub use self::directive::selection::AuthSelectMode;
pub use self::directive::smoothing::SmoothTime;
pub use self::draft::Place;
pub use self::files::Files;
pub use self::open_command::OpenCommand;
pub use self::reader::{Reading, SourceLines, read_lines, read_sources};
pub use self::source::{Upstream, UpstreamKind};
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
    /// `manual`: times that a person enters are taken.
    pub manual: bool,
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
    /// `combinelimit`: sources up to this many times as distant as the selected one are combined with it.
    pub combine_limit: f64,
    /// `authselectmode`: what it means for a source to have no key.
    pub auth_select_mode: AuthSelectMode,
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
    /// `maxdrift`: the oscillator is never taken to be more wrong than this.
    pub max_drift: Ppm,
    /// `fallbackdrift`.
    pub fallback_drift: Option<FallbackDrift>,
    /// `log`: which records are written to files.
    pub logs: Logs,
    /// `logdir`: where; without it nowhere.
    pub log_dir: Option<PathBuf>,
    /// `logbanner`: the names of the columns stand above every so many lines; 0 = never.
    pub log_banner: u32,
    /// `logchange`: errors of the clock above this are told.
    pub log_change: Seconds,
    /// `smoothtime`: corrections reach those who are served slowly.
    pub smooth_time: Option<SmoothTime>,
    /// `leapsecmode`: what is done when a leap second comes.
    pub leap_mode: LeapMode,
    /// `leapseclist` or `leapsectz`: where leap seconds are known from besides the sources.
    pub leap_source: Option<LeapSource>,
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
    /// `binddevice`: the interface that the server's sockets are bound to.
    pub device: Option<String>,
    /// `bindacqdevice`: the interface that the client's sockets are bound to.
    pub acquisition_device: Option<String>,
    /// `bindcmddevice`: the interface that the monitoring protocol's UDP sockets are bound to.
    pub command_device: Option<String>,
    /// `dscp`: service class of NTP datagrams; 0 = none.
    pub dscp: u8,
    /// `clockprecision`: what one reading of the clock is good for; `None` = as measured at the start.
    pub clock_precision: Option<Seconds>,
    /// `cmdport`: UDP port of the monitoring protocol; 0 closes it.
    pub command_port: u16,
    /// `bindcmdaddress ADDRESS`: where it listens instead of on 127.0.0.1 and ::1.
    pub bind_command_addresses: Vec<IpAddr>,
    /// `bindcmdaddress /PATH`.
    pub command_socket: CommandSocket,
    /// `driftfile`: where the learned frequency is kept over restarts.
    pub drift_file: Option<PathBuf>,
    /// `driftfile … interval`: it is not written more often than this.
    pub drift_interval: Seconds,
    /// `dumpdir`: where samples are kept over restarts.
    pub dump_dir: Option<PathBuf>,
    /// `pidfile`.
    pub pid_file: Option<PathBuf>,
    /// `clientloglimit` and `noclientlog`.
    pub client_log: ClientLog,
    /// `ratelimit`: how often one address is told the time; `None` = as often as it asks.
    pub rate_limit: Option<RateLimit>,
    /// `cmdratelimit`: how often one address other than loopback is answered on the monitoring port.
    pub command_rate_limit: Option<RateLimit>,
    /// `keyfile`: where the keys of `key` options and of our clients are.
    pub key_file: Option<PathBuf>,
    /// `opencommands`: the reports that hosts may read over UDP.
    pub open_commands: Vec<OpenCommand>,
    /// `sourcedir` lines: directories with files of sources that are read again while running. Of equal names in
    /// several directories of one line the first holds.
    pub source_dirs: Vec<Vec<String>>,
    /// `minsamples` as a directive, for sources that are added while running.
    pub min_samples: Option<u32>,
    /// `maxsamples` as a directive, for sources that are added while running.
    pub max_samples: Option<u32>,
    /// `user`: whom the daemon becomes when root starts it.
    pub user: Option<String>,
    /// `lock_all`: the daemon is never swapped out.
    pub lock_all: bool,
    /// `sched_priority`: real-time priority; 0 = none.
    pub sched_priority: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            access: Vec::new(),
            command_access: Vec::new(),
            local: None,
            manual: false,
            max_distance: Seconds(3.0),
            max_jitter: Seconds(1.0),
            min_sources: 1,
            reselect_distance: Seconds(1e-4),
            stratum_weight: Seconds(1e-3),
            combine_limit: 3.0,
            auth_select_mode: AuthSelectMode::default(),
            make_step: None,
            max_change: None,
            max_slew_rate: Ppm(1e6 / 12.0),
            correction_time_ratio: 3.0,
            max_update_skew: Ppm(1000.0),
            max_clock_error: Ppm(1.0),
            max_drift: Ppm(500_000.0),
            fallback_drift: None,
            logs: Logs::default(),
            log_dir: None,
            log_banner: 32,
            log_change: Seconds(1.0),
            smooth_time: None,
            leap_mode: LeapMode::System,
            leap_source: None,
            rtc_sync: false,
            port: 123,
            acquisition_port: None,
            bind_addresses: Vec::new(),
            bind_acquisition_addresses: Vec::new(),
            device: None,
            acquisition_device: None,
            command_device: None,
            dscp: 0,
            clock_precision: None,
            command_port: 323,
            bind_command_addresses: Vec::new(),
            command_socket: CommandSocket::Default,
            drift_file: None,
            drift_interval: Seconds(3600.0),
            dump_dir: None,
            pid_file: None,
            client_log: ClientLog::default(),
            rate_limit: None,
            command_rate_limit: None,
            key_file: None,
            open_commands: OpenCommand::USUAL.to_vec(),
            source_dirs: Vec::new(),
            min_samples: None,
            max_samples: None,
            user: None,
            lock_all: false,
            sched_priority: 0,
        }
    }
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

impl Default for ClientLog {
    fn default() -> Self {
        Self::Limit { bytes: 524_288 }
    }
}

/// `ratelimit` and `cmdratelimit`: how many answers one address gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Shortest average spacing of answers, log2 seconds.
    pub interval: i8,
    /// Answers in a row that may come faster.
    pub burst: u8,
    /// One excess request in 2 to this power is answered all the same, so that nobody can be shut out by requests in
    /// their name.
    pub leak: u8,
    /// One excess request in 2 to this power is answered with the kiss code RATE; 0 = none is.
    pub kod: u8,
}

impl RateLimit {
    /// `ratelimit` without options.
    pub const TIME: Self = Self { interval: 3, burst: 8, leak: 2, kod: 0 };
    /// `cmdratelimit` without options.
    pub const COMMANDS: Self = Self { interval: -4, ..Self::TIME };
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// `local stratum N distance D activate A waitsynced W waitunsynced V orphan`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Local {
    /// Stratum that is served (1 to 15, default 10).
    pub stratum: u8,
    /// Serve local time when the root distance grows above this (default 1 s).
    pub distance: Seconds,
    /// Take part in electing one server among those with the same stratum.
    pub orphan: bool,
    /// Not before the root distance was below this once; 0 = also when no source was ever followed.
    pub activate: Seconds,
    /// Not sooner than this after the last clock update.
    pub wait_synced: Seconds,
    /// Not sooner than this after the start, as long as no source was followed.
    pub wait_unsynced: Seconds,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            stratum: 10,
            distance: Seconds(1.0),
            orphan: false,
            activate: Seconds::ZERO,
            wait_synced: Seconds::ZERO,
            wait_unsynced: Seconds::ZERO,
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as it was named.
    pub file: String,
    /// 1 is the first line.
    pub line: usize,
    /// 1 is the first character; points at the word that is wrong.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// The agent lacks it, has narrower limits, or cannot see the files that it is about: a chronyd may take the line.
    pub agent_only: bool,
    /// Where the file was included, if it was, the outermost first.
    pub included_at: Vec<Place>,
}

impl ConfigError {
    /// About a whole file.
    fn about(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message,
            agent_only: false,
            included_at: Vec::new(),
        }
    }
}

impl std::error::Error for ConfigError {}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        for place in self.included_at.iter().rev() {
            write!(f, " (included at {}:{})", place.file, place.line)?;
        }
        Ok(())
    }
}

/// Reads a configuration that includes no files; every wrong line is reported, not only the first.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<ConfigError>> {
    parse_lines(file, text.lines())
}

/// Like [`parse`], for directives that come one by one: on a command line each argument is a line.
pub fn parse_lines<'a>(
    file: &str,
    lines: impl IntoIterator<Item = &'a str>,
) -> Result<Config, Vec<ConfigError>> {
    read_lines(&files::Elsewhere, file, lines).map(|reading| reading.config)
}
