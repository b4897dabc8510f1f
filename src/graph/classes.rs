//! Hosts that are alike: the same role, the same groups, the same upstreams, the same clock of their own.

use std::collections::HashMap;

use super::ways::{self, Way};
use crate::inventory::host::{Local, Role};
use crate::inventory::{Host, Inventory};
use crate::lint::{Lines, own_clock};

/// As many servers that are alike are still shown one by one: a picture of three servers has three boxes.
const SERVERS_SHOWN: usize = 6;

/// Hosts that become one node, in the order of the files; never empty.
pub(super) struct Class<'i> {
    pub(super) first: &'i Host,
    pub(super) hosts: Vec<&'i Host>,
    /// Whom they follow.
    pub(super) ways: Vec<Way>,
    /// Their own clocks.
    pub(super) local: Option<Local>,
    /// All of them are, or none.
    pub(super) selected: bool,
}

/// What must be equal.
#[derive(PartialEq, Eq, Hash)]
struct Likeness<'i> {
    server: bool,
    groups: &'i [String],
    ways: Vec<Way>,
    local: String,
    /// Whoever is selected is never drawn together with somebody who is not.
    selected: bool,
}

/// All classes, and the class of each host. Where only some hosts are selected, `selected` has their indices, ascending.
pub(super) fn classes<'i>(
    inventory: &'i Inventory,
    selected: Option<&[usize]>,
) -> (Vec<Class<'i>>, Vec<usize>) {
    let mut by_likeness: HashMap<Likeness<'_>, usize> = HashMap::new();
    let mut sets: Vec<Vec<usize>> = Vec::new();
    let is_selected = |host: usize| selected.is_none_or(|selected| selected.binary_search(&host).is_ok());
    let inside = inventory.by_address();
    let lines = Lines::of(inventory);
    let ways_of = |index: usize, host| ways::of(host, index, &inside, lines.get(host));
    let local_of = |host| own_clock(host, lines.get(host)).map(|local| local.value);
    for (index, host) in inventory.hosts.iter().enumerate() {
        let set = *by_likeness
            .entry(likeness(host, ways_of(index, host), local_of(host), is_selected(index)))
            .or_insert(sets.len());
        match sets.get_mut(set) {
            Some(set) => set.push(index),
            None => sets.push(vec![index]),
        }
    }
    let mut parts: Vec<&[usize]> = Vec::new();
    for set in &sets {
        let few_servers = set.len() <= SERVERS_SHOWN
            && set
                .iter()
                .filter_map(|&host| inventory.hosts.get(host))
                .all(|host| *host.role == Role::Server);
        if few_servers { parts.extend(set.chunks(1)) } else { parts.push(set) }
    }
    parts.sort_unstable_by_key(|part| part.first().copied());
    let mut classes = Vec::new();
    let mut class_of = vec![0; inventory.hosts.len()];
    for part in parts {
        let hosts: Vec<&Host> = part.iter().filter_map(|&host| inventory.hosts.get(host)).collect();
        let Some(&first) = hosts.first() else { continue };
        for &host in part {
            if let Some(class) = class_of.get_mut(host) {
                *class = classes.len();
            }
        }
        let selected = part.first().is_some_and(|&host| is_selected(host));
        let ways = part.first().map_or_else(Vec::new, |&index| ways_of(index, first));
        classes.push(Class { first, hosts, ways, local: local_of(first), selected });
    }
    (classes, class_of)
}

fn likeness(host: &Host, ways: Vec<Way>, local: Option<Local>, selected: bool) -> Likeness<'_> {
    Likeness {
        server: *host.role == Role::Server,
        groups: &host.groups,
        ways,
        local: format!("{local:?}"),
        selected,
    }
}
