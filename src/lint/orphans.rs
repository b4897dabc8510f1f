//! `orphan-mismatch`, `orphans-apart`, `local-beyond-maxdistance`: servers that shall go on without a source, together.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::catalogue::{LOCAL_BEYOND_MAXDISTANCE, ORPHAN_MISMATCH, ORPHANS_APART};
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{LOCAL_DISTANCE, Leads, Site, at};
use crate::inventory::{Host, Place};

/// Orphans that should be one mesh: somebody follows them together, or they have one stratum and poll each other.
struct Meshes {
    /// By host: one host stands for its mesh (itself for those without).
    parent: Vec<usize>,
}

impl Meshes {
    fn of(site: &Site<'_>) -> Self {
        let mut meshes = Self { parent: (0..site.inventory.hosts.len()).collect() };
        let is_orphan =
            |host: usize| site.host(host).and_then(|host| site.orphan(host)).map(|local| local.stratum);
        let mut joined = vec![None; site.inventory.groups.len()];
        for (index, host) in site.hosts() {
            let own = is_orphan(index);
            for (_, leads) in site.sources(host) {
                match leads {
                    Leads::Outside(..) => {}
                    Leads::Host(server) => {
                        if own.is_some() && own == is_orphan(server) {
                            meshes.join(index, server);
                        }
                    }
                    Leads::Group(group) => {
                        let Some(first) = joined.get_mut(group) else { continue };
                        let first = *first.get_or_insert_with(|| {
                            let mut orphans = site
                                .members(group)
                                .iter()
                                .copied()
                                .filter(|&member| is_orphan(member).is_some());
                            let first = orphans.next()?;
                            orphans.for_each(|other| meshes.join(first, other));
                            Some(first)
                        });
                        if let Some(first) = first
                            && own.is_some()
                            && own == is_orphan(first)
                        {
                            meshes.join(index, first);
                        }
                    }
                }
            }
        }
        meshes
    }

    fn find(&mut self, mut host: usize) -> usize {
        while let Some(&parent) = self.parent.get(host)
            && parent != host
        {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(host) {
                *slot = above;
            }
            host = above;
        }
        host
    }

    /// The earlier one stands for both, so that what is told first does not hang on luck.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        if let Some(slot) = self.parent.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    }

    /// Meshes of two and more, in the order of their first hosts.
    fn collect(mut self, site: &Site<'_>) -> Vec<Vec<usize>> {
        let mut index: HashMap<usize, usize> = HashMap::new();
        let mut meshes: Vec<Vec<usize>> = Vec::new();
        for (host, _) in site.hosts().filter(|(_, host)| site.orphan(host).is_some()) {
            let first = self.find(host);
            let slot = *index.entry(first).or_insert(meshes.len());
            match meshes.get_mut(slot) {
                Some(mesh) => mesh.push(host),
                None => meshes.push(vec![host]),
            }
        }
        meshes.retain(|mesh| mesh.len() > 1);
        meshes
    }
}

/// What hosts that name the same groups poll of one mesh by them.
type Known = HashMap<Vec<usize>, Rc<ByGroups>>;

/// Members of a mesh that are in groups somebody names, and those that are not, ascending.
struct ByGroups {
    yes: HashSet<usize>,
    no: Vec<usize>,
}

/// Whom a host polls of its mesh.
struct Polled {
    by_groups: Rc<ByGroups>,
    /// Polled by their addresses, and in none of the groups.
    named: HashSet<usize>,
}

impl Polled {
    fn of(site: &Site<'_>, mesh: &[usize], host: &Host, known: &mut Known) -> Self {
        let (mut groups, mut named) = (Vec::new(), Vec::new());
        for (_, leads) in site.sources(host) {
            match leads {
                Leads::Outside(..) => {}
                Leads::Host(server) => named.push(server),
                Leads::Group(group) => groups.push(group),
            }
        }
        let is_mate = |host: &usize| mesh.binary_search(host).is_ok();
        let by_groups = known.entry(groups).or_insert_with_key(|groups| {
            let members = groups.iter().flat_map(|&group| site.members(group));
            let yes: HashSet<usize> = members.copied().filter(is_mate).collect();
            let no = mesh.iter().copied().filter(|member| !yes.contains(member)).collect();
            Rc::new(ByGroups { yes, no })
        });
        let is_more = |host: &usize| is_mate(host) && !by_groups.yes.contains(host);
        Self { named: named.into_iter().filter(is_more).collect(), by_groups: Rc::clone(by_groups) }
    }

