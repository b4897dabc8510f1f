//! From an inventory to nodes and edges, and what leads nowhere.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::classes::{self, Class};
use super::ways::{To, Way};
use super::{Edge, Graph, Kind, Node, Stratum, cut, names};
use crate::inventory::host::Role;
use crate::inventory::{Host, Inventory};
use crate::lint::{Access, ExtraLines, components};

/// A source that does not serve is none.
const SILENT: &str = "serves no time";

/// The whole fleet, or of it only the selected hosts (indices, ascending) and everything their time comes from. What is
/// wrong and how far from the time somebody is, is found out on the whole fleet in any case.
pub(super) fn graph(inventory: &Inventory, selected: Option<&[usize]>) -> Graph {
    let (classes, class_of) = classes::classes(inventory, selected);
    let mut nodes = outside(&classes);
    let base = nodes.len();
    let named =
        nodes.iter().enumerate().map(|(index, node)| ((node.kind, node.name.clone()), index)).collect();
    nodes.extend(classes.iter().map(node));
    let mut draft =
        Draft { inventory, classes: &classes, class_of: &class_of, base, named, edges: Vec::new() };
    for class in 0..classes.len() {
        draft.edges_of(class);
    }
    let mut graph =
        Graph { title: String::new(), into: vec![Vec::new(); nodes.len()], nodes, edges: draft.edges };
    judge(&mut graph, base, &classes);
    if selected.is_some() {
        let chosen = classes.iter().enumerate().filter(|(_, class)| class.selected);
        let chosen = chosen.map(|(index, _)| base + index).collect();
        graph = cut::to(graph, chosen);
    }
    to_the_top(&mut graph);
    graph
}

/// The highest level becomes 0.
fn to_the_top(graph: &mut Graph) {
    let top = graph.nodes.iter().map(|node| node.level).min().unwrap_or(0);
    for node in &mut graph.nodes {
        node.level -= top;
    }
}

/// Sources outside, in the order in which they are first named.
fn outside(classes: &[Class<'_>]) -> Vec<Node> {
    let mut seen = HashSet::new();
    let mut nodes = Vec::new();
    for way in classes.iter().flat_map(|class| &class.ways) {
        let To::Outside(kind, name) = &way.to else { continue };
        if seen.insert((kind, name)) {
            nodes.push(Node {
                kind: *kind,
                name: name.clone(),
                count: 1,
                notes: Vec::new(),
                troubles: Vec::new(),
                level: 0,
                // Whoever has a reference clock is at stratum 1 (RFC 5905).
                stratum: Some(match kind {
                    Kind::Clock => Stratum::BelowClock(0),
                    _ => Stratum::BelowOutside(0),
                }),
            });
        }
    }
    nodes
}

fn node(class: &Class<'_>) -> Node {
    let names: Vec<&str> = class.hosts.iter().map(|host| host.name.as_str()).collect();
    let local = class.local.map(|local| {
        let orphan = if local.orphan { " orphan" } else { "" };
        format!("local stratum {}{orphan}", local.stratum)
    });
    Node {
        kind: if *class.first.role == Role::Server { Kind::Server } else { Kind::Client },
        name: names::together(&names),
        count: names.len(),
        notes: local.into_iter().collect(),
        troubles: Vec::new(),
        level: 0,
        stratum: None,
    }
}

struct Draft<'d, 'i> {
    inventory: &'i Inventory,
    classes: &'d [Class<'i>],
    class_of: &'d [usize],
    /// Index of the first class among the nodes.
    base: usize,
    /// The sources outside.
    named: HashMap<(Kind, String), usize>,
    edges: Vec<Edge>,
}

impl Draft<'_, '_> {
    fn edges_of(&mut self, class: usize) {
        let Some(followers) = self.classes.get(class) else { return };
        let mut seen = HashSet::new();
        for way in &followers.ways {
            for source in self.sources(class, way) {
                if !seen.insert((source, &way.options)) {
                    continue;
                }
                let server = source.checked_sub(self.base).and_then(|index| self.classes.get(index));
                self.edges.push(Edge {
                    source,
                    follower: self.base + class,
                    options: way.options.clone(),
                    mutual: false,
                    measured: way.measured,
                    trouble: server.and_then(|server| trouble(server, followers)),
                });
            }
        }
    }

    /// The nodes that a way leads to.
    fn sources(&self, class: usize, way: &Way) -> Vec<usize> {
        let alone = self.classes.get(class).is_some_and(|class| class.hosts.len() == 1);
        match &way.to {
            To::Outside(kind, name) => self.named.get(&(*kind, name.clone())).copied().into_iter().collect(),
            To::Host(host) => self.class_of.get(*host).map(|class| self.base + class).into_iter().collect(),
            To::Group(group) => {
                let members = self.inventory.group(group).map_or(&[][..], |group| &group.members);
                let mut seen = HashSet::new();
                let classes = members.iter().filter_map(|&member| self.class_of.get(member).copied());
                // Nobody follows itself; of several that are alike each follows the others.
                let others = classes.filter(|&other| !(alone && other == class) && seen.insert(other));
                others.map(|other| self.base + other).collect()
            }
        }
    }
}

