//! Carrying out one step of a plan.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use timefleet_agent::host::desired::{Daemon, Desired, Layout};
use timefleet_agent::host::facts::Facts;
use timefleet_agent::host::gap::{sha256, wanted_files};
use timefleet_agent::host::plan::Step;

use super::facts::{self, FactsError};
use super::process::{self, ProcessError, Started};
use super::services::{self, ServiceError};
use super::user::{self, UserError};
use crate::files::{self, FileError};

/// How long a daemon that was started may take to say that it runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a step failed. The file it was about is as before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// A file or a link.
    #[error(transparent)]
    File(#[from] FileError),
    /// A systemd unit.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The user that the unit runs as.
    #[error(transparent)]
    User(#[from] UserError),
    /// A plain process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// `running.json` cannot be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The bootstrap should have put it there.
    #[error("{0} is not there")]
    NoExecutable(PathBuf),
    /// The daemon runs and does not say so.
    #[error(
        "{service} runs, but {running_json} does not say that it read the new configuration after {patience} s"
    )]
    Silent {
        /// The service.
        service: String,
        /// Where it should say so.
        running_json: PathBuf,
        /// Seconds waited.
        patience: u64,
    },
}

impl StepError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::Process(error) => error.hint(),
            Self::Facts(error) => error.hint(),
            Self::NoExecutable(_) => Some("apply again: the agent is pushed where it is missing".to_owned()),
            Self::User(_) | Self::Silent { .. } => None,
        }
    }
}

/// Does what the step says.
pub(crate) fn carry_out(desired: &Desired, facts: &Facts, step: &Step) -> Result<(), StepError> {
    match step {
        Step::StopRival { unit } => stop_rival(facts, unit),
        Step::Write { path, mode, .. } => {
            let files = wanted_files(desired, facts);
            let content = files.iter().find(|file| file.path == path).map(|file| file.content);
            Ok(files::write(Path::new(path), content.unwrap_or_default().as_bytes(), *mode)?)
        }
        Step::SwitchAgent { to, .. } => match desired.daemon.layout() {
            Some(layout) => switch_agent(layout, to),
            None => Ok(()),
        },
        Step::AddUser { user } => Ok(user::add(user)?),
        Step::ReloadUnits => Ok(services::tell(&["daemon-reload"])?),
        Step::Enable { service } => Ok(services::tell(&["enable", service])?),
        Step::Start { service } => start(desired, service, "start"),
        Step::Restart { service, .. } => start(desired, service, "restart"),
    }
}

fn stop_rival(facts: &Facts, unit: &str) -> Result<(), StepError> {
    if facts.systemd {
        return Ok(services::tell(&["disable", "--now", unit])?);
    }
    for (pid, _) in process::named(&[unit]) {
        process::stop(pid)?;
    }
    Ok(())
}

fn switch_agent(layout: &Layout, to: &str) -> Result<(), StepError> {
    let executable = Path::new(&layout.bin_dir).join(to);
    if !executable.is_file() {
        return Err(StepError::NoExecutable(executable));
    }
    Ok(files::link(Path::new(&layout.agent_link()), to)?)
}

/// Starts the service and returns when it runs with the configuration that was written.
fn start(desired: &Desired, service: &str, verb: &str) -> Result<(), StepError> {
    match &desired.daemon {
        Daemon::Chronyd => Ok(services::bring_up(verb, service)?),
        Daemon::AgentSystemd { layout, .. } => {
            let begun = SystemTime::now();
            services::bring_up(verb, service)?;
            wait_until_it_says_so(desired, layout, service, || {
                let units = services::show(&[service])?;
                let unit = units.iter().find(|unit| unit.is_active());
                unit.map(|unit| unit.main_pid).ok_or_else(|| services::died(service, begun).into())
            })
        }
        Daemon::AgentProcess { layout, flags } => {
            if let Some(pid) = process::find(layout) {
                process::stop(pid)?;
            }
            let mut started: Started = process::start(layout, flags)?;
            wait_until_it_says_so(desired, layout, service, || {
                started.still_runs()?;
                Ok(Some(started.pid()))
            })
        }
    }
}

/// `pid` gives the daemon's process, or an error if it ended.
fn wait_until_it_says_so(
    desired: &Desired,
    layout: &Layout,
    service: &str,
    mut pid: impl FnMut() -> Result<Option<u32>, StepError>,
) -> Result<(), StepError> {
    let wanted = sha256(&desired.config);
    let begun = Instant::now();
    loop {
        let said = facts::running(layout, pid()?)?;
        if said.is_some_and(|running| running.config_sha256 == wanted) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let running_json = Path::new(&layout.run_dir).join("running.json");
            let service = service.to_owned();
            return Err(StepError::Silent { service, running_json, patience: PATIENCE.as_secs() });
        }
        thread::sleep(Duration::from_millis(50));
    }
}
