//! Names of upstreams: looked up off the loop until they have an address, and again when what they gave is no good.

use std::net::{IpAddr, SocketAddr};

use super::action::{Action, Level, LookupId};
use super::sources::LineId;
use super::{Engine, Source};
use crate::config::{Family, Upstream, UpstreamKind};
use crate::select::Verdict;
use crate::time::{Moment, Mono, Seconds};

/// One name whose addresses fill places in the list of sources.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// The line it stands in.
    pub(super) line: LineId,
    upstream: Upstream,
    lookup: Option<LookupId>,
    /// The next lookup for places without an address; `None` = all have one.
    due: Option<Mono>,
    failures: u32,
    /// Lookups since one left places empty that a further one may fill.
    refills: u32,
    /// Not before this are addresses replaced that turned out to be no good.
    no_replacement_before: Mono,
    /// REFRESH: what the next answer does not hold any more is replaced at once.
    is_refreshed: bool,
}

/// The first retry of a failed lookup; each further one waits twice as long.
const FIRST_RETRY: Seconds = Seconds(4.0);
/// The first lookup after one that gave a pool fewer addresses than it wants: answers rotate, the next may give others.
const FIRST_REFILL: Seconds = Seconds(64.0);
/// The longest wait between lookups of a name that has no address.
const LAST_RETRY: Seconds = Seconds(3600.0);
/// chrony.conf(5), server: automatic replacement happens at most this often.
const REPLACEMENT_INTERVAL: Seconds = Seconds(1800.0);
/// A source that lies or has lost its own time for this many polling intervals is replaced.
const BAD_INTERVALS: f64 = 8.0;
/// "No valid response to the last eight requests" needs eight requests.
const REACH_POLLS: u32 = 8;

/// The wait after so many others, each twice as long as the one before.
fn doubled(first: Seconds, times: u32) -> Seconds {
    (first * f64::from(times.min(12)).exp2()).min(LAST_RETRY)
}

pub(super) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}

impl Name {
    pub(super) fn new(line: LineId, upstream: Upstream, now: Mono) -> Self {
        Self {
            line,
            upstream,
            lookup: None,
            due: Some(now),
            failures: 0,
            refills: 0,
            no_replacement_before: now,
            is_refreshed: false,
        }
    }

    fn family(&self, only: Option<Family>) -> Option<Family> {
        self.upstream.family.or(only)
    }

    /// After a lookup that gave nothing: how long until the next, when there is a place to fill.
    fn retry(&mut self, now: Mono, is_wanting: bool) -> Seconds {
        let wait = doubled(FIRST_RETRY, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.due = is_wanting.then(|| now + wait);
        wait
    }
}

impl Source {
    /// Why its address should be exchanged for another one of its name: it has not answered for eight polls, or what
    /// it says has been unusable for as long.
    fn worn_out(&self, now: Mono) -> Option<&'static str> {
        let association = self.association.as_ref().filter(|association| association.online)?;
        if association.refused.is_some() {
            return Some(self.reason());
        }
        let is_silent = association.reach == 0 && association.counters.sent >= REACH_POLLS;
        let patience = association.interval() * BAD_INTERVALS;
        if is_silent && !self.is_unsynchronised() {
            return Some(Verdict::Unreachable.reason());
        }
        let is_bad = self.bad_since.is_some_and(|since| now - since >= patience);
        (is_silent || is_bad).then(|| self.reason())
    }
}

/// Verdicts that another address of the same name may cure.
pub(super) fn is_bad(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Falseticker | Verdict::Unsynchronised | Verdict::Distant | Verdict::Untrusted)
}

impl Engine {
    /// Starts the lookups that are due.
    pub(super) fn look_up(&mut self, now: Moment) {
        let sources = &self.sources;
        for name in &mut self.names {
            let is_worn = |name: &Name| {
                name.no_replacement_before <= now.mono
                    && sources.iter().any(|it| it.line == name.line && it.worn_out(now.mono).is_some())
            };
            let is_due = name.due.is_some_and(|due| due <= now.mono) || is_worn(name);
            if name.lookup.is_none() && is_due {
                self.last_lookup += 1;
                let lookup = LookupId(self.last_lookup);
                name.lookup = Some(lookup);
                let family = name.family(self.family);
                self.actions.push_back(Action::Resolve { lookup, name: name.upstream.name.clone(), family });
            }
        }
    }

    /// When the next lookup is due. Sources are looked at for wear whenever a timeout is handled, which is often
    /// enough for what takes eight polls.
    pub(super) fn next_lookup(&self) -> Option<Mono> {
        self.names.iter().filter(|name| name.lookup.is_none()).filter_map(|name| name.due).min()
    }

