//! How many sources a host has, and whether they are enough: to vote, for `minsources`, for a profile.

use super::catalogue::{
    MINSOURCES_ABOVE_SOURCES, REQUIRED_NEVER_SELECTED, SINGLE_UPSTREAM, TOO_FEW_UPSTREAMS, TWO_UPSTREAMS,
};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Kind, Leads, POOL_SOURCES, Site, at, orphan};
use crate::inventory::host::{Role, Upstream};
use crate::inventory::{Host, Place};

/// What a host follows, in numbers.
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
    fn of(site: &Site<'_>, index: usize, host: &Host) -> Self {
        let mut count = Self::default();
        let own = orphan(host).map(|local| local.stratum);
        for (upstream, leads) in site.sources(host) {
            match leads {
                Leads::Outside(_, Kind::Server) => count.outside(1, false),
                Leads::Outside(_, Kind::Pool) => count.outside(pool_sources(upstream), true),
                Leads::Host(server) if server != index => count.host(site, server, own),
                Leads::Group(group) => count.group(site, group, index, own),
                Leads::Host(_) => {}
            }
        }
        if let Some(extra) = site.extra.get(&index) {
            count.more = extra.more_sources || extra.reference_clock;
            let sources = extra.sources.iter().filter(|source| !source.no_select);
            sources.for_each(|source| count.outside(source.most, source.pool));
        }
        count
    }

    fn outside(&mut self, sources: usize, pool: bool) {
        self.all += sources;
        self.real += sources;
        if pool { self.pools += 1 } else { self.servers += sources }
    }

    fn host(&mut self, site: &Site<'_>, server: usize, own: Option<u8>) {
        let Some(host) = site.host(server) else { return };
        let stratum = orphan(host).map(|local| local.stratum);
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

    fn group(&mut self, site: &Site<'_>, group: usize, index: usize, own: Option<u8>) {
        let Some(made_of) = site.made_of.get(group) else { return };
        let member = usize::from(site.is_member(group, index));
        let members = made_of.members - member;
        let mates = own.and_then(|stratum| made_of.orphans.get(&stratum)).copied().unwrap_or(0);
        let mates = mates.saturating_sub(if own.is_some() { member } else { 0 });
        let myself_reached = usize::from(member == 1 && site.reached.get(index) == Some(&true));
        let orphans: usize = made_of.orphans.values().sum();
        self.all += members;
        self.servers += members;
        self.real += members - mates.min(members);
        if made_of.reached == myself_reached {
            self.isolated += members - mates.min(members);
            self.agreed += orphans.saturating_sub(mates + if own.is_some() { member } else { 0 });
        }
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let enough = |name: &str| findings.number(&TOO_FEW_UPSTREAMS, name);
    let (servers, pools) = (enough("servers"), enough("pools"));
    for (index, host) in site.hosts() {
        required(site, index, host, findings);
        let count = Count::of(site, index, host);
        if count.more || count.all == 0 {
            continue;
        }
        minsources(host, count.all, findings);
        if too_few(&count, servers, pools) {
            let have = format!(
                " has {} and {}",
                super::count(count.servers, "server"),
                super::count(count.pools, "pool")
            );
            let place = first(site, index, host);
            findings
                .add(host, Finding::new(&TOO_FEW_UPSTREAMS, place, "host ", have, TOO_FEW_UPSTREAMS.cure));
        }
        let isolated = count.isolated == count.real;
        match count.real {
            // A site has the servers that it has; what they are worth is their own question.
            1 if !isolated => {
                let place = first(site, index, host);
                let after = " has one source and nothing to compare it with";
                findings
                    .add(host, Finding::new(&SINGLE_UPSTREAM, place, "host ", after, SINGLE_UPSTREAM.cure));
            }
            2 if !(isolated && count.agreed == 2) => {
                let place = first(site, index, host);
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
fn required<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    let upstreams = site.upstreams(host).filter(|(upstream, _)| upstream.options.require);
    let upstreams = upstreams.map(|(upstream, _)| (upstream.options.noselect, at(upstream, host)));
    let extra = site.extra.get(&index).into_iter().flat_map(|extra| &extra.sources);
    let extra = extra.filter(|source| source.require);
    let extra = extra.map(|source| (source.no_select, source.place.unwrap_or(&host.place).clone()));
    let mut never = None;
    for (no_select, place) in upstreams.chain(extra) {
        if !no_select {
            return;
        }
        never = never.or(Some(place));
    }
    let Some(place) = never else { return };
    let after = " requires sources of which none can be selected";
    let help = REQUIRED_NEVER_SELECTED.cure;
    findings.add(host, Finding::new(&REQUIRED_NEVER_SELECTED, place, "host ", after, help));
}

fn minsources<'i>(host: &'i Host, sources: usize, findings: &mut Gathered<'i>) {
    let Some(wanted) = &host.time.minsources else { return };
    // A server with a clock of its own goes on with that.
    let own = *host.role == Role::Server && host.time.local.is_some();
    if !own && usize::try_from(wanted.value).unwrap_or(usize::MAX) > sources {
        let after = format!(
            " waits for {} and can have {sources}",
            super::count(usize::try_from(wanted.value).unwrap_or(usize::MAX), "source")
        );
        let place = place_or_host(wanted, host);
        let finding =
            Finding::new(&MINSOURCES_ABOVE_SOURCES, place, "host ", after, MINSOURCES_ABOVE_SOURCES.cure);
        let upstreams = host.time.upstreams.first().and_then(|upstream| upstream.place.as_ref());
        findings.add(host, finding.and(upstreams, "its sources begin here"));
    }
}

/// Where a host's first source is written.
fn first(site: &Site<'_>, index: usize, host: &Host) -> Place {
    let key = host.time.upstreams.first().map(|upstream| at(upstream, host));
    let extra = || site.extra.get(&index)?.sources.first()?.place.cloned();
    key.or_else(extra).unwrap_or_else(|| host.place.clone())
}
