//! systemd, through `systemctl` and `journalctl`: what units are there, and making them run.

use std::io;
use std::process::{Command, Output};
use std::time::SystemTime;

/// Why a unit did not do as told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// The program itself could not be run.
    #[error("cannot run systemctl: {0}")]
    NoSystemctl(io::Error),
    /// It ended with an error.
    #[error("systemctl {what}: {said}")]
    Systemctl {
        /// Its arguments.
        what: String,
        /// Its last words.
        said: String,
    },
    /// The service ended or never came up, and this is what it said itself.
    #[error("{unit} does not stay up: {said}")]
    Died {
        /// Which.
        unit: String,
        /// Its own last words in the journal.
        said: String,
    },
}

impl ServiceError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoSystemctl(_) => None,
            Self::Systemctl { said, .. }
                if said.contains("authentication") || said.contains("Access denied") =>
            {
                Some("set `ssh: { become: true }`".to_owned())
            }
            Self::Systemctl { .. } => None,
            Self::Died { unit, .. } => Some(format!("more is in `journalctl -u {unit}` on the host")),
        }
    }
}

/// A unit as `systemctl show` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its own name; an alias shows the name of what it stands for.
    pub(crate) id: String,
    /// `loaded`, `not-found`, `masked`, …
    pub(crate) load_state: String,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub(crate) active_state: String,
    /// `enabled`, `disabled`, `static`, …
    pub(crate) file_state: String,
    /// Main process.
    pub(crate) main_pid: Option<u32>,
    /// The file on disk is newer than what systemd has read.
    pub(crate) stale: bool,
    /// When its main process was started, whole seconds since 1970 by the clock of that moment.
    pub(crate) started_unix: Option<i64>,
}

impl Unit {
    /// There is such a unit.
    pub(crate) fn exists(&self) -> bool {
        self.load_state != "not-found"
    }

    /// It runs.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.active_state.as_str(), "active" | "reloading")
    }

    /// It would run after a reboot.
    pub(crate) fn is_enabled(&self) -> bool {
        self.file_state == "enabled"
    }
}

/// Asks for all these units at once; each comes back once, whatever its aliases.
pub(crate) fn show(names: &[&str]) -> Result<Vec<Unit>, ServiceError> {
    let properties = "Id,LoadState,ActiveState,UnitFileState,MainPID,NeedDaemonReload,ExecMainStartTimestamp";
    let mut args = vec!["show", "--property", properties];
    args.extend(names);
    let output = systemctl(&args)?;
    Ok(parse_show(&String::from_utf8_lossy(&output.stdout)))
}

/// Runs `systemctl` with these arguments, for its effect.
pub(crate) fn tell(args: &[&str]) -> Result<(), ServiceError> {
    systemctl(args).map(|_| ())
}

/// Starts or restarts a unit and waits until systemd says that it is up.
pub(crate) fn bring_up(verb: &str, unit: &str) -> Result<(), ServiceError> {
    let begun = SystemTime::now();
    // A unit that failed often would be refused without having been tried with its new files. There is nothing to
    // reset on a unit that never failed, and systemctl says so with an error.
    let _ = tell(&["reset-failed", unit]);
    match tell(&[verb, unit]) {
        Ok(()) => Ok(()),
        Err(error @ ServiceError::NoSystemctl(_)) => Err(error),
        Err(error) => Err(match own_words(unit, begun) {
            Some(said) => ServiceError::Died { unit: unit.to_owned(), said },
            None => error,
        }),
    }
}

/// The error for a unit that came up and went down again.
pub(crate) fn died(unit: &str, since: SystemTime) -> ServiceError {
    let said = own_words(unit, since).unwrap_or_else(|| "it ended without a word".to_owned());
    ServiceError::Died { unit: unit.to_owned(), said }
}

