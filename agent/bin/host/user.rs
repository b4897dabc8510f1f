//! The system user that the agent's service runs as.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::account::{Account, AccountError};

/// Why there is no such user now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// The program itself could not be run.
    #[error("cannot run systemd-sysusers: {0}")]
    NoSysusers(io::Error),
    /// It ended with an error.
    #[error("systemd-sysusers: {0}")]
    Refused(String),
    /// It said nothing, and the user is not there all the same.
    #[error(transparent)]
    Missing(#[from] AccountError),
}

/// True when the host has no user of this name.
pub(crate) fn is_missing(name: &str) -> bool {
    matches!(Account::find(name), Err(AccountError::Unknown(_)))
}

/// Makes a system user with a group of its own, without a password, a shell or a home. systemd brings the program for it
/// along on every distribution, and says itself which numbers are free.
pub(crate) fn add(name: &str) -> Result<(), UserError> {
    let mut child = Command::new("systemd-sysusers")
        .arg("-")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(UserError::NoSysusers)?;
    if let Some(mut input) = child.stdin.take() {
        // sysusers.d(5). One that went away before it had read this says why itself.
        let _ = writeln!(input, "u {name} - \"timefleet agent\" /");
    }
    let output = child.wait_with_output().map_err(UserError::NoSysusers)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(UserError::Refused(if said.is_empty() { output.status.to_string() } else { said }));
    }
    Account::find(name)?;
    Ok(())
}
