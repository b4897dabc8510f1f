//! `duplicate-source`: one server that stands in the same configuration twice.

use std::collections::{HashMap, HashSet};

use super::catalogue::DUPLICATE_SOURCE;
use super::gathered::{Finding, Gathered};
use super::site::{Leads, Site, at};
use crate::inventory::host::UpstreamFrom;
use crate::inventory::{Host, HostName, Place};

/// Something that a host names, and where.
struct Named<'i> {
    whom: Whom<'i>,
    /// As written.
    text: &'i str,
    place: Place,
}

/// Who is meant.
#[derive(PartialEq)]
enum Whom<'i> {
    Outside(HostName<'i>),
    Host(usize),
    Group(usize),
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    // Hosts that share their upstreams have no duplicates together.
    let mut clean: HashSet<usize> = HashSet::new();
    let mut common: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    for (index, host) in site.hosts() {
        let identity = host.time.identity();
        if clean.contains(&identity) {
            continue;
        }
        let named = named(site, host);
        let mut found = false;
        for (nth, second) in named.iter().enumerate() {
            let before = named.get(..nth).unwrap_or_default();
            let twice = before
                .iter()
                .find_map(|first| Some((first, shared(site, &mut common, index, [first, second])?)));
            let Some((first, name)) = twice else { continue };
            found = true;
            let after = format!(" names `{name}` as a source twice");
            let help = DUPLICATE_SOURCE.cure;
            let finding = Finding::new(&DUPLICATE_SOURCE, second.place.clone(), "host ", after, help);
            findings.add(host, finding.and(Some(&first.place), "the first time"));
        }
        // A group that overlaps with another one only in the host itself is none for this host alone.
        if !found && !named.iter().any(|one| matches!(one.whom, Whom::Group(_) | Whom::Host(_))) {
            clean.insert(identity);
        }
    }
}

/// Everything that a host names, extra lines last.
fn named<'i>(site: &Site<'i>, host: &'i Host) -> Vec<Named<'i>> {
    // One upstream is named once.
    if site.upstreams(host).nth(1).is_none() {
        return Vec::new();
    }
    let mut named = Vec::new();
    for (upstream, leads) in site.upstreams(host) {
        let (UpstreamFrom::Server(text) | UpstreamFrom::Pool(text) | UpstreamFrom::Group(text)) =
            &upstream.value.from;
        let whom = match leads {
            Leads::Outside(name, _) => Whom::Outside(HostName::of(name)),
            Leads::Host(server) => Whom::Host(server),
            Leads::Group(group) => Whom::Group(group),
        };
        named.push(Named { whom, text, place: at(upstream, host) });
    }
    named
}

/// The name of somebody whom both mean. The host itself is in no group for itself, and its own address has another rule.
fn shared<'s>(
    site: &'s Site<'_>,
    common: &mut HashMap<(usize, usize), Vec<usize>>,
    index: usize,
    [first, second]: [&Named<'s>; 2],
) -> Option<&'s str> {
    let name = |host: usize| site.host(host).map(|host| host.name.as_str());
    match (&first.whom, &second.whom) {
        (Whom::Group(one), Whom::Group(other)) => {
            let members = common.entry((*one, *other)).or_insert_with(|| {
                // Two are enough: one of them is not the host itself.
                let both = site.members(*one).iter().filter(|member| site.is_member(*other, **member));
                both.copied().take(2).collect()
            });
            name(members.iter().copied().find(|member| *member != index)?)
        }
        (Whom::Group(group), Whom::Host(server)) | (Whom::Host(server), Whom::Group(group)) => {
            let both = *server != index && site.is_member(*group, *server);
            if both { name(*server) } else { None }
        }
        (one, other) => (one == other).then_some(second.text),
    }
}
