//! What the rules know of an inventory besides its hosts: who is behind an address, what each group is made of, and whom
//! time from outside reaches. Every table is made once, in time that grows with the inventory.

use std::collections::HashMap;

use timefleet_agent::time::Seconds;

use super::extra_lines::ExtraLines;
use crate::inventory::host::{Local, MakeStep, Role, Upstream, UpstreamFrom};
use crate::inventory::{ByAddress, Host, Inventory, MAX_DISTANCE, Place, Sourced};

/// chrony.conf(5) `maxsources`.
pub(super) const POOL_SOURCES: usize = 4;

/// chrony.conf(5) `local distance`.
pub(super) const LOCAL_DISTANCE: Seconds = Seconds(1.0);

/// Where an upstream leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads<'i> {
    /// Out of the inventory, under this name.
    Outside(&'i str, Kind),
    /// To one host, named by its address.
    Host(usize),
    /// To every host of a group.
    Group(usize),
}

/// What is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Server,
    /// Several under one name.
    Pool,
}

/// What extra lines say, by what hosts share: those with the same lines are read once.
pub(crate) struct Lines<'i>(HashMap<usize, ExtraLines<'i>>);

impl<'i> Lines<'i> {
    pub(crate) fn of(inventory: &'i Inventory) -> Self {
        let mut lines = HashMap::new();
        for host in inventory.hosts.iter().filter(|host| !host.time.extra.is_empty()) {
            lines.entry(host.time.identity()).or_insert_with(|| ExtraLines::of(host));
        }
        Self(lines)
    }

    pub(crate) fn get(&'i self, host: &Host) -> Option<&'i ExtraLines<'i>> {
        if host.time.extra.is_empty() { None } else { self.0.get(&host.time.identity()) }
    }
}

/// An inventory and its tables.
pub(super) struct Site<'i> {
    pub(super) inventory: &'i Inventory,
    /// By host.
    pub(super) extra: HashMap<usize, &'i ExtraLines<'i>>,
    lines: &'i Lines<'i>,
    by_address: ByAddress<'i>,
    groups: HashMap<&'i str, usize>,
    /// By host: time from outside reaches it, straight or through others.
    pub(super) reached: Vec<bool>,
    /// By group: what its members are.
    pub(super) made_of: Vec<MadeOf>,
    /// By host.
    pub(super) used: Vec<Used>,
}

/// Who follows a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Used {
    /// No host of the inventory.
    #[default]
    No,
    /// Only those of its own group, all of whom it follows as well.
    ByPeers,
    /// Somebody else.
    Yes,
}

/// What the members of a group are.
#[derive(Clone, Debug, Default)]
pub(super) struct MadeOf {
    /// How many.
    pub(super) members: usize,
    /// Orphans by their stratum.
    pub(super) orphans: HashMap<u8, usize>,
    /// Members that time from outside reaches.
    pub(super) reached: usize,
    /// Members that serve nobody.
    pub(super) silent: Some2,
    /// The member whose `local` begins at the largest distance.
    pub(super) latest_local: Option<usize>,
}

/// The first two of many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Some2 {
    first: Option<usize>,
    second: Option<usize>,
    count: usize,
}

impl Some2 {
    pub(super) fn push(&mut self, host: usize) {
        match (self.first, self.second) {
            (None, _) => self.first = Some(host),
            (Some(_), None) => self.second = Some(host),
            _ => {}
        }
        self.count += 1;
    }

