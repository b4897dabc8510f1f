//! One `server` or `pool` line: a group is spread out into its hosts.

use timefleet_agent::config;
use timefleet_agent::time::Seconds;

use crate::inventory::host::{Upstream, UpstreamFrom};
use crate::inventory::{Host, Inventory, NTP_PORT};

/// An upstream of one host, with the name and the port that are written.
#[derive(Debug)]
pub(super) struct SourceLine<'i> {
    pool: bool,
    name: &'i str,
    port: u16,
    upstream: &'i Upstream,
}

/// Every line of a host, in the order of its upstreams.
pub(super) fn of<'i>(inventory: &'i Inventory, host: &'i Host) -> Vec<SourceLine<'i>> {
    let mut lines = Vec::new();
    for upstream in &host.time.upstreams {
        let upstream = &upstream.value;
        let line =
            |pool, name, port: u16| SourceLine { pool, name, port: upstream.port.unwrap_or(port), upstream };
        match &upstream.from {
            UpstreamFrom::Server(name) => lines.push(line(false, name, NTP_PORT)),
            UpstreamFrom::Pool(name) => lines.push(line(true, name, NTP_PORT)),
            UpstreamFrom::Group(group) => {
                let servers = inventory.upstream_hosts(host, group);
                lines.extend(servers.map(|server| line(false, &server.address, *server.time.port)));
            }
        }
    }
    lines
}

impl SourceLine<'_> {
    /// As it is written into the configuration.
    pub(super) fn text(&self) -> String {
        let Upstream { minpoll, maxpoll, iburst, prefer, options, .. } = self.upstream;
        let kind = if self.pool { "pool" } else { "server" };
        let mut text = format!("{kind} {}", self.name);
        if self.port != NTP_PORT {
            text += &format!(" port {}", self.port);
        }
        let seconds = |seconds: Option<Seconds>| seconds.map(|seconds| seconds.0.to_string());
        let values = [
            ("minpoll", minpoll.map(|poll| poll.to_string())),
            ("maxpoll", maxpoll.map(|poll| poll.to_string())),
            ("maxsources", options.maxsources.map(|count| count.to_string())),
            ("key", options.key.map(|key| key.to_string())),
            ("version", options.version.map(|version| version.to_string())),
            ("presend", options.presend.map(|poll| poll.to_string())),
            ("filter", options.filter.map(|polls| polls.to_string())),
            ("maxdelay", seconds(options.maxdelay)),
            ("offset", seconds(options.offset)),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                text += &format!(" {name} {value}");
            }
        }
        let flags = [
            ("iburst", *iburst),
            ("xleave", options.xleave),
            ("prefer", *prefer),
            ("trust", options.trust),
            ("require", options.require),
            ("noselect", options.noselect),
        ];
        for (name, given) in flags {
            if given {
                text += &format!(" {name}");
            }
        }
        text
    }

    /// `read` with everything that the inventory has a key for as the inventory says it; what has none is left as
    /// it was read.
    pub(super) fn over(&self, read: &config::Upstream) -> config::Upstream {
        let usual = config::Upstream::new("", config::UpstreamKind::Server);
        let Upstream { minpoll, maxpoll, iburst, prefer, options, .. } = self.upstream;
        // chrony.conf(5): one of the two limits pulls the other along.
        let lowest = minpoll.unwrap_or(usual.min_poll.min(maxpoll.unwrap_or(i8::MAX)));
        let pool = config::UpstreamKind::Pool { max_sources: options.maxsources.unwrap_or(4) };
        config::Upstream {
            name: self.name.to_owned(),
            kind: if self.pool { pool } else { config::UpstreamKind::Server },
            port: self.port,
            min_poll: lowest,
            max_poll: maxpoll.unwrap_or(usual.max_poll.max(lowest)),
            iburst: *iburst,
            prefer: *prefer,
            trust: options.trust,
            require: options.require,
            no_select: options.noselect,
            interleaved: options.xleave,
            filter: options.filter,
            presend: options.presend,
            max_delay: options.maxdelay.unwrap_or(usual.max_delay),
            offset: options.offset.unwrap_or(usual.offset),
            version: options.version,
            key: options.key,
            ..read.clone()
        }
    }
}