/// Why servers would not answer those who ask them.
fn trouble(servers: &Class<'_>, followers: &Class<'_>) -> Option<String> {
    if servers.hosts.iter().all(|server| *server.time.port == 0) {
        return Some(SILENT.to_owned());
    }
    let mut refused: HashSet<&str> = HashSet::new();
    // Servers that share their lines turn away the same hosts; only a server among its own followers is another matter.
    let mut asked = HashSet::new();
    let of_each_other = servers.first.name == followers.first.name;
    for server in &servers.hosts {
        let family = server.address.parse::<IpAddr>().ok().map(|address| address.is_ipv4());
        if !of_each_other && !asked.insert((server.time.identity(), family)) {
            continue;
        }
        let extra = (!server.time.extra.is_empty()).then(|| ExtraLines::of(server));
        let access = Access::with(server, extra.as_ref());
        let silent = !access.allows_anybody();
        let turned_away = |host: &&&Host| {
            let refused = match host.address.parse::<IpAddr>() {
                Ok(asking) if family.is_none_or(|four| four == asking.is_ipv4()) => !access.verdict(asking).0,
                Ok(_) => false,
                Err(_) => silent,
            };
            refused && host.name != server.name
        };
        refused.extend(followers.hosts.iter().filter(turned_away).map(|host| host.name.as_str()));
    }
    match (refused.len(), followers.hosts.len()) {
        (0, _) => None,
        (_, 1) => Some("not allowed".to_owned()),
        (some, all) if some < all => Some(format!("{some} of {all} not allowed")),
        (all, _) => Some(format!("all {all} not allowed")),
    }
}

/// Levels, strata, rings, and those whom no time reaches.
fn judge(graph: &mut Graph, base: usize, classes: &[Class<'_>]) {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (index, edge) in graph.edges.iter().enumerate() {
        if let (Some(sources), Some(edges)) =
            (above.get_mut(edge.follower), graph.into.get_mut(edge.follower))
        {
            sources.push(edge.source);
            edges.push(index);
        }
    }
    let rings = components(above);
    let mut ring_of: HashMap<usize, usize> = HashMap::new();
    for (index, ring) in rings.iter().enumerate() {
        ring_of.extend(ring.iter().map(|&node| (node, index)));
    }
    for edge in &mut graph.edges {
        edge.mutual = ring_of.get(&edge.source) == ring_of.get(&edge.follower);
    }
    // A ring comes after all rings that it can reach: whom it follows is judged before.
    for ring in rings.iter().filter(|ring| ring.iter().any(|&node| node >= base)) {
        let edges: Vec<&Edge> = ring.iter().flat_map(|&node| graph.edges_to(node)).collect();
        let own = |&node: &usize| local_stratum(classes.get(node.checked_sub(base)?)?);
        let verdict = Verdict::of(graph, &edges, ring.iter().filter_map(own).min());
        for &index in ring {
            let Some(node) = graph.nodes.get_mut(index) else { continue };
            node.level = verdict.level;
            node.stratum = verdict.stratum;
            node.troubles.extend(verdict.trouble.map(str::to_owned));
        }
    }
}

/// What is true of all members of a ring; most rings are one node.
struct Verdict {
    level: usize,
    stratum: Option<Stratum>,
    trouble: Option<&'static str>,
}

impl Verdict {
    /// From the edges that lead to the ring's members and the best of their own clocks.
    fn of(graph: &Graph, edges: &[&Edge], from_local: Option<Stratum>) -> Self {
        let source = |edge: &&&Edge| graph.nodes.get(edge.source);
        let outer = || edges.iter().filter(|edge| !edge.mutual);
        let serving = outer().filter(|edge| !edge.measured && edge.trouble.as_deref() != Some(SILENT));
        let followed = serving.filter_map(|edge| source(&edge)?.stratum).min().map(Stratum::below);
        let trouble = match (followed.or(from_local), edges.is_empty()) {
            (Some(_), _) => None,
            (None, true) => Some("follows nobody"),
            (None, false) if outer().next().is_none() => Some("loop: nobody feeds it"),
            (None, false) => Some("no path to time"),
        };
        let level = outer().filter_map(|edge| Some(source(&edge)?.level + 1)).max().unwrap_or(1);
        Self { level, stratum: followed.or(from_local), trouble }
    }
}

fn local_stratum(class: &Class<'_>) -> Option<Stratum> {
    class.local.map(|local| Stratum::FromLocal(local.stratum))
}
