//! What a host's extra lines say, where the rules have to know it: an extra line may add sources, access rules and, for
//! a chronyd, values that no key gives.

use timefleet_agent::config::{self, AccessRule};

use crate::inventory::host::{Options, Upstream, UpstreamFrom};
use crate::inventory::{Host, Place, Sourced};

/// Logs that show how good the clock was.
const CLOCK_LOGS: [&str; 5] = ["tracking", "measurements", "rawmeasurements", "statistics", "refclocks"];

/// What is known of one host's extra lines.
#[derive(Debug, Default)]
pub(crate) struct ExtraLines<'i> {
    /// `server`, `pool` and `peer` lines, in the words of the inventory.
    pub(crate) sources: Vec<Sourced<Upstream>>,
    /// Sources in other files.
    pub(crate) more_sources: bool,
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
        match first.as_str() {
            "server" | "pool" | "peer" => {
                // A name stays as it is written.
                if let Some(name) = line.value.split_whitespace().nth(1) {
                    let value = source(first == "pool", name, words.get(2..).unwrap_or_default());
                    self.sources.push(Sourced { value, place: line.place.clone() });
                }
            }
            "refclock" => self.reference_clock = true,
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
