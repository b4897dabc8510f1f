//! Wish and facts in, steps out. Pure: the same two always give the same plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::desired::{Daemon, Desired};
use super::facts::Facts;
use super::gap::{FileGap, Gap, Impossible, RunningGap};

/// One thing to do, in words that a person and a program both read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Stop and disable another time daemon.
    StopRival {
        /// Its unit.
        unit: String,
    },
    /// Write a file: temporary name, fsync, rename.
    Write {
        /// Its path.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Unified diff from what is there (nothing, if the file is new) to what should be.
        diff: String,
    },
    /// Point the link at another agent executable.
    SwitchAgent {
        /// Name of the executable in use so far.
        from: Option<String>,
        /// Name of the executable from now on.
        to: String,
    },
    /// Make a system user.
    AddUser {
        /// Its name.
        user: String,
    },
    /// `systemctl daemon-reload`.
    ReloadUnits,
    /// `systemctl enable`.
    Enable {
        /// The unit.
        service: String,
    },
    /// Start the service.
    Start {
        /// The unit, or the plain process' name.
        service: String,
    },
    /// Restart the service.
    Restart {
        /// The unit, or the plain process' name.
        service: String,
        /// Why.
        reason: String,
    },
}

/// What is to be done about a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// These, in this order; none = all is as wished.
    Steps(Vec<Step>),
    /// Nothing, because other daemons keep the time here and `take_over` was not given.
    Refused {
        /// Their units.
        rivals: Vec<String>,
    },
    /// Nothing, because it cannot work on this host.
    Impossible(Impossible),
}

/// Plans. `agent_file_name` is the name of the executable that should run, `timefleet-agent-<sha256>`.
///
/// The order keeps a host that is interrupted between any two steps in a state that the next plan completes: files
/// come before whoever reads them, and a rival keeps the time until nothing is left to do but start the agent, so that
/// a full disk does not leave the host without any time daemon.
pub fn plan(desired: &Desired, facts: &Facts, agent_file_name: &str) -> Plan {
    let gap = match Gap::between(desired, facts, agent_file_name) {
        Ok(gap) => gap,
        Err(impossible) => return Plan::Impossible(impossible),
    };
    let rivals = facts.rivals.iter().map(|rival| rival.unit.clone());
    if !facts.rivals.is_empty() && !desired.take_over {
        return Plan::Refused { rivals: rivals.collect() };
    }
    let reason = restart_reason(&gap);
    let service = gap.service;
    let write = |file: FileGap| Step::Write { path: file.path, mode: file.mode, diff: file.diff };
    let mut steps: Vec<Step> = gap.files.into_iter().map(write).collect();
    steps.extend(gap.agent.map(|agent| Step::SwitchAgent { from: agent.from, to: agent.to }));
    steps.extend(gap.user.map(|user| Step::AddUser { user }));
    if gap.reload_units {
        steps.push(Step::ReloadUnits);
    }
    steps.extend(rivals.map(|unit| Step::StopRival { unit }));
    if gap.not_enabled {
        steps.push(Step::Enable { service: service.clone() });
    }
    if gap.stopped {
        steps.push(Step::Start { service });
    } else if let Some(reason) = reason {
        steps.push(Step::Restart { service, reason });
    }
    if !steps.is_empty() && needs_root(&desired.daemon) && facts.uid != 0 {
        return Plan::Impossible(Impossible {
            cause: format!("changing system services needs root, and the login is user {}", facts.uid),
            hint: "set `ssh: { become: true }` for this host".to_owned(),
        });
    }
    Plan::Steps(steps)
}

fn needs_root(daemon: &Daemon) -> bool {
    match daemon {
        Daemon::AgentSystemd { .. } | Daemon::Chronyd => true,
        Daemon::AgentProcess { .. } => false,
    }
}

fn restart_reason(gap: &Gap) -> Option<String> {
    let config_changes = gap.files.iter().any(|file| file.is_config && !file.diff.is_empty());
    let reasons: Vec<&str> = gap
        .running
        .iter()
        .map(|running| match running {
            RunningGap::Config { .. } if config_changes => "its configuration changes",
            RunningGap::Config { .. } => "it runs an older configuration",
            RunningGap::Agent { .. } => "it is another build of the agent",
            RunningGap::Flags { .. } => "its flags change",
            RunningGap::Unit { .. } => "its unit changes",
            RunningGap::Silent { .. } => "it has not said what it runs",
        })
        .collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopRival { unit } => write!(f, "stop and disable {unit}"),
            Self::Write { path, .. } => write!(f, "write {path}"),
            Self::SwitchAgent { to, .. } => write!(f, "switch to {}", short_agent(to)),
            Self::AddUser { user } => write!(f, "add the system user {user}"),
            Self::ReloadUnits => f.write_str("reload systemd's units"),
            Self::Enable { service } => write!(f, "enable {service}"),
            Self::Start { service } => write!(f, "start {service}"),
            Self::Restart { service, reason } => write!(f, "restart {service} ({reason})"),
        }
    }
}

/// The name of an agent executable with the first twelve digits of its sha256: enough for people.
pub fn short_agent(name: &str) -> &str {
    const SHOWN: usize = "timefleet-agent-".len() + 12;
    name.get(..SHOWN).unwrap_or(name)
}
