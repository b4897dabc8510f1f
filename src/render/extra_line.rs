//! Extra lines one by one: each is read alone, and one that has a key is held against it.

use timefleet_agent::config::{self, Config};

use crate::inventory::host::{DaemonKind, Role};
use crate::inventory::network::{self, NetworkError};
use crate::inventory::{Host, Place, Sourced};

use super::read_back::Wanted;

/// An extra line that cannot stay as it is.
#[derive(Debug, PartialEq)]
pub(crate) struct WrongLine {
    /// Where the line stands in the inventory.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
    /// It contradicts the key that is written there.
    pub(crate) key: Option<Place>,
    /// A host name where only addresses are good: the directive, and the name.
    pub(crate) name: Option<(String, String)>,
}

/// Directives that are keys of the inventory.
const KEYS: [(&str, &str); 9] = [
    ("local", "time.local"),
    ("maxdistance", "time.maxdistance"),
    ("minsources", "time.minsources"),
    ("makestep", "time.makestep"),
    ("rtcsync", "time.rtcsync"),
    ("ratelimit", "time.ratelimit"),
    ("keyfile", "time.keyfile"),
    ("port", "time.port"),
    ("cmdport", "time.cmdport"),
];

/// The key of the inventory that a directive would change, where the inventory speaks of it. A chronyd takes from an extra
/// line what no key says; what the agent does hangs on the keys alone.
pub(crate) fn key_of(host: &Host, directive: &str) -> Option<&'static str> {
    let time = &host.time;
    let (_, key) = KEYS.iter().find(|(known, _)| *known == directive)?;
    let speaks = match (*time.daemon, *key) {
        // The role decides about the port.
        (DaemonKind::Agent, _) | (_, "time.port") => true,
        (_, "time.local") => time.local.is_some(),
        (_, "time.maxdistance") => time.maxdistance.is_some(),
        (_, "time.minsources") => time.minsources.is_some(),
        (_, "time.makestep") => time.makestep.as_ref().is_none_or(|step| step.place.is_some()),
        (_, "time.rtcsync") => time.rtcsync.place.is_some(),
        (_, "time.ratelimit") => time.ratelimit.is_some(),
        (_, "time.keyfile") => time.keyfile.is_some(),
        _ => time.cmdport.place.is_some(),
    };
    speaks.then_some(*key)
}

/// The first word of a line.
pub(crate) fn directive(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase()
}

/// Every wrong line of a host. What only a chronyd knows is its own affair, where it is a chronyd that reads it.
pub(super) fn wrong(wanted: &Wanted<'_>) -> Vec<WrongLine> {
    wanted.host.time.extra.iter().filter_map(|line| judge(wanted, line)).collect()
}

fn judge(wanted: &Wanted<'_>, line: &Sourced<String>) -> Option<WrongLine> {
    let host = wanted.host;
    let place = line.place.clone().unwrap_or_else(|| host.place.clone());
    match config::parse("extra", &line.value) {
        Ok(config) => {
            let (key, at) = contradicted(wanted, &config, &directive(&line.value))?;
            let client = *host.role == Role::Client && key == "time.port";
            let (message, at) = if client {
                let message = "this extra line contradicts `role: client`: a client serves nobody".to_owned();
                (message, host.role.place.clone())
            } else {
                (format!("this extra line contradicts `{key}`: use that key instead"), at)
            };
            Some(WrongLine { place, message, key: at, name: None })
        }
        Err(errors) => {
            let error = errors.into_iter().next()?;
            if error.agent_only && *host.time.daemon == DaemonKind::Chronyd {
                return None;
            }
            Some(WrongLine { place, message: error.message, key: None, name: name(&line.value) })
        }
    }
}

fn contradicted(
    wanted: &Wanted<'_>,
    config: &Config,
    directive: &str,
) -> Option<(&'static str, Option<Place>)> {
    let key = key_of(wanted.host, directive)?;
    let checks = wanted.checks(config);
    let mut differs = checks.into_iter().filter(|(_, wanted, read, _)| wanted != read);
    differs.find(|(name, ..)| *name == key).map(|(key, _, _, place)| (key, place))
}

fn name(line: &str) -> Option<(String, String)> {
    let directive = directive(line);
    let word = line.split_whitespace().last()?;
    let about_addresses = ["allow", "deny", "cmdallow", "cmddeny"].contains(&directive.as_str());
    (about_addresses && network::parse(word) == Err(NetworkError::Name)).then(|| (directive, word.to_owned()))
}
