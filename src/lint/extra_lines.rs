//! What a host's extra lines say, where the rules have to know it: an extra line may add sources and access rules.

use timefleet_agent::config::{self, AccessRule, UpstreamKind};

use crate::inventory::{Host, Place, Sourced};

/// What is known of one host's extra lines.
#[derive(Debug, Default)]
pub(crate) struct ExtraLines<'i> {
    /// `server` and `pool` lines.
    pub(crate) sources: Vec<ExtraSource<'i>>,
    /// Sources that are somewhere else, or whose line only a chronyd can read.
    pub(crate) more_sources: bool,
    /// A clock of its own: a receiver, or a card that is set by one.
    pub(crate) reference_clock: bool,
    /// `allow` and `deny` lines.
    pub(super) access: Vec<(AccessRule, Option<&'i Place>)>,
    /// `cmdallow` without a limit.
    pub(super) commands_for_all: Option<&'i Place>,
    /// `bindcmdaddress` with an address that is not loopback.
    pub(super) commands_outside: bool,
    /// The first source with a key.
    pub(super) keyed: Option<&'i Place>,
    /// `keyfile`, or a line that may bring one.
    pub(super) key_file: bool,
    /// `log tracking` and the like.
    pub(super) logs: bool,
    /// `port` above 0.
    pub(super) port: Option<&'i Place>,
    /// `user root`.
    pub(super) root: Option<&'i Place>,
}

/// A `server` or `pool` line.
#[derive(Debug)]
pub(crate) struct ExtraSource<'i> {
    pub(crate) name: String,
    /// How many sources it can stand for.
    pub(super) most: usize,
    pub(crate) pool: bool,
    pub(super) max_poll: i8,
    pub(super) max_poll_written: bool,
    /// Only measured.
    pub(crate) no_select: bool,
    pub(super) require: bool,
    pub(super) place: Option<&'i Place>,
}

impl<'i> ExtraLines<'i> {
    pub(crate) fn of(host: &'i Host) -> Self {
        let mut lines = Self::default();
        for line in &host.time.extra {
            lines.read(line);
        }
        lines
    }

    /// Whether they bring a source of any kind that may be followed.
    pub(super) fn feed(&self) -> bool {
        self.reference_clock || self.more_sources || self.sources.iter().any(|source| !source.no_select)
    }

    fn read(&mut self, line: &'i Sourced<String>) {
        let words: Vec<String> = line.value.split_whitespace().map(str::to_ascii_lowercase).collect();
        let Some(first) = words.first() else { return };
        let place = line.place.as_ref();
        let second = words.get(1).map(String::as_str);
        match first.as_str() {
            "server" | "pool" | "peer" => {
                if words.iter().any(|word| word == "key") {
                    self.keyed = self.keyed.or(place);
                }
                self.source(&line.value, place, words.iter().any(|word| word == "maxpoll"));
            }
            "refclock" => self.reference_clock = true,
            // What is in those files is not known here.
            "include" | "confdir" => (self.more_sources, self.key_file) = (true, true),
            "sourcedir" => self.more_sources = true,
            "keyfile" => self.key_file = true,
            "log" => {
                self.logs |= words.iter().skip(1).any(|word| word == "tracking" || word == "measurements")
            }
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

    fn source(&mut self, line: &str, place: Option<&'i Place>, max_poll_written: bool) {
        let config = config::parse("extra", line).ok();
        let Some(upstream) = config.and_then(|config| config.upstreams.into_iter().next()) else {
            self.more_sources = true;
            return;
        };
        let (pool, most) = match upstream.kind {
            UpstreamKind::Pool { max_sources } => (true, usize::try_from(max_sources).unwrap_or(usize::MAX)),
            UpstreamKind::Server => (false, 1),
        };
        let (name, max_poll) = (upstream.name, upstream.max_poll);
        let (no_select, require) = (upstream.no_select, upstream.require);
        self.sources.push(ExtraSource {
            name,
            most,
            pool,
            max_poll,
            max_poll_written,
            no_select,
            require,
            place,
        });
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