    /// Look all names up again, now (REFRESH).
    pub(super) fn look_up_again(&mut self, now: Moment) {
        for name in &mut self.names {
            name.due = Some(now.mono);
            name.is_refreshed = true;
        }
    }

    /// Look those names up now that have no address yet (ONLINE).
    pub(super) fn look_up_missing(&mut self, now: Moment) {
        for name in &mut self.names {
            name.due = name.due.map(|due| due.min(now.mono));
        }
    }

    pub(super) fn resolved(&mut self, now: Moment, lookup: LookupId, result: Result<Vec<IpAddr>, String>) {
        let Some(position) = self.names.iter().position(|name| name.lookup == Some(lookup)) else { return };
        let Some(name) = self.names.get_mut(position) else { return };
        name.lookup = None;
        let line = name.line;
        let wanted = name.family(self.family);
        let found: Vec<IpAddr> = result
            .as_ref()
            .map(|all| all.iter().copied().filter(|a| wanted.is_none_or(|f| f == family_of(*a))).collect())
            .unwrap_or_default();
        if found.is_empty() {
            let why = result.err().unwrap_or_else(|| "no address of the wanted family".to_owned());
            self.not_resolved(now.mono, position, &why);
            return;
        }
        self.replace_worn_out(now, position, &found);
        self.fill_places(now, line, &found);
        let is_full = !self.is_wanting(line);
        if let Some(name) = self.names.get_mut(position) {
            name.failures = 0;
            name.is_refreshed = false;
            let wait = doubled(FIRST_REFILL, name.refills);
            name.refills = if is_full { 0 } else { name.refills.saturating_add(1) };
            name.due = (!is_full).then(|| now.mono + wait);
        }
    }

    fn not_resolved(&mut self, now: Mono, position: usize, why: &str) {
        let is_wanting = self.names.get(position).is_some_and(|name| self.is_wanting(name.line));
        let Some(name) = self.names.get_mut(position) else { return };
        let text = name.upstream.name.clone();
        let wait = name.retry(now, is_wanting);
        name.no_replacement_before = now + REPLACEMENT_INTERVAL;
        let next = if is_wanting {
            format!("next try in {} s", wait.0)
        } else {
            "its addresses stay as they are".to_owned()
        };
        self.log(Level::Warning, format!("name {text} could not be resolved: {why}; {next}"));
    }

    /// True while a place of this name has no address.
    fn is_wanting(&self, line: LineId) -> bool {
        self.sources.iter().any(|source| source.line == line && source.association.is_none())
    }

    /// Takes the addresses away that are no good, where the name has others to offer.
    fn replace_worn_out(&mut self, now: Moment, position: usize, found: &[IpAddr]) {
        let Some(name) = self.names.get(position) else { return };
        let (line, port, is_refreshed) = (name.line, name.upstream.port, name.is_refreshed);
        let is_single = name.upstream.kind == UpstreamKind::Server;
        let mut fresh = found
            .iter()
            .copied()
            .filter(|address| !self.has_address(*address))
            .map(|address| SocketAddr::new(address, port))
            .collect::<Vec<_>>()
            .into_iter();
        let (mut was_looked_for, mut is_replaced) = (false, false);
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get(index).filter(|source| source.line == line) else { continue };
            let Some(association) = &source.association else { continue };
            // Answers for a pool rotate: that a member is missing in one says nothing against it while it answers.
            let is_gone = is_refreshed
                && !found.contains(&association.address.ip())
                && (is_single || association.reach & 1 == 0);
            let worn_out = source.worn_out(now.mono);
            let Some(reason) = worn_out.or(is_gone.then_some("is not in the answer any more")) else {
                continue;
            };
            was_looked_for = true;
            let old = association.address.ip();
            let Some(new) = fresh.next() else { break };
            let text = format!("{}: {old} {reason} and is replaced by {}", source.upstream.name, new.ip());
            self.log(Level::Info, text);
            self.fill(index, new.ip(), now);
            is_replaced = true;
        }
        if let Some(name) = self.names.get_mut(position).filter(|_| was_looked_for) {
            name.no_replacement_before = now.mono + REPLACEMENT_INTERVAL;
        }
        if is_replaced {
            self.reselect(now);
        }
    }

    fn fill_places(&mut self, now: Moment, line: LineId, found: &[IpAddr]) {
        for address in found {
            let place = self.sources.iter().position(|it| it.line == line && it.association.is_none());
            let Some(place) = place else { break };
            if !self.has_address(*address) {
                self.fill(place, *address, now);
            }
        }
    }
}
