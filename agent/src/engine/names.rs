//! Names of upstreams: looked up off the loop, retried until they have an address.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::action::{Action, Level, LookupId};
use super::{Engine, Source};
use crate::association::Association;
use crate::config::{Family, Upstream, UpstreamKind};
use crate::time::{Moment, Mono, Seconds};

/// One name and the places in the list of sources that its addresses fill.
#[derive(Clone, Debug)]
pub(super) struct Name {
    upstream: Upstream,
    slots: Range<usize>,
    lookup: Option<LookupId>,
    due: Mono,
    failures: u32,
}

/// The first retry of a failed lookup; each further one waits twice as long.
const FIRST_RETRY: Seconds = Seconds(4.0);
/// The longest wait between lookups of a name that has no address.
const LAST_RETRY: Seconds = Seconds(3600.0);
/// Sources start a little apart from each other, so that a fleet that boots together does not ask together.
const START_SPREAD: Seconds = Seconds(0.2);

pub(super) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}

impl Engine {
    /// Makes the list of sources: literal addresses at once, names as places to be filled.
    pub(super) fn add_upstream(&mut self, upstream: Upstream, now: Moment) {
        let places = match upstream.kind {
            UpstreamKind::Server => 1,
            UpstreamKind::Pool { max_sources } => max_sources.max(1) as usize,
        };
        let first = self.sources.len();
        let literal = upstream.name.parse::<IpAddr>().ok();
        for _ in 0..if literal.is_some() { 1 } else { places } {
            let id = u32::try_from(self.sources.len() + 1).unwrap_or(u32::MAX);
            self.sources.push(Source::unresolved(upstream.clone(), id));
        }
        let wanted = upstream.family.or(self.family);
        match literal {
            Some(address) if self.has_source(SocketAddr::new(address, upstream.port)) => {
                self.sources.truncate(first);
                self.log(Level::Warning, format!("{address} is listed twice: one source has one vote"));
            }
            Some(address) if wanted.is_none_or(|family| family == family_of(address)) => {
                self.fill(first, address, now);
            }
            Some(address) => self.log(
                Level::Warning,
                format!("{address} is not used: only the other address family is allowed here"),
            ),
            None => self.names.push(Name {
                upstream,
                slots: first..first + places,
                lookup: None,
                due: now.mono,
                failures: 0,
            }),
        }
    }

    fn fill(&mut self, slot: usize, address: IpAddr, now: Moment) {
        let first_poll = now.mono + START_SPREAD * self.luck.fraction();
        if let Some(source) = self.sources.get_mut(slot) {
            let upstream = source.upstream.clone();
            let port = upstream.port;
            source.association = Some(Association::new(upstream, SocketAddr::new(address, port), first_poll));
        }
    }

    /// Starts the lookups that are due.
    pub(super) fn look_up(&mut self, now: Moment) {
        for name in &mut self.names {
            if name.lookup.is_none() && name.due <= now.mono {
                self.last_lookup += 1;
                let lookup = LookupId(self.last_lookup);
                name.lookup = Some(lookup);
                let family = name.upstream.family.or(self.family);
                self.actions.push_back(Action::Resolve { lookup, name: name.upstream.name.clone(), family });
            }
        }
    }

    /// When the next lookup is due.
    pub(super) fn next_lookup(&self) -> Option<Mono> {
        self.names.iter().filter(|name| name.lookup.is_none()).map(|name| name.due).min()
    }

    /// Look all names up again, now (REFRESH).
    pub(super) fn look_up_again(&mut self, now: Moment) {
        for name in &mut self.names {
            name.due = now.mono;
        }
    }

    pub(super) fn resolved(&mut self, now: Moment, lookup: LookupId, result: Result<Vec<IpAddr>, String>) {
        let Some(position) = self.names.iter().position(|name| name.lookup == Some(lookup)) else { return };
        let Some(name) = self.names.get_mut(position) else { return };
        name.lookup = None;
        let wanted = name.upstream.family.or(self.family);
        let found: Vec<IpAddr> = result
            .as_ref()
            .map(|all| all.iter().copied().filter(|a| wanted.is_none_or(|f| f == family_of(*a))).collect())
            .unwrap_or_default();
        if found.is_empty() {
            let wait = (FIRST_RETRY * f64::from(name.failures.min(12)).exp2()).min(LAST_RETRY);
            name.failures = name.failures.saturating_add(1);
            name.due = now.mono + wait;
            let why = result.err().unwrap_or_else(|| "no address of the wanted family".to_owned());
            let text =
                format!("name {} could not be resolved: {why}; next try in {} s", name.upstream.name, wait.0);
            self.log(Level::Warning, text);
            return;
        }
        let (slots, port) = (name.slots.clone(), name.upstream.port);
        let mut found = found.into_iter();
        for slot in slots.clone() {
            if self.sources.get(slot).is_some_and(|source| source.association.is_some()) {
                continue;
            }
            let fresh = found.by_ref().find(|address| !self.has_source(SocketAddr::new(*address, port)));
            let Some(address) = fresh else { break };
            self.fill(slot, address, now);
        }
        // A pool whose name gives fewer addresses than wanted is asked again later: the next answer may hold others.
        let is_full =
            slots.into_iter().all(|slot| self.sources.get(slot).is_some_and(|s| s.association.is_some()));
        if let Some(name) = self.names.get_mut(position) {
            name.failures = 0;
            name.due = now.mono + LAST_RETRY;
            if is_full {
                name.due = Mono(u64::MAX);
            }
        }
    }

    fn has_source(&self, address: SocketAddr) -> bool {
        self.sources.iter().filter_map(|source| source.association.as_ref()).any(|a| a.address == address)
    }
}
