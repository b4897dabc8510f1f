//! What is there on this host: every look that a plan needs, none of them changes anything.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use timefleet_agent::config;
use timefleet_agent::host::desired::{AGENT_UNIT, AGENT_USER, Daemon, Desired, Layout};
use timefleet_agent::host::facts::{Chronyd, Facts, FileFact, Rival};
use timefleet_agent::report::{Machine, Running, ServiceReport};

use super::process;
use super::services::{self, ServiceError, Unit};
use super::user;

/// Units of daemons that keep the time. Aliases are among them, since which name is the real one differs between
/// distributions.
const TIME_UNITS: [&str; 9] = [
    AGENT_UNIT,
    "chrony.service",
    "chronyd.service",
    "systemd-timesyncd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "openntpd.service",
    "ntpd-rs.service",
];

/// Their processes, as /proc/PID/comm cuts them off.
const TIME_PROCESSES: [&str; 4] = ["chronyd", "ntpd", "ntp-daemon", "systemd-timesyn"];

/// Where a chronyd of a distribution reads its configuration.
const CHRONYD_CONFIGS: [&str; 2] = ["/etc/chrony/chrony.conf", "/etc/chrony.conf"];

/// CAP_SYS_TIME, capabilities(7).
const CAP_SYS_TIME: u32 = 25;

/// Why a host could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactsError {
    /// A file is there and cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// systemd does not answer.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl FactsError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("set `ssh: { become: true }`".to_owned())
            }
            Self::Unreadable { .. } => None,
            Self::Service(error) => error.hint(),
        }
    }
}

/// Looks.
pub(crate) fn gather(desired: &Desired) -> Result<Facts, FactsError> {
    let uid = nix::unistd::geteuid().as_raw();
    // sd_booted(3)
    let systemd = Path::new("/run/systemd/system").is_dir();
    let is_process = matches!(desired.daemon, Daemon::AgentProcess { .. });
    let minds_rivals = !is_process || (uid == 0 && could_take_over(desired));
    let units = if systemd && minds_rivals { services::show(&TIME_UNITS)? } else { Vec::new() };
    let facts = Facts {
        machine: machine(),
        uid,
        systemd,
        can_set_clock: can_set_clock(),
        rivals: match (minds_rivals, systemd) {
            (false, _) => Vec::new(),
            (true, true) => rival_units(&units, &desired.daemon),
            (true, false) => rival_processes(),
        },
        ..Facts::default()
    };
    match &desired.daemon {
        Daemon::AgentSystemd { layout, unit_file, .. } => {
            let unit = units.iter().find(|unit| unit.id == AGENT_UNIT);
            let facts =
                Facts { unit: file(Path::new(unit_file))?, service: service(AGENT_UNIT, unit), ..facts };
            let unit_stale = unit.is_some_and(|unit| unit.stale);
            with_agent(
                Facts { unit_stale, user_missing: systemd && user::is_missing(AGENT_USER), ..facts },
                layout,
            )
        }
        Daemon::AgentProcess { layout, .. } => {
            let pid = process::find(layout);
            let name = process::pid_file(layout).display().to_string();
            let service = ServiceReport { name, active: pid.is_some(), enabled: None, pid };
            with_agent(Facts { service, ..facts }, layout)
        }
        Daemon::Chronyd => with_chronyd(facts, &units),
    }
}

fn with_agent(facts: Facts, layout: &Layout) -> Result<Facts, FactsError> {
    Ok(Facts {
        config: file(Path::new(&layout.config))?,
        current_agent: current_agent(layout),
        running: running(layout, facts.service.pid)?,
        ..facts
    })
}

fn with_chronyd(facts: Facts, units: &[Unit]) -> Result<Facts, FactsError> {
    let Some(unit) = units.iter().find(|unit| is_chronyd(&unit.id) && unit.exists()) else {
        return Ok(facts);
    };
    let [debian, others] = CHRONYD_CONFIGS.map(Path::new);
    let has_folder = debian.parent().is_some_and(Path::is_dir);
    let path = if debian.exists() || (has_folder && !others.exists()) { debian } else { others };
    let changed = fs::metadata(path).map(|metadata| metadata.mtime()).ok();
    // Whole seconds, as systemd tells them: a file written in the second of the start counts as read.
    let newer = changed.zip(unit.started_unix).is_some_and(|(changed, started)| changed > started);
    let chronyd = Chronyd {
        config: path.display().to_string(),
        unit: unit.id.clone(),
        config_newer_than_start: unit.is_active() && newer,
    };
    Ok(Facts {
        config: file(path)?,
        unit_stale: unit.stale,
        service: service(&unit.id, Some(unit)),
        chronyd: Some(chronyd),
        ..facts
    })
}

fn is_chronyd(unit: &str) -> bool {
    unit == "chrony.service" || unit == "chronyd.service"
}

fn service(name: &str, unit: Option<&Unit>) -> ServiceReport {
    let unit = unit.filter(|unit| unit.exists());
    ServiceReport {
        name: name.to_owned(),
        active: unit.is_some_and(Unit::is_active),
        enabled: Some(unit.is_some_and(Unit::is_enabled)),
        pid: unit.filter(|unit| unit.is_active()).and_then(|unit| unit.main_pid),
    }
}

/// A process that leaves the clock alone and serves on a port of its own takes nothing over from anybody.
fn could_take_over(desired: &Desired) -> bool {
    let leaves_clock = desired.daemon.flags().iter().any(|flag| flag == "-x");
    let own_port = config::parse("agent.conf", &desired.config).is_ok_and(|config| match config.port {
        0 => true,
        port => port >= 1024,
    });
    !(leaves_clock && own_port)
}

