//! What lies between the wish and the host: one comparison, from which both the plan and the drift are told.

use sha2::{Digest, Sha256};
use similar::TextDiff;

use super::desired::{AGENT, AGENT_UNIT, AGENT_USER, Daemon, Desired, Layout};
use super::facts::{Facts, FileFact};
use crate::report::Running;

/// Everything that differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gap {
    /// The service, as `systemctl` or a person names it.
    pub service: String,
    /// Files that are to be written.
    pub files: Vec<FileGap>,
    /// The link points elsewhere or nowhere.
    pub agent: Option<AgentGap>,
    /// The system user that the service needs is not there.
    pub user: Option<String>,
    /// systemd must read its unit files again.
    pub reload_units: bool,
    /// The service would not come back after a reboot.
    pub not_enabled: bool,
    /// The service does not run.
    pub stopped: bool,
    /// The service runs, but not what is wished.
    pub running: Vec<RunningGap>,
}

/// A file that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFile<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its content.
    pub content: &'a str,
    /// Permission bits.
    pub mode: u32,
    /// User number; `None` = whoever it belongs to now.
    pub owner: Option<u32>,
    /// As found on the host.
    pub found: Option<&'a FileFact>,
    /// The daemon reads it when it starts (else: systemd reads it).
    pub is_config: bool,
}

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGap {
    /// Its path.
    pub path: String,
    /// Permission bits it should have.
    pub mode: u32,
    /// Unified diff; empty when only mode or owner differ.
    pub diff: String,
    /// It is not there at all.
    pub missing: bool,
    /// Mode and owner, found and wanted, in words.
    pub ownership: Option<(String, String)>,
    /// The daemon reads it when it starts (else: systemd reads it).
    pub is_config: bool,
}

/// The link and where it should point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentGap {
    /// Path of the link.
    pub link: String,
    /// Name of the executable in use so far.
    pub from: Option<String>,
    /// Name of the executable from now on.
    pub to: String,
}

/// How a running service differs from the wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunningGap {
    /// It read another configuration.
    Config {
        /// The file on disk is not what it read either.
        older_than_disk: bool,
        /// The file.
        path: String,
    },
    /// It is another executable.
    Agent {
        /// Name of the one that runs.
        runs: String,
        /// Name of the wished one.
        wanted: String,
    },
    /// It was started with other flags.
    Flags {
        /// Those it has.
        runs: String,
        /// Those it should have.
        wanted: String,
    },
    /// It was started from an older unit file.
    Unit {
        /// The unit file on disk is as wished, only systemd has not read it yet.
        unread: bool,
    },
    /// It did not write `running.json`, so nobody knows what it runs.
    Silent {
        /// Where that file should be.
        run_dir: String,
    },
}

/// Why a wish cannot be carried out on this host at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Impossible {
    /// One line.
    pub cause: String,
    /// What to do about it.
    pub hint: String,
}

/// Name of the service that keeps the time: a unit, or the plain process.
///
/// # Errors
/// Where the wished daemon cannot be run on this host.
pub fn service_name(desired: &Desired, facts: &Facts) -> Result<String, Impossible> {
    match &desired.daemon {
        Daemon::AgentProcess { .. } => Ok(AGENT.to_owned()),
        Daemon::AgentSystemd { .. } if facts.systemd => Ok(AGENT_UNIT.to_owned()),
        Daemon::AgentSystemd { .. } => Err(Impossible {
            cause: "the first process is not systemd".to_owned(),
            hint: "set `agent: { service: process }` for this host".to_owned(),
        }),
        Daemon::Chronyd if !facts.systemd => Err(Impossible {
            cause: "the first process is not systemd, so chronyd cannot be restarted".to_owned(),
            hint: "leave out `daemon: chronyd` and set `agent: { service: process }` for this host"
                .to_owned(),
        }),
        Daemon::Chronyd => match &facts.chronyd {
            Some(chronyd) => Ok(chronyd.unit.clone()),
            None => Err(Impossible {
                cause: "chronyd is not installed: there is neither chrony.service nor chronyd.service"
                    .to_owned(),
                hint: "install the package chrony, or leave out `daemon: chronyd`".to_owned(),
            }),
        },
    }
}

/// The files that should be there, in the order in which they are written.
pub fn wanted_files<'a>(desired: &'a Desired, facts: &'a Facts) -> Vec<WantedFile<'a>> {
    let config = |path, mode, owner| WantedFile {
        path,
        content: &desired.config,
        mode,
        owner,
        found: facts.config.as_ref(),
        is_config: true,
    };
    match &desired.daemon {
        Daemon::AgentSystemd { layout, unit_file, unit, .. } => {
            let unit = WantedFile {
                path: unit_file,
                content: unit,
                mode: PUBLIC,
                owner: Some(0),
                found: facts.unit.as_ref(),
                is_config: false,
            };
            vec![config(&layout.config, PUBLIC, Some(0)), unit]
        }
        Daemon::AgentProcess { layout, .. } => vec![config(&layout.config, PUBLIC, Some(facts.uid))],
        // The distribution's own mode stays: only the content is ours.
        Daemon::Chronyd => {
            let mode = facts.config.as_ref().map_or(PUBLIC, |file| file.mode);
            facts.chronyd.iter().map(|chronyd| config(&chronyd.config, mode, None)).collect()
        }
    }
}

const PUBLIC: u32 = 0o644;