    /// The first that is not `but`.
    pub(super) fn first_but(&self, but: usize) -> Option<usize> {
        [self.first, self.second].into_iter().flatten().find(|&host| host != but)
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl<'i> Site<'i> {
    pub(super) fn new(inventory: &'i Inventory, lines: &'i Lines<'i>) -> Self {
        let groups =
            inventory.groups.iter().enumerate().map(|(at, group)| (group.name.as_str(), at)).collect();
        let hosts = inventory.hosts.iter().enumerate();
        let extra = hosts.filter_map(|(index, host)| Some((index, lines.get(host)?))).collect();
        let mut site = Self {
            inventory,
            extra,
            lines,
            by_address: inventory.by_address(),
            groups,
            reached: Vec::new(),
            made_of: Vec::new(),
            used: Vec::new(),
        };
        site.reached = site.spread(|site, index| site.is_fed(index));
        site.made_of = inventory.groups.iter().map(|group| site.make_up(&group.members)).collect();
        site.used = site.followed();
        site
    }

    pub(super) fn host(&self, index: usize) -> Option<&'i Host> {
        self.inventory.hosts.get(index)
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = (usize, &'i Host)> + use<'i> {
        self.inventory.hosts.iter().enumerate()
    }

    /// Members of a group, ascending.
    pub(super) fn members(&self, group: usize) -> &'i [usize] {
        self.inventory.groups.get(group).map_or(&[], |group| &group.members)
    }

    pub(super) fn is_member(&self, group: usize, host: usize) -> bool {
        self.members(group).binary_search(&host).is_ok()
    }

    pub(super) fn leads(&self, upstream: &'i Upstream) -> Option<Leads<'i>> {
        match &upstream.from {
            UpstreamFrom::Group(name) => self.groups.get(name.as_str()).copied().map(Leads::Group),
            UpstreamFrom::Pool(name) => Some(Leads::Outside(name, Kind::Pool)),
            UpstreamFrom::Server(name) => Some(match self.by_address.host(name) {
                Some(host) => Leads::Host(host),
                None => Leads::Outside(name, Kind::Server),
            }),
        }
    }

    /// A host's own clock, from its key or from an extra line where no key speaks of it.
    pub(super) fn local(&self, host: &'i Host) -> Option<&'i Sourced<Local>> {
        own_clock(host, self.lines.get(host))
    }

    /// The same, of a server that is an orphan.
    pub(super) fn orphan(&self, host: &'i Host) -> Option<&'i Sourced<Local>> {
        self.local(host).filter(|local| local.orphan && *host.role == Role::Server)
    }

    /// The root distance above which a host rejects a source, where somebody wrote one.
    pub(super) fn written_max_distance(&self, host: &'i Host) -> Option<&'i Sourced<Seconds>> {
        host.time.maxdistance.as_ref().or_else(|| self.lines.get(host)?.max_distance.as_ref())
    }

    /// The root distance above which a host rejects a source.
    pub(super) fn max_distance(&self, host: &'i Host) -> Seconds {
        self.written_max_distance(host).map_or(MAX_DISTANCE, |distance| distance.value)
    }

    /// When a host steps its clock.
    pub(super) fn make_step(&self, host: &'i Host) -> Option<&'i Sourced<MakeStep>> {
        let line = || self.lines.get(host)?.make_step.as_ref();
        line().or(host.time.makestep.as_ref())
    }

    /// How many sources a host waits for.
    pub(super) fn min_sources(&self, host: &'i Host) -> Option<&'i Sourced<u32>> {
        host.time.minsources.as_ref().or_else(|| self.lines.get(host)?.min_sources.as_ref())
    }

    /// A host's monitoring port.
    pub(super) fn command_port(&self, host: &'i Host) -> &'i Sourced<u16> {
        let line = || self.lines.get(host)?.command_port.as_ref();
        line().unwrap_or(&host.time.cmdport)
    }

    /// Where a host's upstreams lead, those of its extra lines behind the others, each with its own words.
    pub(super) fn upstreams(
        &self,
        host: &'i Host,
    ) -> impl Iterator<Item = (&'i Sourced<Upstream>, Leads<'i>)> {
        let upstreams = all_upstreams(host, self.lines.get(host));
        upstreams.filter_map(|upstream| Some((upstream, self.leads(&upstream.value)?)))
    }

    /// The upstreams that a host may follow: those with `noselect` are only measured.
    pub(super) fn sources(&self, host: &'i Host) -> impl Iterator<Item = (&'i Sourced<Upstream>, Leads<'i>)> {
        self.upstreams(host).filter(|(upstream, _)| !upstream.options.noselect)
    }

    /// Whether a host has a source outside the inventory that it may follow.
    pub(super) fn is_fed(&self, index: usize) -> bool {
        let Some(host) = self.host(index) else { return false };
        let outside = self.sources(host).any(|(_, leads)| matches!(leads, Leads::Outside(..)));
        outside || self.extra.get(&index).is_some_and(|extra| extra.feed())
    }

    /// The hosts that follow `from`, their followers, and so on, `from` included.
    fn spread(&self, from: impl Fn(&Self, usize) -> bool) -> Vec<bool> {
        let count = self.inventory.hosts.len();
        let followers = self.followers();
        let mut in_groups: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (group, listed) in self.inventory.groups.iter().enumerate() {
            for &member in &listed.members {
                if let Some(groups) = in_groups.get_mut(member) {
                    groups.push(count + group);
                }
            }
        }
        let mut seen = vec![false; followers.len()];
        let mut waiting: Vec<usize> = (0..count).filter(|&host| from(self, host)).collect();
        while let Some(node) = waiting.pop() {
            let Some(slot) = seen.get_mut(node).filter(|slot| !**slot) else { continue };
            *slot = true;
            waiting.extend(followers.get(node).into_iter().flatten());
            waiting.extend(in_groups.get(node).into_iter().flatten());
        }
        seen.truncate(count);
        seen
    }

    /// By host, then by group: the hosts that may follow it.
    pub(super) fn followers(&self) -> Vec<Vec<usize>> {
        let count = self.inventory.hosts.len();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count + self.inventory.groups.len()];
        for (index, host) in self.hosts() {
            for (_, leads) in self.sources(host) {
                let node = match leads {
                    Leads::Outside(..) => continue,
                    Leads::Host(host) => host,
                    Leads::Group(group) => count + group,
                };
                if let Some(list) = followers.get_mut(node) {
                    list.push(index);
                }
            }
        }
        followers
    }

    pub(super) fn make_up(&self, members: &[usize]) -> MadeOf {
        let mut made_of = MadeOf { members: members.len(), ..MadeOf::default() };
        let mut latest = Seconds(0.0);
        for &member in members {
            let Some(host) = self.host(member) else { continue };
            if *host.time.port == 0 {
                made_of.silent.push(member);
            }
            if self.reached.get(member) == Some(&true) {
                made_of.reached += 1;
            }
            if let Some(local) = self.local(host) {
                if local.orphan {
                    *made_of.orphans.entry(local.stratum).or_default() += 1;
                }
                let distance = local.distance.unwrap_or(LOCAL_DISTANCE);
                if made_of.latest_local.is_none() || distance > latest {
                    (made_of.latest_local, latest) = (Some(member), distance);
                }
            }
        }
        made_of
    }

    /// Who is followed, and by whom.
    fn followed(&self) -> Vec<Used> {
        let mut used = vec![Used::No; self.inventory.hosts.len()];
        let mut named = vec![false; self.inventory.groups.len()];
        // By group: servers of it that follow it.
        let mut peers = vec![0_usize; self.inventory.groups.len()];
        for (index, host) in self.hosts() {
            for (_, leads) in self.upstreams(host) {
                match leads {
                    Leads::Host(server) if server != index => raise(&mut used, server, Used::Yes),
                    Leads::Group(group) if !self.is_member(group, index) || *host.role == Role::Client => {
                        set(&mut named, group);
                    }
                    Leads::Group(group) => peers.iter_mut().skip(group).take(1).for_each(|count| *count += 1),
                    _ => {}
                }
            }
        }
        for (group, (named, peers)) in named.into_iter().zip(peers).enumerate() {
            for &member in self.members(group) {
                let is_peer = || {
                    self.host(member).is_some_and(|host| {
                        self.upstreams(host).any(|(_, leads)| leads == Leads::Group(group))
                    })
                };
                let by = match peers {
                    _ if named => Used::Yes,
                    0 => break,
                    // An inner group that follows the outer one follows all that do not.
                    _ if !is_peer() => Used::Yes,
                    1 => Used::No,
                    _ => Used::ByPeers,
                };
                raise(&mut used, member, by);
            }
        }
        used
    }
}

fn raise(used: &mut [Used], index: usize, by: Used) {
    if let Some(known) = used.get_mut(index) {
        *known = (*known).max(by);
    }
}

fn set(flags: &mut [bool], index: usize) {
    if let Some(flag) = flags.get_mut(index) {
        *flag = true;
    }
}

/// Everything that a host names as its source: its upstreams, and those of its extra lines.
pub(crate) fn all_upstreams<'i>(
    host: &'i Host,
    extra: Option<&'i ExtraLines<'i>>,
) -> impl Iterator<Item = &'i Sourced<Upstream>> + use<'i> {
    host.time.upstreams.iter().chain(extra.into_iter().flat_map(|extra| &extra.sources))
}

/// A host's own clock, from its key or from its extra lines.
pub(crate) fn own_clock<'i>(host: &'i Host, extra: Option<&'i ExtraLines<'i>>) -> Option<&'i Sourced<Local>> {
    host.time.local.as_ref().or_else(|| extra?.local.as_ref())
}

/// Where an upstream was written, or else its host.
pub(super) fn at(upstream: &Sourced<Upstream>, host: &Host) -> Place {
    super::place_or_host(upstream, host)
}