fn rival_units(units: &[Unit], daemon: &Daemon) -> Vec<Rival> {
    let is_ours = |unit: &Unit| match daemon {
        Daemon::AgentSystemd { .. } => unit.id == AGENT_UNIT,
        Daemon::AgentProcess { .. } => false,
        Daemon::Chronyd => is_chronyd(&unit.id),
    };
    let found = units.iter().filter(|unit| unit.exists() && !is_ours(unit)).map(|unit| Rival {
        unit: unit.id.clone(),
        active: matches!(unit.active_state.as_str(), "active" | "reloading" | "activating"),
        enabled: unit.file_state.starts_with("enabled"),
    });
    found.filter(|rival| rival.active || rival.enabled).collect()
}

fn rival_processes() -> Vec<Rival> {
    let mut names: Vec<String> = process::named(&TIME_PROCESSES).into_iter().map(|(_, name)| name).collect();
    names.dedup();
    names.sort();
    names.dedup();
    names.into_iter().map(|unit| Rival { unit, active: true, enabled: false }).collect()
}

/// A file's content, mode and owner; `None` when it is not there.
fn file(path: &Path) -> Result<Option<FileFact>, FactsError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let metadata =
        fs::metadata(path).map_err(|source| FactsError::Unreadable { path: path.to_owned(), source })?;
    Ok(Some(FileFact {
        content: String::from_utf8_lossy(&bytes).into_owned(),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
    }))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FactsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(FactsError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Where the link points, if to something that is there.
fn current_agent(layout: &Layout) -> Option<String> {
    let target = fs::read_link(layout.agent_link()).ok()?;
    let name = target.file_name()?.to_str()?.to_owned();
    Path::new(&layout.bin_dir).join(&target).is_file().then_some(name)
}

/// What the agent with this process number said of itself. A process that was killed leaves its words behind; they
/// are not those of whoever runs now.
pub(crate) fn running(layout: &Layout, pid: Option<u32>) -> Result<Option<Running>, FactsError> {
    let Some(bytes) = read(&Path::new(&layout.run_dir).join("running.json"))? else { return Ok(None) };
    let words: Option<Running> = serde_json::from_slice(&bytes).ok();
    Ok(words.filter(|running| Some(running.pid) == pid))
}

fn machine() -> Machine {
    let os_release =
        fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
    let os = os_release.ok().and_then(|text| pretty_name(&text));
    let Ok(names) = nix::sys::utsname::uname() else {
        return Machine { os: os.unwrap_or_default(), ..Machine::default() };
    };
    Machine {
        hostname: names.nodename().to_string_lossy().into_owned(),
        os: os.unwrap_or_else(|| names.sysname().to_string_lossy().into_owned()),
        kernel: names.release().to_string_lossy().into_owned(),
        arch: names.machine().to_string_lossy().into_owned(),
    }
}

/// `PRETTY_NAME` of os-release(5).
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn can_set_clock() -> bool {
    fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| bounding_set(&status) & (1 << CAP_SYS_TIME) != 0)
}

/// `CapBnd` of proc(5); empty when it is not told.
fn bounding_set(status: &str) -> u64 {
    let hex = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    hex.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: &str, active: &str, file_state: &str) -> Unit {
        Unit {
            id: id.to_owned(),
            load_state: "loaded".to_owned(),
            active_state: active.to_owned(),
            file_state: file_state.to_owned(),
            ..Unit::default()
        }
    }

    #[test]
    fn rivals_are_the_others_that_run_or_would_run() {
        let units = [
            unit(AGENT_UNIT, "active", "enabled"),
            unit("chrony.service", "active", "enabled"),
            unit("ntp.service", "inactive", "disabled"),
            unit("openntpd.service", "inactive", "enabled"),
            Unit { load_state: "not-found".to_owned(), ..unit("ntpsec.service", "inactive", "") },
        ];
        let names =
            |daemon: &Daemon| rival_units(&units, daemon).into_iter().map(|r| r.unit).collect::<Vec<_>>();
        assert_eq!(names(&Daemon::Chronyd), [AGENT_UNIT, "openntpd.service"]);
        let layout = Layout {
            bin_dir: String::new(),
            config: String::new(),
            state_dir: String::new(),
            run_dir: String::new(),
            command_socket: String::new(),
        };
        let process = Daemon::AgentProcess { layout, flags: Vec::new() };
        assert_eq!(names(&process), [AGENT_UNIT, "chrony.service", "openntpd.service"]);
    }

    #[test]
    fn the_capability_is_read_from_the_bounding_set() {
        let with = "Name:\tx\nCapBnd:\t000001ffffffffff\n";
        let without = "Name:\tx\nCapBnd:\t000001fffdffffff\n";
        assert_ne!(bounding_set(with) & (1 << CAP_SYS_TIME), 0);
        assert_eq!(bounding_set(without) & (1 << CAP_SYS_TIME), 0);
        assert_eq!(bounding_set(""), 0);
    }

    #[test]
    fn a_link_to_nothing_is_no_agent() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let layout = Layout {
            bin_dir: at(""),
            config: at("agent.conf"),
            state_dir: at("state"),
            run_dir: at("run"),
            command_socket: at("chronyd.sock"),
        };
        std::os::unix::fs::symlink("timefleet-agent-1", place.path().join("timefleet-agent")).unwrap();
        assert_eq!(current_agent(&layout), None);
        fs::write(at("timefleet-agent-1"), "").unwrap();
        assert_eq!(current_agent(&layout).as_deref(), Some("timefleet-agent-1"));
    }

    #[test]
    fn the_name_of_the_system_loses_its_quotes() {
        let text = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    }
}
