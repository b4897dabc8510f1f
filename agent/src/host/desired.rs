//! What should be true of one host. Rendered by the controller, complete: the host adds nothing of its own.

use serde::{Deserialize, Serialize};

use crate::time::Seconds;

/// What should be true of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// The host's name in the inventory.
    pub host: String,
    /// The fleet's name.
    pub fleet: String,
    /// Which daemon keeps the time, and how it is run.
    pub daemon: Daemon,
    /// Content of the daemon's configuration file, at [`Layout::config`].
    pub config: String,
    /// Stop and disable other time daemons instead of refusing to share the host with them.
    pub take_over: bool,
    /// The host serves time: its client log is part of the report.
    pub serves: bool,
    /// Largest error bound of a clock that counts as good.
    pub bound: Seconds,
}

/// Which daemon keeps the time, and how it is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Daemon {
    /// The timefleet agent as a systemd service.
    AgentSystemd {
        /// Where things are.
        layout: Layout,
        /// Path of the unit file.
        unit_file: String,
        /// Content of the unit file.
        unit: String,
        /// Flags, in the order of the unit's ExecStart, `-f FILE` left out: `-4`, `-6`, `-x`.
        flags: Vec<String>,
    },
    /// The timefleet agent as a plain background process: containers and users without systemd.
    AgentProcess {
        /// Where things are.
        layout: Layout,
        /// Flags, `-f FILE` left out.
        flags: Vec<String>,
    },
    /// The chronyd that the host already has; only its configuration file is ours.
    Chronyd,
}

/// Where the agent's things are on the host. Absolute paths, or `~/…` for the home directory of the user it runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Executables: `timefleet-agent-<sha256>` and the link `timefleet-agent` to the one in use.
    pub bin_dir: String,
    /// The configuration file.
    pub config: String,
    /// The drift file's directory.
    pub state_dir: String,
    /// `running.json`, and `agent.pid` and `agent.log` of plain processes.
    pub run_dir: String,
    /// The monitoring protocol's Unix socket.
    pub command_socket: String,
}

impl Layout {
    /// The link to the executable in use.
    pub fn agent_link(&self) -> String {
        format!("{}/{AGENT}", self.bin_dir)
    }

    /// The same with `~/…` replaced by the user's home directory.
    pub fn at_home(&self, home: &str) -> Self {
        let at = |path: &String| expand(path, home);
        Self {
            bin_dir: at(&self.bin_dir),
            config: at(&self.config),
            state_dir: at(&self.state_dir),
            run_dir: at(&self.run_dir),
            command_socket: at(&self.command_socket),
        }
    }
}

impl Daemon {
    /// Where the agent's things are; `None` = the daemon is not the agent.
    pub fn layout(&self) -> Option<&Layout> {
        match self {
            Self::AgentSystemd { layout, .. } | Self::AgentProcess { layout, .. } => Some(layout),
            Self::Chronyd => None,
        }
    }

    /// The agent's flags, `-f FILE` left out.
    pub fn flags(&self) -> &[String] {
        match self {
            Self::AgentSystemd { flags, .. } | Self::AgentProcess { flags, .. } => flags,
            Self::Chronyd => &[],
        }
    }
}

impl Desired {
    /// The same with every `~/…` of the layout replaced by the user's home directory.
    #[must_use]
    pub fn at_home(mut self, home: &str) -> Self {
        match &mut self.daemon {
            Daemon::AgentSystemd { layout, .. } | Daemon::AgentProcess { layout, .. } => {
                *layout = layout.at_home(home);
            }
            Daemon::Chronyd => {}
        }
        self
    }
}

/// Name of the agent's executable, of its link and of its plain process.
pub const AGENT: &str = "timefleet-agent";

/// The system user that the agent's systemd unit runs as.
pub const AGENT_USER: &str = "timefleet";

/// The agent's systemd unit.
pub const AGENT_UNIT: &str = "timefleet-agent.service";

fn expand(path: &str, home: &str) -> String {
    match path.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", home.trim_end_matches('/')),
        None if path == "~" => home.to_owned(),
        None => path.to_owned(),
    }
}
