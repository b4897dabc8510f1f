//! Why a conversation with a host did not come to its end: one line of cause, and what to do next.

use std::time::Duration;

use crate::ssh::SshError;

/// Why a conversation did not come to its end. `Display` is the cause in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConversationError {
    /// The host could not be reached, did not show the right key or did not let us in; or the connection broke.
    #[error("{source}")]
    Ssh {
        /// The step that was under way.
        step: &'static str,
        /// What happened.
        source: Box<SshError>,
    },
    /// sudo would ask for a password.
    #[error("sudo asks {user} for a password")]
    SudoPassword {
        /// Login name.
        user: String,
    },
    /// There is no sudo.
    #[error("sudo is not installed")]
    SudoMissing,
    /// sudo does not let this user.
    #[error("sudo refuses {user}: {words}")]
    SudoRefused {
        /// Login name.
        user: String,
        /// sudo's words.
        words: String,
    },
    /// No greeting came.
    #[error("the login's shell did not run the bootstrap script: {words}")]
    NoGreeting {
        /// The last thing that was heard.
        words: String,
    },
    /// We carry no agent for this machine.
    #[error("there is no agent for {system} on {arch}")]
    NoAgent {
        /// `uname -s`.
        system: String,
        /// `uname -m`.
        arch: String,
        /// What we carry.
        known: Vec<String>,
    },
    /// The inventory's directory cannot be said in one line.
    #[error("the agent's directory {directory:?} holds a control character")]
    Directory {
        /// As in the inventory.
        directory: String,
    },
    /// A tool that the script needs is missing.
    #[error("{tool} is not installed, and without it the agent cannot be brought there and checked")]
    NoTool {
        /// Its name.
        tool: String,
    },
    /// No room for the agent.
    #[error("the disk is full: the agent could not be written to {place}")]
    DiskFull {
        /// The directory.
        place: String,
    },
    /// The directory may not be written.
    #[error("{place} is not writable: {words}")]
    NotWritable {
        /// The directory.
        place: String,
        /// The tool's words.
        words: String,
    },
    /// Programs may not start there.
    #[error("{place} does not allow programs to start (mounted noexec?)")]
    NoExec {
        /// The directory.
        place: String,
    },
    /// The agent does not start on this machine.
    #[error("the agent does not run on this machine: {words}")]
    Unfit {
        /// What it or the shell said.
        words: String,
    },
    /// The upload failed in another way.
    #[error("the agent could not be stored in {place}: {words}")]
    Upload {
        /// The directory.
        place: String,
        /// What is known.
        words: String,
    },
    /// The agent ended before it had finished.
    #[error("the agent ended {how} before it had finished{}", said(.words))]
    AgentEnded {
        /// `with status 1`.
        how: String,
        /// Its last words.
        words: String,
    },
    /// The agent said something that is no event.
    #[error("the agent speaks another language: {line}")]
    Garbled {
        /// The start of the line.
        line: String,
    },
    /// Time is over.
    #[error("no end after {} s", .after.as_secs_f64())]
    Deadline {
        /// The step that was under way.
        step: &'static str,
        /// How long we waited.
        after: Duration,
    },
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

impl ConversationError {
    /// The step that failed: `connect`, `host key`, `login`, `sudo`, `bootstrap`, `upload` or `agent`.
    pub(crate) fn step(&self) -> &'static str {
        match self {
            Self::Ssh { step, .. } | Self::Deadline { step, .. } => step,
            Self::SudoPassword { .. } | Self::SudoMissing | Self::SudoRefused { .. } => "sudo",
            Self::NoGreeting { .. } | Self::NoAgent { .. } | Self::Directory { .. } | Self::NoTool { .. } => {
                "bootstrap"
            }
            Self::DiskFull { .. }
            | Self::NotWritable { .. }
            | Self::NoExec { .. }
            | Self::Unfit { .. }
            | Self::Upload { .. } => "upload",
            Self::AgentEnded { .. } | Self::Garbled { .. } => "agent",
        }
    }

    /// What to do about it, when that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Ssh { source, .. } => return source.hint(),
            Self::SudoPassword { user } => {
                format!("allow it without: `{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/timefleet there")
            }
            Self::SudoMissing => "install sudo, or log in as root with `ssh: { user: root }`".to_owned(),
            Self::SudoRefused { user, words } if words.contains("tty") => {
                format!("`Defaults:{user} !requiretty` in /etc/sudoers.d/timefleet there lets it run without a terminal")
            }
            Self::SudoRefused { user, .. } => {
                format!("`{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/timefleet there allows it")
            }
            Self::NoGreeting { .. } => "does `ssh HOST true` work? The login needs a shell and /bin/sh".to_owned(),
            Self::NoAgent { known, .. } => format!("there are agents for Linux on {}", known.join(", ")),
            Self::Directory { .. } => "correct `agent: { home: … }` in the inventory".to_owned(),
            Self::NoTool { .. } => "install coreutils or busybox there".to_owned(),
            Self::DiskFull { place } => format!("make room there: df -h {place}"),
            Self::NotWritable { .. } => {
                "set `ssh: { become: true }`, or `agent: { service: process, home: … }` with a directory of the user"
                    .to_owned()
            }
            Self::NoExec { .. } => "remount it, or choose another `agent: { home: … }`".to_owned(),
            Self::Deadline { .. } => "is the host overloaded? Try it alone with a longer deadline".to_owned(),
            Self::Unfit { .. } | Self::Upload { .. } | Self::AgentEnded { .. } | Self::Garbled { .. } => return None,
        })
    }
}