impl Gap {
    /// Compares. `agent_file_name` is the name of the executable that should run, `timefleet-agent-<sha256>`.
    ///
    /// # Errors
    /// Where the wished daemon cannot be run on this host.
    pub fn between(desired: &Desired, facts: &Facts, agent_file_name: &str) -> Result<Self, Impossible> {
        let service = service_name(desired, facts)?;
        let files: Vec<FileGap> = wanted_files(desired, facts).iter().filter_map(FileGap::of).collect();
        let unit_changes = files.iter().any(|file| !file.is_config);
        let by_systemd = !matches!(desired.daemon, Daemon::AgentProcess { .. });
        let mut running = Vec::new();
        if facts.service.active {
            match &desired.daemon {
                Daemon::Chronyd => running.extend(chronyd_gap(facts, &files)),
                Daemon::AgentSystemd { layout, .. } | Daemon::AgentProcess { layout, .. } => {
                    running.extend(agent_gaps(desired, layout, facts, agent_file_name));
                }
            }
            if unit_changes || (by_systemd && facts.unit_stale) {
                running.push(RunningGap::Unit { unread: !unit_changes });
            }
        }
        Ok(Self {
            service,
            files,
            agent: desired.daemon.layout().and_then(|layout| AgentGap::of(layout, facts, agent_file_name)),
            user: facts.user_missing.then(|| AGENT_USER.to_owned()),
            reload_units: by_systemd && (unit_changes || facts.unit_stale),
            not_enabled: by_systemd && facts.service.enabled != Some(true),
            stopped: !facts.service.active,
            running,
        })
    }
}

impl FileGap {
    fn of(wanted: &WantedFile<'_>) -> Option<Self> {
        let ownership = wanted.found.and_then(|found| {
            let owner = wanted.owner.unwrap_or(found.uid);
            let differs = found.mode != wanted.mode || found.uid != owner;
            differs.then(|| (ownership(found.mode, found.uid), ownership(wanted.mode, owner)))
        });
        let before = wanted.found.map(|found| found.content.as_str());
        if before == Some(wanted.content) && ownership.is_none() {
            return None;
        }
        Some(Self {
            path: wanted.path.to_owned(),
            mode: wanted.mode,
            diff: unified_diff(wanted.path, before, wanted.content),
            missing: before.is_none(),
            ownership,
            is_config: wanted.is_config,
        })
    }
}

impl AgentGap {
    fn of(layout: &Layout, facts: &Facts, agent_file_name: &str) -> Option<Self> {
        (facts.current_agent.as_deref() != Some(agent_file_name)).then(|| Self {
            link: layout.agent_link(),
            from: facts.current_agent.clone(),
            to: agent_file_name.to_owned(),
        })
    }
}

fn chronyd_gap(facts: &Facts, files: &[FileGap]) -> Option<RunningGap> {
    let chronyd = facts.chronyd.as_ref()?;
    // Nobody can ask chronyd what it read: the file's time against the start of the process is all there is. A file that
    // is written again, be it for its mode alone, is newer than the process.
    let is_written = files.iter().any(|file| file.is_config);
    (is_written || chronyd.config_newer_than_start).then(|| RunningGap::Config {
        older_than_disk: chronyd.config_newer_than_start,
        path: chronyd.config.clone(),
    })
}

fn agent_gaps(desired: &Desired, layout: &Layout, facts: &Facts, agent_file_name: &str) -> Vec<RunningGap> {
    let Some(running) = &facts.running else {
        return vec![RunningGap::Silent { run_dir: layout.run_dir.clone() }];
    };
    let mut gaps = Vec::new();
    if running.config_sha256 != sha256(&desired.config) || running.config_file != layout.config {
        let on_disk = facts.config.as_ref().map(|file| sha256(&file.content));
        let other_text = on_disk.is_some_and(|on_disk| on_disk != running.config_sha256);
        gaps.push(RunningGap::Config {
            older_than_disk: other_text || running.config_file != layout.config,
            path: layout.config.clone(),
        });
    }
    let runs = format!("{AGENT}-{}", running.agent_sha256);
    if runs != agent_file_name {
        gaps.push(RunningGap::Agent { runs, wanted: agent_file_name.to_owned() });
    }
    let flags = flags_of(running);
    if flags != desired.daemon.flags() {
        gaps.push(RunningGap::Flags { runs: in_words(&flags), wanted: in_words(desired.daemon.flags()) });
    }
    gaps
}

/// The arguments without the places of things and the user, which the layout and the unit decide.
fn flags_of(running: &Running) -> Vec<String> {
    let mut flags = Vec::new();
    let mut args = running.args.iter();
    while let Some(arg) = args.next() {
        if matches!(arg.as_str(), "-f" | "-u" | "--run-dir") {
            args.next();
        } else {
            flags.push(arg.clone());
        }
    }
    flags
}

fn in_words(flags: &[String]) -> String {
    if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }
}

fn ownership(mode: u32, uid: u32) -> String {
    format!("{mode:04o}, owner {uid}")
}

/// Unified diff with three lines of context; a file that is not there yet is `/dev/null`, as in patch(1).
fn unified_diff(path: &str, before: Option<&str>, after: &str) -> String {
    TextDiff::from_lines(before.unwrap_or_default(), after)
        .unified_diff()
        .context_radius(3)
        .header(if before.is_some() { path } else { "/dev/null" }, path)
        .to_string()
}

/// sha256 of a text, lower-case hex, as `running.json` has it.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
