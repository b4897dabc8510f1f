//! What a host's extra lines say, where the rules have to know it: an extra line may add sources, access rules and, for
//! a chronyd, values that no key gives.

use timefleet_agent::config::{self, AccessRule};
use timefleet_agent::time::Seconds;

use crate::inventory::host::{DaemonKind, Local, MakeStep, Options, Upstream, UpstreamFrom};
use crate::inventory::{Host, Place, Sourced};
use crate::render::extra_line::{directive, key_of};

/// Logs that show how good the clock was.
const CLOCK_LOGS: [&str; 5] = ["tracking", "measurements", "rawmeasurements", "statistics", "refclocks"];

/// What is known of one host's extra lines.
#[derive(Debug, Default)]
pub(crate) struct ExtraLines<'i> {
    /// `server`, `pool` and `peer` lines, in the words of the inventory.
    pub(crate) sources: Vec<Sourced<Upstream>>,
    /// Sources in other files.
    pub(crate) more_sources: bool,
    /// The lines that name files with more sources.
    pub(super) unseen: Vec<&'i Sourced<String>>,
    /// A clock of its own: a receiver, or a card that is set by one.
    pub(crate) reference_clock: bool,
    /// `allow` and `deny` lines.
    pub(super) access: Vec<(AccessRule, Option<&'i Place>)>,
    /// Directives in other files: nothing is known of those.
    pub(super) more_lines: bool,
    /// `cmdallow` without a limit.
    pub(super) commands_for_all: Option<&'i Place>,
    /// `bindcmdaddress` with an address that is not loopback.
    pub(super) commands_outside: bool,
    /// `keyfile`, or a line that may bring one.
    pub(super) key_file: bool,
    /// `log tracking` and the like.
    logs: bool,
    /// `logdir`: without it nothing is logged.
    log_directory: bool,
    /// Values that no key gives: `local`.
    pub(crate) local: Option<Sourced<Local>>,
    /// `maxdistance`.
    pub(super) max_distance: Option<Sourced<Seconds>>,
    /// `makestep`.
    pub(super) make_step: Option<Sourced<MakeStep>>,
    /// `minsources`.
    pub(super) min_sources: Option<Sourced<u32>>,
    /// `cmdport`.
    pub(super) command_port: Option<Sourced<u16>>,
    /// `port` above 0.
    pub(super) port: Option<&'i Place>,
    /// `user root`.
    pub(super) root: Option<&'i Place>,
}

impl<'i> ExtraLines<'i> {
    pub(crate) fn of(host: &'i Host) -> Self {
        let mut lines = Self::default();
        for line in &host.time.extra {
            lines.read(line);
            if *host.time.daemon == DaemonKind::Chronyd {
                lines.value(host, line);
            }
        }
        lines
    }

    /// Whether they bring time that comes from no `server`, `pool` or `peer` line.
    pub(super) fn feed(&self) -> bool {
        self.reference_clock || self.more_sources
    }

    /// Whether something is written down of how good the clock is, as far as is known here.
    pub(super) fn keep_a_log(&self) -> bool {
        self.more_lines || (self.logs && self.log_directory)
    }

