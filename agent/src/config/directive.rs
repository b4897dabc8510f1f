//! One directive: its name, its words, and what they change in the configuration.

use std::net::IpAddr;
use std::path::PathBuf;

use super::draft::Draft;
use super::line::{Line, Word, Wrong};
use super::{
    ClientLog, CommandSocket, Family, Local, MakeStep, MaxChange, OpenCommand, UpstreamKind, subnet,
    suggestion, unsupported, upstream,
};
use crate::time::{Ppm, Seconds};

/// Directives that the agent knows, for "did you mean".
const DIRECTIVES: &[&str] = &[
    "acquisitionport",
    "allow",
    "bindacqaddress",
    "bindaddress",
    "bindcmdaddress",
    "clientloglimit",
    "cmdallow",
    "cmddeny",
    "cmdport",
    "corrtimeratio",
    "deny",
    "driftfile",
    "local",
    "makestep",
    "maxchange",
    "maxclockerror",
    "maxdistance",
    "maxjitter",
    "maxsamples",
    "maxslewrate",
    "maxupdateskew",
    "minsamples",
    "minsources",
    "noclientlog",
    "opencommands",
    "pidfile",
    "pool",
    "port",
    "reselectdist",
    "rtcsync",
    "server",
    "stratumweight",
];

/// Addresses that a pool uses at once when no `maxsources` says otherwise.
const POOL_SOURCES: u32 = 4;

/// Reads one line into the draft.
pub(super) fn read(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let name = line.directive.lower();
    match name.as_str() {
        "server" => draft.upstreams.push(upstream::read(line, UpstreamKind::Server)?),
        "pool" => {
            draft.upstreams.push(upstream::read(line, UpstreamKind::Pool { max_sources: POOL_SOURCES })?);
        }
        "allow" => draft.config.access.push(subnet::rule(line, true)?),
        "deny" => draft.config.access.push(subnet::rule(line, false)?),
        "cmdallow" => draft.config.command_access.push(subnet::rule(line, true)?),
        "cmddeny" => draft.config.command_access.push(subnet::rule(line, false)?),
        "local" => read_local(draft, line)?,
        "makestep" | "maxchange" | "maxslewrate" | "corrtimeratio" | "maxupdateskew" | "maxclockerror"
        | "rtcsync" => read_clock(draft, line, &name)?,
        "maxdistance" | "maxjitter" | "minsources" | "reselectdist" | "stratumweight" | "minsamples"
        | "maxsamples" => read_selection(draft, line, &name)?,
        "port" | "acquisitionport" | "cmdport" | "bindaddress" | "bindacqaddress" | "bindcmdaddress" => {
            read_socket(draft, line, &name)?;
        }
        "driftfile" => draft.config.drift_file = Some(path(line)?),
        "pidfile" => draft.config.pid_file = Some(path(line)?),
        "clientloglimit" => {
            let bytes = line.integer("clientloglimit", 1..=2_147_483_648)?;
            draft.config.client_log = ClientLog::Limit { bytes };
        }
        "noclientlog" => draft.config.client_log = ClientLog::Off,
        "opencommands" => draft.config.open_commands = read_open_commands(line)?,
        _ => return Err(unknown(line.directive)),
    }
    line.end()
}

/// Replaces what is open by default; without words nothing is.
fn read_open_commands(line: &mut Line<'_>) -> Result<Vec<OpenCommand>, Wrong> {
    let mut open = Vec::new();
    while let Some(word) = line.next() {
        let lower = word.lower();
        let Some(command) = OpenCommand::by_word(&lower) else {
            let words = OpenCommand::ALL.map(|(word, _)| word);
            let hint = suggestion::hint(&lower, words);
            let all = words.join(", ");
            return Err(word.wrong(format!("unknown report '{}'{hint} (there are {all})", word.text)));
        };
        if !open.contains(&command) {
            open.push(command);
        }
    }
    Ok(open)
}

fn read_local(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let mut local = Local::default();
    while let Some(option) = line.next() {
        match option.lower().as_str() {
            "stratum" => local.stratum = line.integer("stratum", 1..=15)?,
            "distance" => local.distance = Seconds(line.number("distance", "seconds", 0.0..=1e6)?),
            "orphan" => local.orphan = true,
            name @ ("activate" | "waitsynced" | "waitunsynced") => {
                return Err(option.wrong(format!(
                    "option '{name}' is not supported by the agent: only 'stratum', 'distance' and 'orphan' decide \
                     when it serves its own clock"
                )));
            }
            name => {
                let hint = suggestion::hint(name, ["stratum", "distance", "orphan"]);
                return Err(option.wrong(format!(
                    "unknown option '{}'{hint} ('local' takes stratum, distance and orphan)",
                    option.text
                )));
            }
        }
    }
    match draft.local {
        Some((other, number)) if other != local => Err(line
            .directive
            .wrong(format!("this 'local' contradicts the one in line {number}; keep one of them"))),
        Some(_) => Ok(()),
        None => {
            draft.local = Some((local, line.number));
            Ok(())
        }
    }
}

