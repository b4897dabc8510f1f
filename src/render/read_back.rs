//! The rendered configuration, read as the host will read it and held against the inventory.

use timefleet_agent::config::{self, Config, ConfigError, Subnet};
use timefleet_agent::host::desired::Layout;

use crate::inventory::host::DaemonKind;
use crate::inventory::{Host, MAX_DISTANCE, Place, Sourced};

use super::extra_line::{self, WrongLine};
use super::source_line::SourceLine;
use super::{Contradiction, RenderError, drift_file, layout, ratelimit};

/// The text with the host's `extra` lines, when both say what the inventory says. `template` is what made the text.
///
/// A chronyd knows more directives than the agent: for `daemon: chronyd` lines that the agent does not know are taken as
/// they are.
pub(super) fn checked(
    host: &Host,
    template: &str,
    text: String,
    sources: &[SourceLine<'_>],
    layout: &Layout,
) -> Result<String, RenderError> {
    let wanted = Wanted { host, sources, layout, extra: false };
    let config = read(host, template, &text)?;
    if let Some(Difference { key, wanted, read, place }) = wanted.first_difference(&config) {
        let (template, host) = (template.to_owned(), host.name.clone());
        let contradiction = Contradiction { template, host, key, wanted, read, place };
        return Err(Box::new(contradiction).into());
    }
    let extra = &host.time.extra;
    if extra.is_empty() {
        return Ok(text);
    }
    let wanted = Wanted { extra: true, ..wanted };
    if let Some(WrongLine { place, message, .. }) = extra_line::wrong(&wanted).into_iter().next() {
        return Err(RenderError::Extra { host: host.name.clone(), place, message });
    }
    let lines: Vec<&str> = extra.iter().map(|line| line.value.as_str()).collect();
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let whole = format!("{text}{end}{}\n", lines.join("\n"));
    if *host.time.daemon == DaemonKind::Agent {
        let before = text.lines().count();
        let config = config::parse("agent.conf", &whole)
            .map_err(|errors| extra_rejected(host, template, &text, before, &errors))?;
        if wanted.first_difference(&config).is_some() {
            return Err(culprit(&wanted, &format!("{text}{end}")));
        }
    }
    Ok(whole)
}

/// Everything that is wrong with a host's extra lines, each read alone.
pub(crate) fn wrong_extra_lines(host: &Host) -> Vec<WrongLine> {
    extra_line::wrong(&Wanted { host, sources: &[], layout: &layout(host), extra: true })
}

/// What a chronyd may know and the agent does not is left out; everything else must be read.
fn read(host: &Host, template: &str, text: &str) -> Result<Config, RenderError> {
    let errors = match config::parse("agent.conf", text) {
        Ok(config) => return Ok(config),
        Err(errors) => errors,
    };
    if *host.time.daemon == DaemonKind::Agent {
        return Err(rejected(host, template, text, &errors));
    }
    let wrong = |index: &usize| errors.iter().any(|error| error.line == index + 1);
    let known = text.lines().enumerate().map(|(index, line)| if wrong(&index) { "" } else { line });
    config::parse_lines("agent.conf", known).map_err(|errors| rejected(host, template, text, &errors))
}

fn rejected(host: &Host, template: &str, text: &str, errors: &[ConfigError]) -> RenderError {
    let first = errors.first();
    let line = first.map_or(0, |error| error.line);
    RenderError::ReadBack {
        template: template.to_owned(),
        host: host.name.clone(),
        line,
        text: text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned(),
        message: first.map(|error| error.message.clone()).unwrap_or_default(),
    }
}

fn place_of(line: Option<&Sourced<String>>, host: &Host) -> Place {
    line.and_then(|line| line.place.clone()).unwrap_or_else(|| host.place.clone())
}

fn extra_rejected(
    host: &Host,
    template: &str,
    text: &str,
    before: usize,
    errors: &[ConfigError],
) -> RenderError {
    let Some(error) = errors.iter().find(|error| error.line > before) else {
        return rejected(host, template, text, errors);
    };
    let line = host.time.extra.get(error.line - before - 1);
    RenderError::Extra {
        host: host.name.clone(),
        place: place_of(line, host),
        message: error.message.clone(),
    }
}

/// Which extra line it is that changes a value: the first after which the values differ.
fn culprit(wanted: &Wanted<'_>, text: &str) -> RenderError {
    let mut so_far = text.to_owned();
    let extra = &wanted.host.time.extra;
    for line in extra {
        so_far = format!("{so_far}{}\n", line.value);
        let Ok(config) = config::parse("agent.conf", &so_far) else { continue };
        if let Some(Difference { key, .. }) = wanted.first_difference(&config) {
            return RenderError::Extra {
                host: wanted.host.name.clone(),
                place: place_of(Some(line), wanted.host),
                message: format!("this extra line contradicts `{key}`: use that key instead"),
            };
        }
    }
    RenderError::Extra {
        host: wanted.host.name.clone(),
        place: place_of(extra.last(), wanted.host),
        message: "the extra lines together contradict a key of the inventory".to_owned(),
    }
}

/// A key whose value did not come back.
struct Difference {
    key: &'static str,
    /// What the inventory says, in the words of the dialect.
    wanted: String,
    /// What the parser read.
    read: String,
    place: Option<Place>,
}

/// What the inventory says.
pub(super) struct Wanted<'w> {
    pub(super) host: &'w Host,
    sources: &'w [SourceLine<'w>],
    layout: &'w Layout,
    /// Whether extra lines are among those that were read: they may add sources and access rules after those of the
    /// inventory, and say what it does not. A template may not: the rules would not know of it.
    extra: bool,
}

