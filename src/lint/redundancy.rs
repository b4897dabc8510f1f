//! How many sources a host has, and whether they are enough: to vote, for `minsources`, for a profile.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::catalogue::{
    MINSOURCES_ABOVE_SOURCES, REQUIRED_NEVER_SELECTED, SINGLE_UPSTREAM, TOO_FEW_UPSTREAMS, TWO_UPSTREAMS,
};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Kind, Leads, MadeOf, POOL_SOURCES, Site, at};
use crate::inventory::host::{Role, Upstream};
use crate::inventory::{Host, HostName, Place};

/// Of lists of groups that share members: what each group adds to those before it. `None`: they share nobody, and each
/// is what it is.
#[derive(Default)]
struct Overlaps(HashMap<Vec<usize>, Option<Rc<[MadeOf]>>>);

impl Overlaps {
    fn of(&mut self, site: &Site<'_>, groups: &[usize]) -> Option<Rc<[MadeOf]>> {
        if let Some(known) = self.0.get(groups) {
            return known.clone();
        }
        let mut seen = HashSet::new();
        let mut shared = false;
        let mut parts = Vec::new();
        for &group in groups {
            let members = site.members(group);
            let new: Vec<usize> = members.iter().copied().filter(|&member| seen.insert(member)).collect();
            shared |= new.len() < members.len();
            parts.push(new);
        }
        let parts = shared.then(|| parts.iter().map(|members| site.make_up(members)).collect());
        self.0.insert(groups.to_vec(), parts.clone());
        parts
    }
}

/// What a host follows, in numbers. Who is named twice is one source.
#[derive(Default)]
struct Count {
    /// Everything that could be selected; what has `noselect` is no source here.
    all: usize,
    /// Without the other orphans of a server's own mesh: those are no sources but equals.
    real: usize,
    /// Real sources that no time from outside reaches: servers of an isolated site.
    isolated: usize,
    /// Isolated sources that are orphans, and so agree among themselves.
    agreed: usize,
    servers: usize,
    pools: usize,
    /// Sources whose number is not known here, or that need no others (a receiver).
    more: bool,
}

