//! A host after all layers are laid over each other: what the inventory finally says of it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use timefleet_agent::config::RateLimit;
use timefleet_agent::time::Seconds;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// As the user named the file (`-` for standard input).
    pub(crate) file: Arc<str>,
    /// 1 is the first line.
    pub(crate) line: u32,
    /// 1 is the first character.
    pub(crate) column: u32,
    /// Characters that are meant, on this line: what a caret underlines.
    pub(crate) length: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value with the place that gave it; a built-in default has none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it was written; `None` = the program's default.
    pub(crate) place: Option<Place>,
}

impl<T> Deref for Sourced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Sourced<T> {
    /// A value that somebody wrote.
    pub(crate) fn written(value: T, place: Place) -> Self {
        Self { value, place: Some(place) }
    }

    /// A value that nobody wrote: the program's own default.
    pub(crate) fn default(value: T) -> Self {
        Self { value, place: None }
    }
}

/// One value for many hosts; who changes it gets a copy of its own.
#[derive(Debug, PartialEq)]
pub(crate) struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// The same number for the same value, as long as it is there.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

/// What the inventory says of one host. Hosts that say nothing of their own share what their groups say: a fleet of a
/// hundred thousand has a few hundred different ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    /// Name in the inventory, unique.
    pub(crate) name: String,
    /// Where the host was declared.
    pub(crate) place: Place,
    /// Groups it is in, outermost first.
    pub(crate) groups: Arc<[String]>,
    /// What it is for.
    pub(crate) role: Sourced<Role>,
    /// Name or address that SSH connects to and that clients poll (default: the host's name).
    pub(crate) address: Sourced<String>,
    /// How to reach it.
    pub(crate) ssh: Shared<Ssh>,
    /// How the agent is installed and run.
    pub(crate) agent: AgentPlacement,
    /// Other time daemons may be stopped and disabled.
    pub(crate) take_over: Sourced<bool>,
    /// What its clock should follow and whom it serves.
    pub(crate) time: Shared<Time>,
    /// Rules that may find something here, each at the place of its name.
    pub(crate) allow_rules: Shared<Vec<Sourced<AllowedRule>>>,
}

/// A rule whose findings are known and fine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedRule {
    /// Name of the rule, as written.
    pub(crate) rule: String,
    /// Why it is fine, in the inventory's words.
    pub(crate) reason: String,
}

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Serves time to others.
    Server,
    /// Only follows.
    Client,
}

impl Role {
    /// As an inventory writes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// How to reach a host; `None` = ask the user's own SSH configuration, then OpenSSH's default.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ssh {
    /// Login name.
    pub(crate) user: Option<Sourced<String>>,
    /// TCP port.
    pub(crate) port: Option<Sourced<u16>>,
    /// Private key, `~` already expanded.
    pub(crate) identity: Option<Sourced<PathBuf>>,
    /// Use sudo.
    pub(crate) r#become: Sourced<bool>,
    /// Jump host `[user@]host[:port]`, a comma-separated list, or `none`.
    pub(crate) jump: Option<Sourced<String>>,
    /// Host keys, `~` already expanded.
    pub(crate) known_hosts: Option<Sourced<PathBuf>>,
}

/// How the agent is installed and run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AgentPlacement {
    /// Who starts it.
    pub(crate) service: Sourced<Service>,
    /// With [`Service::Process`]: the directory on the host that holds everything (`~` = there).
    pub(crate) home: Sourced<String>,
}

/// Who starts the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// A systemd unit, as root.
    Systemd,
    /// A background process of the login user.
    Process,
}

