//! What is there on a host, as far as a plan needs to know it.

use serde::{Deserialize, Serialize};

use crate::report::{Machine, Running, ServiceReport};

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What kind of machine it is.
    pub machine: Machine,
    /// Effective user number of the far end.
    pub uid: u32,
    /// systemd is the first process.
    pub systemd: bool,
    /// CAP_SYS_TIME is in the bounding set.
    pub can_set_clock: bool,
    /// The configuration file, if there.
    pub config: Option<FileFact>,
    /// The unit file, if there.
    pub unit: Option<FileFact>,
    /// systemd has loaded an older unit file than the one on disk (`NeedDaemonReload`).
    pub unit_stale: bool,
    /// [`AGENT_USER`](super::desired::AGENT_USER) is not there, and the wished service needs it.
    pub user_missing: bool,
    /// Name of the agent executable that the link points at; `None` also when that file is not there.
    pub current_agent: Option<String>,
    /// The service.
    pub service: ServiceReport,
    /// What the running agent said; `None` when it does not run, also if it left its words behind.
    pub running: Option<Running>,
    /// Other time daemons that are active or enabled.
    pub rivals: Vec<Rival>,
    /// `daemon: chronyd` only: path of its configuration file and name of its unit.
    pub chronyd: Option<Chronyd>,
}

/// A file as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    /// Its content.
    pub content: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
}

/// Another time daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// Its systemd unit; without systemd the name of its process.
    pub unit: String,
    /// It runs.
    pub active: bool,
    /// It would run after a reboot.
    pub enabled: bool,
}

/// The host's own chronyd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chronyd {
    /// `/etc/chrony/chrony.conf` or `/etc/chrony.conf`.
    pub config: String,
    /// `chrony.service` or `chronyd.service`.
    pub unit: String,
    /// The file changed after the daemon was started.
    pub config_newer_than_start: bool,
}
