//! Whom a host follows, and how: its upstreams, and what its extra lines bring.

use std::collections::HashMap;

use super::Kind;
use crate::inventory::Host;
use crate::inventory::host::{Platform, Upstream, UpstreamFrom};
use crate::lint::ExtraLines;

/// One way to the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) to: To,
    /// In chrony's words: `iburst minpoll 4`.
    pub(super) options: String,
    /// `noselect`: never followed.
    pub(super) measured: bool,
}

/// Where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum To {
    /// Out of the inventory.
    Outside(Kind, String),
    /// To the host with this index.
    Host(usize),
    /// To every host of a group.
    Group(String),
}

/// The ways of one host (an index); `inside` are the hosts of the inventory by their addresses and names.
pub(super) fn of(host: &Host, index: usize, inside: &HashMap<&str, Option<usize>>) -> Vec<Way> {
    let server = |name: &str| match inside.get(name).copied().flatten() {
        Some(host) => To::Host(host),
        None => To::Outside(Kind::OutsideServer, name.to_owned()),
    };
    let mut ways: Vec<Way> = Vec::new();
    for upstream in &host.time.upstreams {
        let to = match &upstream.from {
            UpstreamFrom::Server(name) => server(name),
            UpstreamFrom::Pool(name) => To::Outside(Kind::OutsidePool, name.clone()),
            UpstreamFrom::Group(name) => To::Group(name.clone()),
        };
        ways.push(Way { to, options: options(upstream), measured: upstream.options.noselect });
    }
    if !host.time.extra.is_empty() {
        let extra = ExtraLines::of(host);
        let mut add = |to, measured: bool| {
            let options = if measured { "extra line, noselect" } else { "extra line" };
            ways.push(Way { to, options: options.to_owned(), measured });
        };
        for source in &extra.sources {
            let to = match source.pool {
                true => To::Outside(Kind::OutsidePool, source.name.clone()),
                false => server(&source.name),
            };
            add(to, source.no_select);
        }
        if extra.reference_clock {
            add(To::Outside(Kind::Clock, "reference clock".to_owned()), false);
        }
        if extra.more_sources {
            add(To::Outside(Kind::OutsideFiles, "sources in other files".to_owned()), false);
        }
    }
    // Nobody follows itself.
    ways.retain(|way| way.to != To::Host(index));
    ways
}

fn options(upstream: &Upstream) -> String {
    let mut words = Vec::new();
    words.extend(upstream.iburst.then(|| "iburst".to_owned()));
    words.extend(upstream.prefer.then(|| "prefer".to_owned()));
    words.extend(upstream.port.map(|port| format!("port {port}")));
    words.extend(upstream.minpoll.map(|poll| format!("minpoll {poll}")));
    words.extend(upstream.maxpoll.map(|poll| format!("maxpoll {poll}")));
    words.extend(upstream.options.require.then(|| "require".to_owned()));
    words.extend(upstream.options.noselect.then(|| "noselect".to_owned()));
    words.extend((upstream.platform == Some(Platform::Windows)).then(|| "windows".to_owned()));
    words.join(" ")
}
