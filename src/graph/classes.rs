//! Hosts that are alike: the same role, the same groups, the same upstreams, the same clock of their own.

use std::collections::HashMap;

use crate::inventory::host::{Role, Upstream};
use crate::inventory::{Host, Inventory};

/// As many servers that are alike are still shown one by one: a picture of three servers has three boxes.
const SERVERS_SHOWN: usize = 6;

/// Hosts that become one node, in the order of the files; never empty.
pub(super) struct Class<'i> {
    pub(super) first: &'i Host,
    pub(super) hosts: Vec<&'i Host>,
}

/// What must be equal.
#[derive(PartialEq, Eq, Hash)]
struct Likeness<'i> {
    server: bool,
    groups: &'i [String],
    upstreams: String,
    local: String,
}

/// All classes, and the class of each host.
pub(super) fn classes(inventory: &Inventory) -> (Vec<Class<'_>>, Vec<usize>) {
    let mut by_likeness: HashMap<Likeness<'_>, usize> = HashMap::new();
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (index, host) in inventory.hosts.iter().enumerate() {
        let set = *by_likeness.entry(likeness(host)).or_insert(sets.len());
        match sets.get_mut(set) {
            Some(set) => set.push(index),
            None => sets.push(vec![index]),
        }
    }
    let mut classes = Vec::new();
    let mut class_of = vec![0; inventory.hosts.len()];
    for set in sets {
        let few_servers = set.len() <= SERVERS_SHOWN
            && set
                .iter()
                .filter_map(|&host| inventory.hosts.get(host))
                .all(|host| *host.role == Role::Server);
        let parts: Vec<&[usize]> = if few_servers { set.chunks(1).collect() } else { vec![&set] };
        for part in parts {
            let hosts: Vec<&Host> = part.iter().filter_map(|&host| inventory.hosts.get(host)).collect();
            let Some(&first) = hosts.first() else { continue };
            for &host in part {
                if let Some(class) = class_of.get_mut(host) {
                    *class = classes.len();
                }
            }
            classes.push(Class { first, hosts });
        }
    }
    (classes, class_of)
}

fn likeness(host: &Host) -> Likeness<'_> {
    let upstreams: Vec<&Upstream> = host.time.upstreams.iter().map(|upstream| &upstream.value).collect();
    Likeness {
        server: *host.role == Role::Server,
        groups: &host.groups,
        upstreams: format!("{upstreams:?}"),
        local: format!("{:?}", host.time.local.as_ref().map(|local| local.value)),
    }
}