/// The last lines that processes of the unit wrote, not those that systemd wrote about it.
fn own_words(unit: &str, since: SystemTime) -> Option<String> {
    let since = since.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // To the microsecond, or the last words of an earlier attempt in the same second would be quoted.
    let since = format!("--since=@{}.{:06}", since.as_secs(), since.subsec_micros());
    // What was said a moment ago may not have been stored yet; an old journalctl without --sync still shows the rest.
    let _ = Command::new("journalctl").arg("--sync").output();
    let output = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=cat", "--lines=3", &since])
        .arg(format!("_SYSTEMD_UNIT={unit}"))
        .output()
        .ok()?;
    one_line(&output.stdout)
}

fn systemctl(args: &[&str]) -> Result<Output, ServiceError> {
    let output = Command::new("systemctl")
        .args(["--no-pager", "--no-ask-password"])
        .args(args)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("SYSTEMD_COLORS", "0")
        .output()
        .map_err(ServiceError::NoSystemctl)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = one_line(&output.stderr).unwrap_or_else(|| output.status.to_string());
    Err(ServiceError::Systemctl { what: args.join(" "), said })
}

/// The lines that say something, in one, each once.
fn one_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.dedup();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// Blocks of `Key=value` lines with an empty line between them.
fn parse_show(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let unit = parse_unit(block);
        if units.iter().all(|seen| seen.id != unit.id) {
            units.push(unit);
        }
    }
    units
}

fn parse_unit(block: &str) -> Unit {
    let mut unit = Unit::default();
    for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "Id" => value.clone_into(&mut unit.id),
            "LoadState" => value.clone_into(&mut unit.load_state),
            "ActiveState" => value.clone_into(&mut unit.active_state),
            "UnitFileState" => value.clone_into(&mut unit.file_state),
            "MainPID" => unit.main_pid = value.parse().ok().filter(|pid| *pid != 0),
            "NeedDaemonReload" => unit.stale = value == "yes",
            "ExecMainStartTimestamp" => unit.started_unix = parse_timestamp(value),
            _ => {}
        }
    }
    unit
}

/// `Mon 2026-11-23 10:15:57 UTC`, systemd.time(7), as printed with TZ=UTC.
fn parse_timestamp(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace().skip(1);
    let (date, time) = (words.next()?, words.next()?);
    let mut date = date.split('-').map(|number| number.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':').map(|number| number.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // Days since 1970 with years that begin in March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What systemd 252 prints for chrony.service, its alias chronyd.service, and a unit that is not there.
    const SHOWN: &str = "\
MainPID=412
ExecMainStartTimestamp=Mon 2026-11-23 10:15:57 UTC
Id=chrony.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

MainPID=412
ExecMainStartTimestamp=Mon 2026-11-23 10:15:57 UTC
Id=chrony.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

MainPID=0
ExecMainStartTimestamp=
Id=ntpd.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
";

    #[test]
    fn an_alias_is_not_a_second_daemon() {
        let chrony = Unit {
            id: "chrony.service".to_owned(),
            load_state: "loaded".to_owned(),
            active_state: "active".to_owned(),
            file_state: "enabled".to_owned(),
            main_pid: Some(412),
            stale: false,
            started_unix: Some(1_795_428_957),
        };
        let units = parse_show(SHOWN);
        assert_eq!(units.first(), Some(&chrony));
        assert_eq!(
            units.iter().map(|unit| (unit.id.as_str(), unit.exists())).collect::<Vec<_>>(),
            [("chrony.service", true), ("ntpd.service", false)]
        );
    }

    #[test]
    fn timestamps_are_seconds_since_1970() {
        assert_eq!(parse_timestamp("Thu 1970-01-01 00:00:00 UTC"), Some(0));
        assert_eq!(parse_timestamp("Thu 2024-02-29 12:00:00 UTC"), Some(1_709_208_000));
        assert_eq!(parse_timestamp(""), None);
        assert_eq!(parse_timestamp("n/a"), None);
    }

    #[test]
    fn several_lines_of_complaint_become_one() {
        assert_eq!(one_line(b"\n a \n a \n b\n").as_deref(), Some("a; b"));
        assert_eq!(one_line(b"\n"), None);
    }
}