/// What a host's clock should follow and whom it serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Time {
    /// In order; groups are not yet spread out (see `Inventory::upstream_hosts`).
    pub(crate) upstreams: Vec<Sourced<Upstream>>,
    /// Who may ask.
    pub(crate) allow: Vec<Sourced<IpNet>>,
    /// Who may not.
    pub(crate) deny: Vec<Sourced<IpNet>>,
    /// Serve without a source.
    pub(crate) local: Option<Sourced<Local>>,
    /// Seconds.
    pub(crate) maxdistance: Option<Sourced<Seconds>>,
    /// `-4`.
    pub(crate) ipv4_only: Sourced<bool>,
    /// `-6`.
    pub(crate) ipv6_only: Sourced<bool>,
    /// When to step.
    pub(crate) makestep: Option<Sourced<MakeStep>>,
    /// Kernel copies the time to the RTC.
    pub(crate) rtcsync: Sourced<bool>,
    /// Sources needed.
    pub(crate) minsources: Option<Sourced<u32>>,
    /// How often one address is answered.
    pub(crate) ratelimit: Option<Sourced<RateLimit>>,
    /// File on the host with the keys of signed sources and clients.
    pub(crate) keyfile: Option<Sourced<String>>,
    /// The user's own template of the configuration, a path on this machine.
    pub(crate) template: Option<Sourced<PathBuf>>,
    /// NTP port; a client's default is 0, a server's 123.
    pub(crate) port: Sourced<u16>,
    /// Monitoring port, default 323.
    pub(crate) cmdport: Sourced<u16>,
    /// False = `-x`.
    pub(crate) control_clock: Sourced<bool>,
    /// Which daemon.
    pub(crate) daemon: Sourced<DaemonKind>,
    /// Largest error bound that counts as good (default: maxdistance, else 3 s).
    pub(crate) bound: Sourced<Seconds>,
    /// Raw lines, already expanded.
    pub(crate) extra: Vec<Sourced<String>>,
}

/// Which daemon keeps the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DaemonKind {
    /// timefleet's own.
    Agent,
    /// The chronyd that the host already has.
    Chronyd,
}

/// One upstream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    /// What it names.
    pub(crate) from: UpstreamFrom,
    /// Four quick requests at the start.
    pub(crate) iburst: bool,
    /// Prefer it.
    pub(crate) prefer: bool,
    /// NTP port, default 123 (for a group: each server's own port).
    pub(crate) port: Option<u16>,
    /// log2 seconds.
    pub(crate) minpoll: Option<i8>,
    /// log2 seconds.
    pub(crate) maxpoll: Option<i8>,
    /// What serves there, where it matters.
    pub(crate) platform: Option<Platform>,
    /// Everything else that chrony.conf(5) lets a source say.
    pub(crate) options: Options,
}

/// Options of a source, under their names in chrony.conf(5).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Interleaved mode.
    pub(crate) xleave: bool,
    /// Always assumed to be true time.
    pub(crate) trust: bool,
    /// One of these must be selectable.
    pub(crate) require: bool,
    /// Measured, never used.
    pub(crate) noselect: bool,
    /// Number of the key in `time.keyfile`.
    pub(crate) key: Option<u32>,
    /// Of a pool: how many of its addresses.
    pub(crate) maxsources: Option<u32>,
    /// Added to what it says.
    pub(crate) offset: Option<Seconds>,
    /// log2 seconds from which a request warms the path.
    pub(crate) presend: Option<i8>,
    /// NTP version.
    pub(crate) version: Option<u8>,
    /// Round trips above are dropped.
    pub(crate) maxdelay: Option<Seconds>,
    /// So many polls make one sample.
    pub(crate) filter: Option<u32>,
}

/// What serves the time at an upstream: the checks know each one's habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Windows Time service: reports a root dispersion of seconds.
    Windows,
    /// Anything else.
    Other,
}

/// What an upstream names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamFrom {
    /// One machine outside the inventory.
    Server(String),
    /// A name with several addresses.
    Pool(String),
    /// Every host of a group of this inventory (never the host itself).
    Group(String),
}

/// `local stratum N [orphan] distance D activate A waitsynced S waitunsynced U`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Local {
    /// 1 to 15.
    pub(crate) stratum: u8,
    /// Elect one among those with the same stratum.
    pub(crate) orphan: bool,
    /// Root distance above which the local clock takes over.
    pub(crate) distance: Option<Seconds>,
    /// Root distance that must have been reached once before.
    pub(crate) activate: Option<Seconds>,
    /// Not sooner than this after the last update.
    pub(crate) waitsynced: Option<Seconds>,
    /// Not sooner than this after the start, while nothing was ever followed.
    pub(crate) waitunsynced: Option<Seconds>,
}

/// `makestep THRESHOLD LIMIT`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MakeStep {
    /// Offsets above are stepped.
    pub(crate) threshold: Seconds,
    /// In this many first updates; -1 = always.
    pub(crate) limit: i32,
}
