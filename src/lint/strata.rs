//! `stratum-too-deep`: at which stratum every host would be, with its sources outside and without them.

use super::catalogue::STRATUM_TOO_DEEP;
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Site, at};

/// Unsynchronised, RFC 5905.
const NEVER: u8 = 16;

/// What a host is at that follows a server outside: those are at 1 or 2 nearly everywhere.
const BELOW_OUTSIDE: u8 = 3;

/// Strata by host; `None`: no time comes there.
pub(super) struct Strata {
    with: Vec<Option<Reached>>,
    without: Vec<Option<Reached>>,
}

/// A stratum, and the host at which the way there begins.
#[derive(Clone, Copy)]
struct Reached {
    stratum: u8,
    from: usize,
}

impl Strata {
    pub(super) fn new(site: &Site<'_>) -> Self {
        let ways = Ways::new(site);
        let fed = |index: usize| {
            let receiver = site.extra.get(&index).is_some_and(|extra| extra.reference_clock);
            site.is_fed(index).then_some(if receiver { 1 } else { BELOW_OUTSIDE })
        };
        let local = |index: usize| Some(site.local(site.host(index)?)?.stratum);
        let mut with = vec![None; ways.hosts];
        ways.spread(&mut with, fed);
        ways.spread(&mut with, local);
        let mut without = vec![None; ways.hosts];
        ways.spread(&mut without, local);
        Self { with, without }
    }

    /// The stratum of a host while its sources outside answer.
    pub(super) fn with_sources(&self, host: usize) -> Option<u8> {
        Some(self.with.get(host).copied().flatten()?.stratum)
    }
}

/// Who learns the time from whom: hosts, then groups.
struct Ways {
    hosts: usize,
    followers: Vec<Vec<usize>>,
    groups_of: Vec<Vec<usize>>,
}

impl Ways {
    fn new(site: &Site<'_>) -> Self {
        let hosts = site.inventory.hosts.len();
        let mut groups_of = vec![Vec::new(); hosts];
        for (group, listed) in site.inventory.groups.iter().enumerate() {
            for &member in &listed.members {
                if let Some(groups) = groups_of.get_mut(member) {
                    groups.push(hosts + group);
                }
            }
        }
        Self { hosts, followers: site.followers(), groups_of }
    }

    /// Lowest strata first, so that every host and group is looked at once. Hosts that have one already keep it, and
    /// nothing goes on from them.
    fn spread(&self, strata: &mut [Option<Reached>], begin: impl Fn(usize) -> Option<u8>) {
        let mut tiers: Vec<Vec<(usize, usize)>> = vec![Vec::new(); usize::from(NEVER) + 1];
        for host in (0..self.hosts).filter(|&host| strata.get(host).is_some_and(Option::is_none)) {
            if let Some(tier) = begin(host).and_then(|stratum| tiers.get_mut(usize::from(stratum))) {
                tier.push((host, host));
            }
        }
        let mut seen = vec![false; self.followers.len()];
        for stratum in 1..=NEVER {
            let here = tiers.get_mut(usize::from(stratum)).map(std::mem::take).unwrap_or_default();
            let mut below = Vec::new();
            for (host, from) in here {
                let Some(slot) = strata.get_mut(host).filter(|slot| slot.is_none()) else { continue };
                *slot = Some(Reached { stratum, from });
                let groups = self.groups_of.get(host).into_iter().flatten();
                for &node in std::iter::once(&host).chain(groups) {
                    let Some(seen) = seen.get_mut(node).filter(|seen| !**seen) else { continue };
                    *seen = true;
                    let followers = self.followers.get(node).into_iter().flatten();
                    below.extend(followers.map(|&follower| (follower, from)));
                }
            }
            if let Some(tier) = tiers.get_mut(usize::from(stratum) + 1) {
                tier.append(&mut below);
            }
        }
    }
}

pub(super) fn check<'i>(site: &Site<'i>, strata: &Strata, findings: &mut Gathered<'i>) {
    for (index, host) in site.hosts() {
        for (of, when) in [(&strata.with, ""), (&strata.without, " without the sources outside")] {
            let Some(reached) = of.get(index).copied().flatten().filter(|reached| reached.stratum == NEVER)
            else {
                continue;
            };
            let place =
                site.upstreams(host).next().map_or_else(|| host.place.clone(), |(up, _)| at(up, host));
            let after = format!(" would be at stratum 16{when}: unsynchronised");
            let finding = Finding::new(&STRATUM_TOO_DEEP, place, "host ", after, STRATUM_TOO_DEEP.cure);
            let first = site.host(reached.from);
            let local = first.and_then(|first| Some(place_or_host(site.local(first)?, first)));
            let label = first.map(|first| format!("the way begins at `{}`", first.name)).unwrap_or_default();
            findings.add(host, finding.and(local.as_ref(), label));
            break;
        }
    }
}