/// After the lines that the inventory asks for.
const NOTHING_MORE: &str = "nothing more";

/// Nothing has a word, too.
fn words(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().trim().to_owned())
}

fn place<T>(value: Option<&Sourced<T>>) -> Option<Place> {
    value.and_then(|value| value.place.clone())
}

impl Wanted<'_> {
    /// The first key whose value is not what the configuration says.
    fn first_difference(&self, config: &Config) -> Option<Difference> {
        let differs = self.checks(config).into_iter().find(|(_, wanted, read, _)| wanted != read);
        differs.map(|(key, wanted, read, place)| Difference { key, wanted, read, place })
    }

    /// Every key with its value and what the configuration says. Both sides are compared as text: a number's shortest
    /// decimal names one number only.
    pub(super) fn checks(&self, config: &Config) -> [Check; 12] {
        let time = &self.host.time;
        let limit = |limit: Option<u32>| limit.map_or(-1, i64::from);
        let read_step = config.make_step.map(|step| format!("{} {}", step.threshold.0, limit(step.limit)));
        let wanted_step = time.makestep.as_ref();
        let wanted_step =
            wanted_step.map(|step| format!("{} {}", step.threshold.0, limit(u32::try_from(step.limit).ok())));
        let maxdistance = time.maxdistance.as_ref().map_or(MAX_DISTANCE, |distance| distance.value);
        let minsources = time.minsources.as_ref().map_or(1, |count| count.value);
        let read_keys = config.key_file.as_ref().map(|path| path.display());
        let wanted_keys = time.keyfile.as_ref().map(|path| path.value.clone());
        [
            self.sources(config),
            self.access(config),
            ("time.local", words(self.local()), words(config.local), place(time.local.as_ref())),
            (
                "time.maxdistance",
                maxdistance.0.to_string(),
                config.max_distance.0.to_string(),
                place(time.maxdistance.as_ref()),
            ),
            (
                "time.minsources",
                minsources.to_string(),
                config.min_sources.to_string(),
                place(time.minsources.as_ref()),
            ),
            ("time.makestep", words(wanted_step), words(read_step), place(time.makestep.as_ref())),
            (
                "time.rtcsync",
                time.rtcsync.to_string(),
                config.rtc_sync.to_string(),
                time.rtcsync.place.clone(),
            ),
            (
                "time.ratelimit",
                words(time.ratelimit.as_ref().map(|limit| ratelimit(limit.value))),
                words(self.said(time.ratelimit.is_some(), config.rate_limit.map(ratelimit))),
                place(time.ratelimit.as_ref()),
            ),
            (
                "time.keyfile",
                words(wanted_keys),
                words(self.said(time.keyfile.is_some(), read_keys)),
                place(time.keyfile.as_ref()),
            ),
            ("time.port", time.port.to_string(), config.port.to_string(), time.port.place.clone()),
            (
                "time.cmdport",
                time.cmdport.to_string(),
                config.command_port.to_string(),
                time.cmdport.place.clone(),
            ),
            self.files(config),
        ]
    }

    /// What was read of a key; extra lines may say what the inventory does not.
    fn said<T>(&self, by_inventory: bool, read: Option<T>) -> Option<T> {
        read.filter(|_| by_inventory || !self.extra)
    }

    fn local(&self) -> Option<config::Local> {
        let usual = config::Local::default();
        self.host.time.local.as_ref().map(|local| config::Local {
            stratum: local.stratum,
            orphan: local.orphan,
            distance: local.distance.unwrap_or(usual.distance),
            activate: local.activate.unwrap_or(usual.activate),
            wait_synced: local.waitsynced.unwrap_or(usual.wait_synced),
            wait_unsynced: local.waitunsynced.unwrap_or(usual.wait_unsynced),
        })
    }

    fn sources(&self, config: &Config) -> Check {
        let mut read = config.upstreams.iter();
        let pairs = self.sources.iter().zip(std::iter::from_fn(|| Some(read.next())));
        let wrong = pairs.filter_map(|(wanted, read)| match read {
            Some(read) => {
                let over = wanted.over(read);
                (over != *read).then(|| (wanted.text(), read.to_string()))
            }
            None => Some((wanted.text(), words(None::<String>))),
        });
        let more = config.upstreams.get(self.sources.len()..).unwrap_or_default();
        let more =
            more.iter().filter(|_| !self.extra).map(|read| (NOTHING_MORE.to_owned(), read.to_string()));
        let (wanted, read) = wrong.chain(more).next().unwrap_or_default();
        let place = self.host.time.upstreams.first().and_then(|upstream| upstream.place.clone());
        ("time.upstreams", wanted, read, place)
    }

    fn access(&self, config: &Config) -> Check {
        let time = &self.host.time;
        let allow = time.allow.iter().map(|network| ("allow", network));
        let deny = time.deny.iter().map(|network| ("deny", network));
        let mut read = config.access.iter().map(|rule| {
            let word = if rule.allow { "allow" } else { "deny" };
            match rule.subnet {
                Subnet::Net { address, length } if !rule.all => format!("{word} {address}/{length}"),
                Subnet::Net { .. } | Subnet::Any => format!("{word}{rule}"),
            }
        });
        let wrong = allow.chain(deny).find_map(|(word, network)| {
            let (address, length) = (network.value.addr(), network.value.prefix_len());
            let wanted = format!("{word} {address}/{length}");
            let read = words(read.next());
            (wanted != read).then_some((wanted, read, network.place.clone()))
        });
        let more = || Some((NOTHING_MORE.to_owned(), read.next()?, None)).filter(|_| !self.extra);
        let (wanted, read, place) = wrong.or_else(more).unwrap_or_default();
        ("time.allow", wanted, read, place)
    }

    /// The drift file, and the agent's socket.
    fn files(&self, config: &Config) -> Check {
        let socket = match (&config.command_socket, *self.host.time.daemon) {
            (config::CommandSocket::Path(path), DaemonKind::Agent) => path.display().to_string(),
            (_, DaemonKind::Agent) => words(None::<String>),
            (_, DaemonKind::Chronyd) => self.layout.command_socket.clone(),
        };
        let drift = words(config.drift_file.as_ref().map(|path| path.display()));
        let wanted = format!("{} and {}", drift_file(self.host, self.layout), self.layout.command_socket);
        ("agent.home", wanted, format!("{drift} and {socket}"), None)
    }
}

/// A key, what is wanted, what was read, and where it is written.
pub(super) type Check = (&'static str, String, String, Option<Place>);