    /// How many are polled besides the host itself.
    fn others(&self, host: usize) -> usize {
        let sets = [&self.by_groups.yes, &self.named];
        sets.iter().map(|set| set.len() - usize::from(set.contains(&host))).sum()
    }

    /// The first that is not polled, besides the host itself.
    fn missing(&self, host: usize) -> Option<usize> {
        let no = self.by_groups.no.iter().copied();
        no.filter(|member| *member != host).find(|member| !self.named.contains(member))
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    for mesh in Meshes::of(site).collect(site) {
        strata(site, &mesh, findings);
        polls(site, &mesh, findings);
    }
    for (index, host) in site.hosts() {
        distances(site, index, host, findings);
    }
}

fn local_place<'i>(site: &Site<'i>, host: &'i Host) -> Place {
    site.local(host).map_or_else(|| host.place.clone(), |local| place_or_host(local, host))
}

fn strata<'i>(site: &Site<'i>, mesh: &[usize], findings: &mut Gathered<'i>) {
    let hosts = || mesh.iter().filter_map(|&host| site.host(host));
    let Some((first, stratum)) = hosts().next().and_then(|host| Some((host, site.orphan(host)?.stratum)))
    else {
        return;
    };
    for host in hosts() {
        let Some(local) = site.orphan(host).filter(|local| local.stratum != stratum) else { continue };
        let after = format!(" is an orphan at stratum {} among orphans at stratum {stratum}", local.stratum);
        let help = "give all of them the same `local: { stratum }`";
        let finding = Finding::new(&ORPHAN_MISMATCH, local_place(site, host), "server ", after, help);
        findings.add_beside(
            host,
            first,
            finding.and(Some(&local_place(site, first)), format!("that of `{}`", first.name)),
        );
    }
}

fn polls<'i>(site: &Site<'i>, mesh: &[usize], findings: &mut Gathered<'i>) {
    let mut known = Known::new();
    let polled: Vec<(usize, Polled)> = mesh
        .iter()
        .filter_map(|&host| Some((host, Polled::of(site, mesh, site.host(host)?, &mut known))))
        .collect();
    let apart =
        polled.iter().all(|(host, of)| of.others(*host) == 0) && mesh.iter().all(|&host| site.is_fed(host));
    for (index, of) in &polled {
        if of.others(*index) == mesh.len() - 1 {
            continue;
        }
        let Some(host) = site.host(*index) else { continue };
        let missing = of.missing(*index).and_then(|missing| site.host(missing));
        let Some(missing) = missing else { continue };
        let (rule, after) = if apart {
            (&ORPHANS_APART, " is an orphan that polls no other orphan beside it")
        } else {
            (&ORPHAN_MISMATCH, " does not poll every other orphan beside it")
        };
        let help =
            "let them follow their own group: `upstreams: [{ group: THEIR-GROUP }]` leaves each itself out";
        let finding = Finding::new(rule, local_place(site, host), "server ", after, help);
        findings.add_beside(
            host,
            missing,
            finding.and(Some(&missing.place), format!("`{}` is one of them", missing.name)),
        );
    }
}

/// Whether a host would still follow its servers when their own clocks take over.
fn distances<'i>(site: &Site<'i>, index: usize, host: &'i Host, findings: &mut Gathered<'i>) {
    for (upstream, leads) in site.sources(host) {
        let server = match leads {
            Leads::Outside(..) => None,
            Leads::Host(server) => Some(server),
            Leads::Group(group) => site.made_of.get(group).and_then(|made_of| made_of.latest_local),
        };
        let Some(server_index) = server.filter(|&server| server != index) else { continue };
        let Some(server) = site.host(server_index) else { continue };
        let Some(local) = site.local(server) else { continue };
        let distance = local.distance.unwrap_or(LOCAL_DISTANCE);
        // One that never had a source begins at once, whatever the distance.
        let waits = local.orphan || site.reached.get(server_index) == Some(&true);
        if !waits || distance < site.max_distance(host) {
            continue;
        }
        let rule = if local.orphan { &ORPHAN_MISMATCH } else { &LOCAL_BEYOND_MAXDISTANCE };
        let written = site.written_max_distance(host);
        let place = written.map_or_else(|| at(upstream, host), |at| place_or_host(at, host));
        let after = format!(
            " rejects a root distance of {} s, and `{}` serves its own clock only from {} s on",
            site.max_distance(host).0,
            server.name,
            distance.0
        );
        let help = "set `local: { distance }` of the server below every client's `maxdistance`";
        let finding = Finding::new(rule, place, "host ", after, help);
        findings.add_beside(host, server, finding.and(Some(&local_place(site, server)), "its `local`"));
    }
}
