//! A source of time as an item of `time.upstreams`.

use timefleet_agent::config::{Upstream, UpstreamKind};

use super::text::quoted;

/// A host that polls its own address, and why it cannot.
pub(super) const ITSELF: &str = "the host itself among its servers";
pub(super) const WHY_NOT_ITSELF: &str = "it cannot follow itself";

/// A source: its name, and its item.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) item: String,
}

/// The item, when an inventory has a key for everything that the line says.
pub(super) fn item(upstream: &Upstream) -> Option<String> {
    let usual = Upstream::new("", UpstreamKind::Server);
    let known = Upstream {
        iburst: false,
        prefer: false,
        trust: false,
        require: false,
        no_select: false,
        interleaved: false,
        kind: UpstreamKind::Server,
        port: usual.port,
        min_poll: usual.min_poll,
        max_poll: usual.max_poll,
        filter: None,
        presend: None,
        version: None,
        key: None,
        max_delay: usual.max_delay,
        offset: usual.offset,
        ..upstream.clone()
    };
    if known != Upstream::new(upstream.name.clone(), UpstreamKind::Server) {
        return None;
    }
    let (kind, max_sources) = match upstream.kind {
        UpstreamKind::Server => ("server", None),
        UpstreamKind::Pool { max_sources } => ("pool", Some(max_sources).filter(|count| *count != 4)),
    };
    let mut fields = vec![format!("{kind}: {}", quoted(&upstream.name))];
    let different = |value: f64, usual: f64| (value != usual).then_some(value);
    let numbers = [
        ("port", different(upstream.port.into(), usual.port.into())),
        ("minpoll", different(upstream.min_poll.into(), usual.min_poll.into())),
        ("maxpoll", different(upstream.max_poll.into(), usual.max_poll.into())),
        ("maxsources", max_sources.map(f64::from)),
        ("key", upstream.key.map(f64::from)),
        ("version", upstream.version.map(f64::from)),
        ("presend", upstream.presend.map(f64::from)),
        ("filter", upstream.filter.map(f64::from)),
        ("maxdelay", different(upstream.max_delay.0, usual.max_delay.0)),
        ("offset", different(upstream.offset.0, usual.offset.0)),
    ];
    fields.extend(numbers.iter().filter_map(|(name, value)| Some(format!("{name}: {}", (*value)?))));
    let flags = [
        ("iburst", upstream.iburst),
        ("xleave", upstream.interleaved),
        ("prefer", upstream.prefer),
        ("trust", upstream.trust),
        ("require", upstream.require),
        ("noselect", upstream.no_select),
    ];
    fields.extend(flags.iter().filter(|(_, given)| *given).map(|(name, _)| format!("{name}: true")));
    Some(format!("{{ {} }}", fields.join(", ")))
}
