//! The rendered configuration, read as the host will read it and held against the inventory.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use timefleet_agent::config::{self, Config, ConfigError, Subnet, UpstreamKind};
use timefleet_agent::host::desired::Layout;
use timefleet_agent::time::Seconds;

use crate::inventory::host::DaemonKind;
use crate::inventory::{Host, MAX_DISTANCE, Place, Sourced};

use super::{RenderError, SourceLine, drift_file};

/// The text with the host's `extra` lines, when both say what the inventory says.
///
/// A chronyd knows more directives than the agent: for `daemon: chronyd` extra lines are taken as they are.
pub(super) fn checked(
    host: &Host,
    text: String,
    sources: &[SourceLine<'_>],
    layout: &Layout,
) -> Result<String, RenderError> {
    let wanted = Wanted { host, sources, layout };
    let config = config::parse("agent.conf", &text).map_err(|errors| rejected(host, &errors))?;
    if let Some(key) = wanted.first_difference(&config) {
        return Err(RenderError::ReadBack {
            host: host.name.clone(),
            line: 0,
            message: format!("`{key}` does not come back as it is in the inventory"),
        });
    }
    let extra = &host.time.extra;
    if extra.is_empty() {
        return Ok(text);
    }
    let lines: Vec<&str> = extra.iter().map(|line| line.value.as_str()).collect();
    let whole = format!("{text}{}\n", lines.join("\n"));
    if *host.time.daemon == DaemonKind::Agent {
        let before = text.lines().count();
        let config =
            config::parse("agent.conf", &whole).map_err(|errors| extra_rejected(host, before, &errors))?;
        if wanted.first_difference(&config).is_some() {
            return Err(culprit(&wanted, &text));
        }
    }
    Ok(whole)
}

fn rejected(host: &Host, errors: &[ConfigError]) -> RenderError {
    let first = errors.first();
    RenderError::ReadBack {
        host: host.name.clone(),
        line: first.map_or(0, |error| error.line),
        message: first.map(|error| error.message.clone()).unwrap_or_default(),
    }
}

fn place_of(line: Option<&Sourced<String>>, host: &Host) -> Place {
    line.and_then(|line| line.place.clone()).unwrap_or_else(|| host.place.clone())
}

fn extra_rejected(host: &Host, before: usize, errors: &[ConfigError]) -> RenderError {
    let Some(error) = errors.iter().find(|error| error.line > before) else { return rejected(host, errors) };
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
        if let Some(key) = wanted.first_difference(&config) {
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

/// What the inventory says, in the words of the dialect.
struct Wanted<'w> {
    host: &'w Host,
    sources: &'w [SourceLine<'w>],
    layout: &'w Layout,
}

impl Wanted<'_> {
    /// The first key whose value is not what the configuration says. Extra lines may add sources and access rules
    /// after those of the inventory.
    fn first_difference(&self, config: &Config) -> Option<&'static str> {
        let time = &self.host.time;
        let makestep = config.make_step.map(|step| (step.threshold, step.limit));
        let wanted_step = time.makestep.as_ref();
        let wanted_step = wanted_step.map(|step| (step.threshold, u32::try_from(step.limit).ok()));
        let local = config.local.map(|local| (local.stratum, local.orphan, local.distance, local.activate));
        let default_distance = Seconds(1.0);
        let wanted_local = time.local.as_ref();
        let wanted_local = wanted_local.map(|local| {
            let distance = local.distance.unwrap_or(default_distance);
            (local.stratum, local.orphan, distance, local.activate.unwrap_or(Seconds(0.0)))
        });
        let drift = PathBuf::from(drift_file(self.host, self.layout));
        let socket = match *time.daemon {
            DaemonKind::Agent => {
                let path = Path::new(&self.layout.command_socket);
                config.command_socket == config::CommandSocket::Path(path.to_owned())
            }
            DaemonKind::Chronyd => true,
        };
        let checks = [
            ("time.upstreams", self.same_sources(config)),
            ("time.allow", self.same_access(config)),
            ("time.local", local == wanted_local),
            (
                "time.maxdistance",
                config.max_distance == time.maxdistance.as_ref().map_or(MAX_DISTANCE, |d| d.value),
            ),
            (
                "time.minsources",
                config.min_sources == time.minsources.as_ref().map_or(1, |count| count.value),
            ),
            ("time.makestep", makestep == wanted_step),
            ("time.rtcsync", config.rtc_sync == *time.rtcsync),
            ("time.port", config.port == *time.port),
            ("time.cmdport", config.command_port == *time.cmdport),
            ("agent.home", socket && config.drift_file == Some(drift)),
        ];
        checks.into_iter().find(|(_, same)| !same).map(|(key, _)| key)
    }

    fn same_sources(&self, config: &Config) -> bool {
        config.upstreams.len() >= self.sources.len()
            && self.sources.iter().zip(&config.upstreams).all(|(wanted, read)| {
                let options = wanted.options;
                matches!(read.kind, UpstreamKind::Pool { .. }) == wanted.pool
                    && read.name == wanted.name
                    && read.port == wanted.port
                    && read.iburst == options.iburst
                    && read.prefer == options.prefer
                    && options.minpoll.is_none_or(|poll| poll == read.min_poll)
                    && options.maxpoll.is_none_or(|poll| poll == read.max_poll)
            })
    }

    fn same_access(&self, config: &Config) -> bool {
        let time = &self.host.time;
        let allow = time.allow.iter().map(|network| (true, network.value));
        let wanted: Vec<(bool, IpNet)> =
            allow.chain(time.deny.iter().map(|network| (false, network.value))).collect();
        let read = config.access.iter().map(|rule| match rule.subnet {
            Subnet::Net { address, length } if !rule.all => Some((rule.allow, address, length)),
            Subnet::Net { .. } | Subnet::Any => None,
        });
        config.access.len() >= wanted.len()
            && wanted
                .iter()
                .map(|(allow, network)| Some((*allow, network.addr(), network.prefix_len())))
                .eq(read.take(wanted.len()))
    }
}
