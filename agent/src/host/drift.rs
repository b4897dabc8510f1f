//! How a host differs from the wish, for an audit: the same comparison as the plan's, told as findings.

use super::desired::Desired;
use super::facts::Facts;
use super::gap::{FileGap, Gap, Impossible, RunningGap};
use super::plan::short_agent;
use crate::report::Drift;

/// Everything that differs, empty = on disk and running as wished. `agent_file_name` as in
/// [`plan`](super::plan::plan).
///
/// # Errors
/// Where the wished daemon cannot be run on this host.
pub fn drift(desired: &Desired, facts: &Facts, agent_file_name: &str) -> Result<Vec<Drift>, Impossible> {
    let gap = Gap::between(desired, facts, agent_file_name)?;
    let mut drift: Vec<Drift> =
        facts.rivals.iter().map(|rival| Drift::Rival { unit: rival.unit.clone() }).collect();
    drift.extend(gap.files.into_iter().flat_map(of_file));
    if let Some(agent) = &gap.agent {
        drift.push(match &agent.from {
            None => Drift::Missing { path: agent.link.clone() },
            Some(from) => Drift::RunsOtherAgent {
                detail: format!(
                    "{} is {}, wished is {}",
                    agent.link,
                    short_agent(from),
                    short_agent(&agent.to)
                ),
            },
        });
    }
    drift.extend(gap.user.map(|user| Drift::NoUser { user }));
    let linked = gap.agent.and_then(|agent| agent.from);
    drift.extend(gap.running.into_iter().filter_map(|running| of_running(running, linked.as_deref())));
    if gap.stopped {
        drift.push(Drift::Stopped { service: gap.service.clone() });
    }
    if gap.not_enabled {
        drift.push(Drift::NotEnabled { service: gap.service });
    }
    Ok(drift)
}

fn of_file(file: FileGap) -> Vec<Drift> {
    if file.missing {
        return vec![Drift::Missing { path: file.path }];
    }
    let mut drift = Vec::new();
    if let Some((found, wanted)) = file.ownership {
        drift.push(Drift::Mode { path: file.path.clone(), found, wanted });
    }
    if !file.diff.is_empty() {
        drift.push(Drift::Changed { path: file.path, diff: file.diff });
    }
    drift
}

fn of_running(running: RunningGap, linked: Option<&str>) -> Option<Drift> {
    match running {
        RunningGap::Config { older_than_disk, path } => {
            older_than_disk.then_some(Drift::RunsOlderConfig { path })
        }
        // Said already by the link.
        RunningGap::Agent { runs, .. } if linked == Some(runs.as_str()) => None,
        RunningGap::Agent { runs, wanted } => Some(Drift::RunsOtherAgent {
            detail: format!("running is {}, wished is {}", short_agent(&runs), short_agent(&wanted)),
        }),
        RunningGap::Flags { runs, wanted } => Some(Drift::RunsOtherAgent {
            detail: format!("it was started with the flags {runs}, wished are {wanted}"),
        }),
        // Said already by the unit file, which is among the changed files.
        RunningGap::Unit { unread: false } => None,
        RunningGap::Unit { unread: true } => Some(Drift::RunsOtherAgent {
            detail: "systemd has not read its changed unit file yet".to_owned(),
        }),
        RunningGap::Silent { run_dir } => Some(Drift::RunsOtherAgent {
            detail: format!("the running process wrote no {run_dir}/running.json"),
        }),
    }
}
