//! `address-family-mismatch`, `no-common-family`: can a host's packets reach its servers at all, by IPv4 or by IPv6?

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::catalogue::{ADDRESS_FAMILY_MISMATCH, NO_COMMON_FAMILY};
use super::gathered::{Finding, Gathered};
use super::others;
use super::site::{Leads, Site, Some2, at};
use crate::inventory::host::Upstream;
use crate::inventory::{Host, Place, Sourced};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Four,
    Six,
}

impl Family {
    /// `None`: a name, which may have addresses of both.
    fn of(address: &str) -> Option<Self> {
        let address = address.split('%').next().unwrap_or_default().parse::<IpAddr>().ok()?;
        Some(if address.is_ipv4() { Self::Four } else { Self::Six })
    }

    /// The only one that a host's daemon uses; `None`: both.
    fn only(host: &Host) -> Option<Self> {
        match (*host.time.ipv4_only, *host.time.ipv6_only) {
            (true, _) => Some(Self::Four),
            (false, true) => Some(Self::Six),
            (false, false) => None,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Four => Self::Six,
            Self::Six => Self::Four,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Four => "IPv4",
            Self::Six => "IPv6",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Four => "ipv4_only",
            Self::Six => "ipv6_only",
        }
    }
}

/// What counts of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    address: Option<Family>,
    only: Option<Family>,
}

impl Kind {
    fn of(host: &Host) -> Self {
        Self { address: Family::of(&host.address), only: Family::only(host) }
    }
}

/// Why a host and its server never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// The host does not use the family of the server's address.
    Host(Family),
    /// The server itself does not.
    Server(Family),
    /// One uses this family only, the other the other.
    Both(Family),
}

fn gap(mine: Option<Family>, server: Kind) -> Option<Gap> {
    match (mine, server.address, server.only) {
        (Some(mine), Some(address), _) if mine != address => Some(Gap::Host(mine)),
        (_, Some(address), Some(only)) if only != address => Some(Gap::Server(only)),
        (Some(mine), _, Some(only)) if mine != only => Some(Gap::Both(mine)),
        _ => None,
    }
}

/// Hosts of a group by their kind.
type Members = Rc<[(Kind, Some2)]>;

#[derive(Default)]
struct Groups(HashMap<usize, Members>);

impl Groups {
    fn members(&mut self, site: &Site<'_>, group: usize) -> Members {
        let members = self.0.entry(group).or_insert_with(|| {
            let mut kinds: Vec<(Kind, Some2)> = Vec::new();
            for &member in site.members(group) {
                let Some(kind) = site.host(member).map(Kind::of) else { continue };
                match kinds.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, several)) => several.push(member),
                    None => {
                        let mut several = Some2::default();
                        several.push(member);
                        kinds.push((kind, several));
                    }
                }
            }
            kinds.into()
        });
        Rc::clone(members)
    }

    /// Whoever an upstream inside the inventory stands for, the host itself left out: kind, the first of them, how many.
    fn servers(
        &mut self,
        site: &Site<'_>,
        index: usize,
        host: &Host,
        leads: Leads<'_>,
    ) -> Vec<(Kind, usize, usize)> {
        match leads {
            Leads::Outside(..) => Vec::new(),
            Leads::Host(server) => {
                let server = Some(server).filter(|&server| server != index);
                server
                    .and_then(|server| Some((Kind::of(site.host(server)?), server, 1)))
                    .into_iter()
                    .collect()
            }
            Leads::Group(group) => {
                let myself = site.is_member(group, index).then(|| Kind::of(host));
                let members = self.members(site, group);
                let but_me = members.iter().filter_map(|(kind, several)| {
                    let count = several.count() - usize::from(myself == Some(*kind));
                    Some((*kind, several.first_but(index)?, count))
                });
                but_me.collect()
            }
        }
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let mut groups = Groups::default();
    for (index, host) in site.hosts() {
        let mine = Family::only(host);
        for (upstream, leads) in site.upstreams(host) {
            if let Leads::Outside(name, _) = leads {
                if let (Some(mine), Some(address)) = (mine, Family::of(name))
                    && mine != address
                {
                    findings.add(host, unreachable(at(upstream, host), mine, name));
                }
                continue;
            }
            let mut gaps: Vec<(Gap, usize, usize)> = Vec::new();
            for (kind, first, count) in groups.servers(site, index, host, leads) {
                let Some(gap) = gap(mine, kind) else { continue };
                match gaps.iter_mut().find(|(known, ..)| *known == gap) {
                    Some((_, earliest, sum)) => (*earliest, *sum) = ((*earliest).min(first), *sum + count),
                    None => gaps.push((gap, first, count)),
                }
            }
            for (gap, server, count) in gaps {
                let Some(server) = site.host(server) else { continue };
                findings.add_beside(host, server, mismatch(at(upstream, host), gap, server, count));
            }
        }
        if mine.is_none() {
            no_common(site, index, host, &mut groups, findings);
        }
    }
}

fn unreachable(place: Place, uses: Family, whom: &str) -> Finding {
    let after = format!(" uses {} only and cannot reach {whom}", uses.word());
    let help = ADDRESS_FAMILY_MISMATCH.cure;
    Finding::new(&ADDRESS_FAMILY_MISMATCH, place, "host ", after, help)
}

fn mismatch(place: Place, gap: Gap, server: &Host, count: usize) -> Finding {
    let more = others(count);
    let whom = format!("`{}` at {}{more}", server.name, server.address.value);
    let written = |only: Family| match only {
        Family::Four => server.time.ipv4_only.place.as_ref(),
        Family::Six => server.time.ipv6_only.place.as_ref(),
    };
    let label = |only: Family| format!("`{}` uses {} only", server.name, only.word());
    match gap {
        Gap::Host(mine) => unreachable(place, mine, &whom),
        Gap::Server(only) => {
            let after = format!(" cannot reach {whom}, which uses {} only", only.word());
            let (key, word, name) = (only.key(), only.word(), &server.name);
            let help = format!("take `{key}` away from `{name}`, or give it an {word} address");
            Finding::new(&ADDRESS_FAMILY_MISMATCH, place, "host ", after, help)
                .and(written(only), label(only))
        }
        Gap::Both(mine) => {
            let only = mine.other();
            let whom = format!("`{}`{more}, which uses {} only", server.name, only.word());
            unreachable(place, mine, &whom).and(written(only), label(only))
        }
    }
}

/// A host with an address of one family, whose servers have addresses of the other. Where it has both nothing is wrong:
/// addresses are only what the inventory knows.
fn no_common<'i>(
    site: &Site<'i>,
    index: usize,
    host: &'i Host,
    groups: &mut Groups,
    findings: &mut Gathered<'i>,
) {
    let Some(mine) = Family::of(&host.address) else { return };
    let mut first: Option<(&'i Sourced<Upstream>, usize)> = None;
    for (upstream, leads) in site.sources(host) {
        for (kind, server, _) in groups.servers(site, index, host, leads) {
            if kind.address != Some(mine.other()) {
                return;
            }
            first = first.or(Some((upstream, server)));
        }
    }
    let Some((upstream, server)) = first else { return };
    let Some(server) = site.host(server) else { return };
    let after = format!(
        " has an {} address, and its servers have {} addresses only, as `{}` at {}",
        mine.word(),
        mine.other().word(),
        server.name,
        server.address.value
    );
    let place = at(upstream, host);
    let finding = Finding::new(&NO_COMMON_FAMILY, place, "host ", after, NO_COMMON_FAMILY.cure);
    let label = format!("the address of `{}`", server.name);
    findings.add_beside(host, server, finding.and(server.address.place.as_ref(), label));
}