fn read_clock(draft: &mut Draft, line: &mut Line<'_>, name: &str) -> Result<(), Wrong> {
    let config = &mut draft.config;
    match name {
        "makestep" => {
            let threshold = Seconds(line.number("the threshold", "seconds", 0.0..=1e9)?);
            config.make_step = Some(MakeStep { threshold, limit: line.limit("the limit")? });
        }
        "maxchange" => {
            config.max_change = Some(MaxChange {
                offset: Seconds(line.number("the offset", "seconds", 0.0..=1e9)?),
                start: line.integer("the start", 0..=1_000_000_000)?,
                ignore: line.limit("the number of ignored offsets")?,
            });
        }
        "maxslewrate" => config.max_slew_rate = Ppm(line.number("maxslewrate", "ppm", 0.001..=100_000.0)?),
        "corrtimeratio" => config.correction_time_ratio = line.number("corrtimeratio", "", 0.01..=1000.0)?,
        "maxupdateskew" => config.max_update_skew = Ppm(line.number("maxupdateskew", "ppm", 0.001..=1e6)?),
        "maxclockerror" => {
            config.max_clock_error = Ppm(line.number("maxclockerror", "ppm", 0.0..=100_000.0)?)
        }
        _ => config.rtc_sync = true,
    }
    Ok(())
}

fn read_selection(draft: &mut Draft, line: &mut Line<'_>, name: &str) -> Result<(), Wrong> {
    let config = &mut draft.config;
    match name {
        "maxdistance" => {
            config.max_distance = Seconds(line.number("maxdistance", "seconds", 0.000_001..=1e6)?)
        }
        "maxjitter" => config.max_jitter = Seconds(line.number("maxjitter", "seconds", 0.000_001..=1e6)?),
        "minsources" => config.min_sources = line.integer("minsources", 1..=1000)?,
        "reselectdist" => {
            config.reselect_distance = Seconds(line.number("reselectdist", "seconds", 0.0..=1e6)?);
        }
        "stratumweight" => {
            config.stratum_weight = Seconds(line.number("stratumweight", "seconds", 0.0..=1e6)?)
        }
        "minsamples" => draft.min_samples = Some(upstream::min_samples(line)?),
        _ => draft.max_samples = Some(upstream::max_samples(line)?),
    }
    Ok(())
}

fn read_socket(draft: &mut Draft, line: &mut Line<'_>, name: &str) -> Result<(), Wrong> {
    let config = &mut draft.config;
    match name {
        "port" => config.port = line.integer("port", 0..=u16::MAX)?,
        "cmdport" => config.command_port = line.integer("cmdport", 0..=u16::MAX)?,
        // chronyd keeps one port for its lifetime when told 0; leaving the directive out is as random and safer.
        "acquisitionport" => config.acquisition_port = Some(line.integer("acquisitionport", 1..=u16::MAX)?),
        "bindaddress" => add_address(&mut config.bind_addresses, line)?,
        "bindacqaddress" => add_address(&mut config.bind_acquisition_addresses, line)?,
        _ => {
            let word = line.need("an address, a path, or / for no socket")?;
            if word.text == "/" {
                config.command_socket = CommandSocket::Disabled;
            } else if word.text.starts_with(['/', '~']) {
                config.command_socket = CommandSocket::Path(checked_path(word)?);
            } else {
                insert_address(&mut config.bind_command_addresses, line.directive, word)?;
            }
        }
    }
    Ok(())
}

fn add_address(addresses: &mut Vec<IpAddr>, line: &mut Line<'_>) -> Result<(), Wrong> {
    let word = line.need("an address of this host")?;
    insert_address(addresses, line.directive, word)
}

/// One address of each family; writing the same one twice is harmless.
fn insert_address(addresses: &mut Vec<IpAddr>, directive: Word<'_>, word: Word<'_>) -> Result<(), Wrong> {
    let Ok(address) = word.text.parse::<IpAddr>() else {
        return Err(word.wrong(format!(
            "'{}' is not an address; '{}' takes an IPv4 or IPv6 address of this host",
            word.text,
            directive.lower()
        )));
    };
    let family = Family::of(address);
    match addresses.iter().find(|other| Family::of(**other) == family) {
        Some(other) if *other != address => Err(word
            .wrong(format!("{other} was given before; '{}' takes one {family} address", directive.lower()))),
        Some(_) => Ok(()),
        None => {
            addresses.push(address);
            Ok(())
        }
    }
}

fn path(line: &mut Line<'_>) -> Result<PathBuf, Wrong> {
    let word = line.need("the path of a file")?;
    checked_path(word)
}

fn checked_path(word: Word<'_>) -> Result<PathBuf, Wrong> {
    let text = word.text;
    if (!text.starts_with('/') && !text.starts_with("~/")) || text.ends_with('/') {
        return Err(word.wrong(format!("'{text}' must be the path of a file that begins with / or ~/")));
    }
    Ok(PathBuf::from(text))
}

fn unknown(directive: Word<'_>) -> Wrong {
    let name = directive.lower();
    match unsupported::reason(&name) {
        Some(reason) => {
            directive.wrong(format!("directive '{name}' is not supported by the agent: {reason}"))
        }
        None => {
            let hint = suggestion::hint(&name, DIRECTIVES.iter().copied());
            directive.wrong(format!("unknown directive '{}'{hint}", directive.text))
        }
    }
}
