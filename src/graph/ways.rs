//! Whom a host follows, and how: its upstreams, and what its extra lines bring.

use super::Kind;
use crate::inventory::host::{Platform, Upstream, UpstreamFrom};
use crate::inventory::{ByAddress, Host};
use crate::lint::{ExtraLines, all_upstreams};

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

/// The ways of one host (an index); `inside` are the hosts of the inventory by their addresses and names, `extra` what
/// the host's extra lines say.
pub(super) fn of<'i>(
    host: &'i Host,
    index: usize,
    inside: &ByAddress<'_>,
    extra: Option<&'i ExtraLines<'i>>,
) -> Vec<Way> {
    let server = |name: &str| match inside.host(name) {
        Some(host) => To::Host(host),
        None => To::Outside(Kind::OutsideServer, name.to_owned()),
    };
    let keys = host.time.upstreams.len();
    let mut ways: Vec<Way> = Vec::new();
    for (at, upstream) in all_upstreams(host, extra).enumerate() {
        let to = match &upstream.from {
            UpstreamFrom::Server(name) => server(name),
            UpstreamFrom::Pool(name) => To::Outside(Kind::OutsidePool, name.clone()),
            UpstreamFrom::Group(name) => To::Group(name.clone()),
        };
        let measured = upstream.options.noselect;
        let options = match (at < keys, measured) {
            (true, _) => options(upstream),
            (false, false) => "extra line".to_owned(),
            (false, true) => "extra line, noselect".to_owned(),
        };
        ways.push(Way { to, options, measured });
    }
    if let Some(extra) = extra {
        let mut add = |name: &str, kind| {
            let (to, options) = (To::Outside(kind, name.to_owned()), "extra line".to_owned());
            ways.push(Way { to, options, measured: false });
        };
        if extra.reference_clock {
            add("reference clock", Kind::Clock);
        }
        if extra.more_sources {
            add("sources in other files", Kind::OutsideFiles);
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