    fn read(&mut self, line: &'i Sourced<String>) {
        let words: Vec<String> = line.value.split_whitespace().map(str::to_ascii_lowercase).collect();
        let Some(first) = words.first() else { return };
        let place = line.place.as_ref();
        let second = words.get(1).map(String::as_str);
        if matches!(first.as_str(), "include" | "confdir" | "sourcedir") {
            self.unseen.push(line);
        }
        match first.as_str() {
            "server" | "pool" | "peer" => {
                // A name stays as it is written.
                if let Some(name) = line.value.split_whitespace().nth(1) {
                    let value = source(first == "pool", name, words.get(2..).unwrap_or_default());
                    self.sources.push(Sourced { value, place: line.place.clone() });
                }
            }
            "refclock" => self.reference_clock |= !words.iter().any(|word| word == "noselect"),
            // What is in those files is not known here.
            "include" | "confdir" => {
                (self.more_sources, self.more_lines, self.key_file) = (true, true, true);
            }
            "sourcedir" => self.more_sources = true,
            "keyfile" => self.key_file = true,
            "log" => self.logs |= words.iter().skip(1).any(|word| CLOCK_LOGS.contains(&word.as_str())),
            "logdir" => self.log_directory |= second.is_some(),
            "port" if second.is_some_and(|port| port != "0") => self.port = place,
            "user" if second == Some("root") => self.root = place,
            "bindcmdaddress" => {
                let loopback = second.is_none_or(|address| {
                    address.starts_with('/') || address.starts_with("127.") || address == "::1"
                });
                self.commands_outside |= !loopback;
            }
            "allow" | "deny" | "cmdallow" => self.access(first, &line.value, place),
            _ => {}
        }
    }

    /// What a line says that no key does. The last one counts, as in chronyd.
    fn value(&mut self, host: &Host, line: &Sourced<String>) {
        let directive = directive(&line.value);
        let speaks = ["local", "maxdistance", "makestep", "minsources", "cmdport"];
        if !speaks.contains(&directive.as_str()) || key_of(host, &directive).is_some() {
            return;
        }
        let Ok(config) = config::parse("extra", &line.value) else { return };
        let place = || line.place.clone();
        match directive.as_str() {
            "local" => {
                self.local = config.local.map(|local| Sourced { value: own_clock(local), place: place() });
            }
            "maxdistance" => {
                self.max_distance = Some(Sourced { value: config.max_distance, place: place() });
            }
            "makestep" => {
                let step = config.make_step.map(|step| MakeStep {
                    threshold: step.threshold,
                    limit: step.limit.map_or(-1, |limit| i32::try_from(limit).unwrap_or(i32::MAX)),
                });
                self.make_step = step.map(|value| Sourced { value, place: place() });
            }
            "minsources" => self.min_sources = Some(Sourced { value: config.min_sources, place: place() }),
            _ => self.command_port = Some(Sourced { value: config.command_port, place: place() }),
        }
    }

    fn access(&mut self, word: &str, line: &str, place: Option<&'i Place>) {
        let Ok(config) = config::parse("extra", line) else { return };
        if word == "cmdallow" {
            if config.command_access.iter().any(|rule| super::access::is_everybody(rule.subnet)) {
                self.commands_for_all = place;
            }
        } else {
            self.access.extend(config.access.into_iter().map(|rule| (rule, place)));
        }
    }
}

fn own_clock(local: config::Local) -> Local {
    let config::Local { stratum, distance, orphan, activate, wait_synced, wait_unsynced } = local;
    let above_zero = |value: Seconds| (value > Seconds::ZERO).then_some(value);
    Local {
        stratum,
        orphan,
        distance: Some(distance),
        activate: above_zero(activate),
        waitsynced: above_zero(wait_synced),
        waitunsynced: above_zero(wait_unsynced),
    }
}

/// A source as the line's words have it. What is wrong with a word is told elsewhere.
fn source(pool: bool, name: &str, words: &[String]) -> Upstream {
    let says = |option: &str| words.iter().any(|word| word == option);
    let value = |option: &str| words.iter().skip_while(|word| *word != option).nth(1);
    fn number<T: std::str::FromStr>(word: Option<&String>) -> Option<T> {
        word?.parse().ok()
    }
    let name = name.to_owned();
    Upstream {
        from: if pool { UpstreamFrom::Pool(name) } else { UpstreamFrom::Server(name) },
        iburst: says("iburst"),
        prefer: says("prefer"),
        port: number(value("port")),
        minpoll: number(value("minpoll")),
        maxpoll: number(value("maxpoll")),
        platform: None,
        options: Options {
            trust: says("trust"),
            require: says("require"),
            noselect: says("noselect"),
            key: number(value("key")),
            maxsources: number(value("maxsources")),
            ..Options::default()
        },
    }
}