impl Count {
    fn of(site: &Site<'_>, index: usize, host: &Host, overlaps: &mut Overlaps) -> Self {
        let mut count = Self::default();
        let own = site.orphan(host).map(|local| local.stratum);
        let mut outside: Vec<(HostName<'_>, usize, bool)> = Vec::new();
        let (mut hosts, mut groups) = (Vec::new(), Vec::new());
        for (upstream, leads) in site.sources(host) {
            match leads {
                Leads::Outside(name, Kind::Pool) => {
                    outside.push((HostName::of(name), pool_sources(upstream), true));
                }
                Leads::Outside(name, Kind::Server) => outside.push((HostName::of(name), 1, false)),
                Leads::Host(server) if server != index => hosts.push(server),
                Leads::Group(group) => groups.push(group),
                Leads::Host(_) => {}
            }
        }
        // The one that stands for most sources comes first.
        outside.sort_unstable_by(|one, other| (&one.0, other.1).cmp(&(&other.0, one.1)));
        outside.dedup_by(|next, first| next.0 == first.0);
        outside.iter().for_each(|(_, sources, pool)| count.outside(*sources, *pool));
        for list in [&mut hosts, &mut groups] {
            list.sort_unstable();
            list.dedup();
        }
        hosts.retain(|&server| !groups.iter().any(|&group| site.is_member(group, server)));
        hosts.iter().for_each(|&server| count.host(site, server, own));
        count.groups(site, &groups, (index, own), overlaps);
        count.more = site.extra.get(&index).is_some_and(|extra| extra.feed());
        count
    }

    fn outside(&mut self, sources: usize, pool: bool) {
        self.all += sources;
        self.real += sources;
        if pool { self.pools += 1 } else { self.servers += sources }
    }

    fn host(&mut self, site: &Site<'_>, server: usize, own: Option<u8>) {
        let Some(host) = site.host(server) else { return };
        let stratum = site.orphan(host).map(|local| local.stratum);
        self.all += 1;
        self.servers += 1;
        if own.is_some() && stratum == own {
            return;
        }
        self.real += 1;
        if site.reached.get(server) == Some(&false) {
            self.isolated += 1;
            self.agreed += usize::from(stratum.is_some());
        }
    }

    /// Each group with what it adds to those before it.
    fn groups(
        &mut self,
        site: &Site<'_>,
        groups: &[usize],
        (index, own): (usize, Option<u8>),
        overlaps: &mut Overlaps,
    ) {
        let parts = if groups.len() > 1 { overlaps.of(site, groups) } else { None };
        let mut been = false;
        for (at, &group) in groups.iter().enumerate() {
            let part = parts.as_ref().and_then(|parts| parts.get(at)).or_else(|| site.made_of.get(group));
            let member = site.is_member(group, index) && !been;
            been |= member;
            if let Some(part) = part {
                self.part(part, member, site.reached.get(index) == Some(&true), own);
            }
        }
    }

    /// Members of a group; `member`: the host itself is one of them.
    fn part(&mut self, made_of: &MadeOf, member: bool, reached: bool, own: Option<u8>) {
        let myself = usize::from(member);
        let members = made_of.members - myself;
        let mates = own.and_then(|stratum| made_of.orphans.get(&stratum)).copied().unwrap_or(0);
        let mates = mates.saturating_sub(if own.is_some() { myself } else { 0 });
        let orphans: usize = made_of.orphans.values().sum();
        self.all += members;
        self.servers += members;
        self.real += members - mates.min(members);
        if made_of.reached == usize::from(member && reached) {
            self.isolated += members - mates.min(members);
            self.agreed += orphans.saturating_sub(mates + if own.is_some() { myself } else { 0 });
        }
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let enough = |name: &str| findings.number(&TOO_FEW_UPSTREAMS, name);
    let (servers, pools) = (enough("servers"), enough("pools"));
    let mut overlaps = Overlaps::default();
    for (index, host) in site.hosts() {
        required(site, host, findings);
        let count = Count::of(site, index, host, &mut overlaps);
        if count.more || count.all == 0 {
            continue;
        }
        minsources(site, host, count.all, findings);
        if too_few(&count, servers, pools) {
            let have = format!(
                " has {} and {}",
                super::count(count.servers, "server"),
                super::count(count.pools, "pool")
            );
            let place = first(site, host);
            findings
                .add(host, Finding::new(&TOO_FEW_UPSTREAMS, place, "host ", have, TOO_FEW_UPSTREAMS.cure));
        }
        let isolated = count.isolated == count.real;
        match count.real {
            // A site has the servers that it has; what they are worth is their own question.
            1 if !isolated => {
                let place = first(site, host);
                let after = " has one source and nothing to compare it with";
                findings
                    .add(host, Finding::new(&SINGLE_UPSTREAM, place, "host ", after, SINGLE_UPSTREAM.cure));
            }
            2 if !(isolated && count.agreed == 2) => {
                let place = first(site, host);
                let after = " has two sources: when they disagree, nobody knows which one is right";
                findings.add(host, Finding::new(&TWO_UPSTREAMS, place, "host ", after, TWO_UPSTREAMS.cure));
            }
            _ => {}
        }
    }
}

/// Enough servers, or enough pools. Servers of the fleet itself follow what their own upstreams are.
fn too_few(count: &Count, servers: f64, pools: f64) -> bool {
    let at_least = |have: usize, wanted: f64| f64::from(u32::try_from(have).unwrap_or(u32::MAX)) >= wanted;
    let by_pools = pools > 0.0 && at_least(count.pools, pools);
    !by_pools && !at_least(count.servers, servers)
}

/// How many addresses of a pool are used at most.
fn pool_sources(pool: &Upstream) -> usize {
    pool.options.maxsources.map_or(POOL_SOURCES, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Sources that have to be selected and never can be.
fn required<'i>(site: &Site<'i>, host: &'i Host, findings: &mut Gathered<'i>) {
    let required = site.upstreams(host).map(|(upstream, _)| upstream).filter(|up| up.options.require);
    let mut never = None;
    for upstream in required {
        if !upstream.options.noselect {
            return;
        }
        never = never.or(Some(upstream));
    }
    let Some(place) = never.map(|upstream| at(upstream, host)) else { return };
    let after = " requires sources of which none can be selected";
    let help = REQUIRED_NEVER_SELECTED.cure;
    findings.add(host, Finding::new(&REQUIRED_NEVER_SELECTED, place, "host ", after, help));
}

fn minsources<'i>(site: &Site<'i>, host: &'i Host, sources: usize, findings: &mut Gathered<'i>) {
    let Some(wanted) = site.min_sources(host) else { return };
    // A server with a clock of its own goes on with that.
    let own = *host.role == Role::Server && site.local(host).is_some();
    if !own && usize::try_from(wanted.value).unwrap_or(usize::MAX) > sources {
        let after = format!(
            " waits for {} and can have {sources}",
            super::count(usize::try_from(wanted.value).unwrap_or(usize::MAX), "source")
        );
        let place = place_or_host(wanted, host);
        let finding =
            Finding::new(&MINSOURCES_ABOVE_SOURCES, place, "host ", after, MINSOURCES_ABOVE_SOURCES.cure);
        let first = first(site, host);
        findings.add(host, finding.and(Some(&first), "its sources begin here"));
    }
}

/// Where a host's first source is written.
fn first(site: &Site<'_>, host: &Host) -> Place {
    site.upstreams(host).next().map_or_else(|| host.place.clone(), |(upstream, _)| at(upstream, host))
}
