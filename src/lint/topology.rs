//! Who gets time from whom, as a graph, and the rings in it that nothing feeds.
//!
//! A group is a node of its own between those who name it and those who are in it, and so is a list of sources that many
//! hosts share: a hundred thousand clients of ten servers are a hundred thousand edges, not a million.

use std::collections::HashMap;

use super::catalogue::SYNC_LOOP;
use super::gathered::{Finding, Gathered};
use super::place_or_host;
use super::site::{Leads, Site};
use crate::inventory::Host;

/// Strongly connected components of a graph given as the neighbours of each node; a component comes after all others
/// that it can reach.
pub(crate) fn components(edges: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    Graph { edges }.components()
}

/// Hosts first, then groups, then what hosts name as their sources: those with the same words share a node.
struct Graph {
    edges: Vec<Vec<usize>>,
}

impl Graph {
    fn new(site: &Site<'_>) -> Self {
        let hosts = site.inventory.hosts.len();
        let mut sources: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<usize, usize> = HashMap::new();
        let first = hosts + site.inventory.groups.len();
        let mut edges: Vec<Vec<usize>> = Vec::with_capacity(first);
        for (_, host) in site.hosts() {
            let node = *known.entry(host.time.identity()).or_insert_with(|| {
                let leads = site.sources(host).filter_map(|(_, leads)| match leads {
                    Leads::Group(group) => Some(hosts + group),
                    Leads::Host(server) => Some(server),
                    Leads::Outside(..) => None,
                });
                sources.push(leads.collect());
                first + sources.len() - 1
            });
            edges.push(vec![node]);
        }
        edges.extend(site.inventory.groups.iter().map(|group| group.members.clone()));
        edges.append(&mut sources);
        Self { edges }
    }

    fn next(&self, node: usize, nth: usize) -> Option<usize> {
        self.edges.get(node)?.get(nth).copied()
    }

    /// Strongly connected components (Tarjan's algorithm, with its own stack: chains may be long).
    fn components(&self) -> Vec<Vec<usize>> {
        let count = self.edges.len();
        let mut search = Search {
            order: vec![None; count],
            low: vec![0; count],
            on_stack: vec![false; count],
            stack: Vec::new(),
            found: Vec::new(),
            clock: 0,
        };
        for root in 0..count {
            if search.order.get(root).is_some_and(Option::is_none) {
                search.walk(self, root);
            }
        }
        search.found
    }
}

struct Search {
    /// When a node was first seen.
    order: Vec<Option<usize>>,
    /// The earliest node that can be reached from it and is still open.
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
    clock: usize,
}

impl Search {
    fn enter(&mut self, node: usize) {
        set(&mut self.order, node, Some(self.clock));
        set(&mut self.low, node, self.clock);
        set(&mut self.on_stack, node, true);
        self.stack.push(node);
        self.clock += 1;
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Some(low) = self.low.get_mut(node) {
            *low = (*low).min(to);
        }
    }

    fn walk(&mut self, graph: &Graph, root: usize) {
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((node, nth)) = path.pop() {
            let Some(next) = graph.next(node, nth) else {
                self.leave(node);
                if let (Some(&(parent, _)), Some(&low)) = (path.last(), self.low.get(node)) {
                    self.lower(parent, low);
                }
                continue;
            };
            path.push((node, nth + 1));
            match self.order.get(next).copied().flatten() {
                None => {
                    self.enter(next);
                    path.push((next, 0));
                }
                Some(order) if self.on_stack.get(next) == Some(&true) => self.lower(node, order),
                Some(_) => {}
            }
        }
    }

    /// A node that cannot reach anything earlier closes a component.
    fn leave(&mut self, node: usize) {
        if self.low.get(node).copied() != self.order.get(node).copied().flatten() {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.stack.pop() {
            set(&mut self.on_stack, member, false);
            component.push(member);
            if member == node {
                break;
            }
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

pub(super) fn check<'i>(site: &Site<'i>, findings: &mut Gathered<'i>) {
    let graph = Graph::new(site);
    for component in graph.components() {
        let ring: Vec<&'i Host> = component.iter().filter_map(|&node| site.host(node)).collect();
        if ring.len() > 1
            && !is_fed(site, &graph, &component, &ring)
            && let Some(finding) = finding(site, &ring)
        {
            findings.add_whole(&ring, finding);
        }
    }
}

/// Whether time comes into a ring: from a source outside, or from a member's own clock.
fn is_fed<'i>(site: &Site<'i>, graph: &Graph, component: &[usize], ring: &[&'i Host]) -> bool {
    let leaves = |&node: &usize| {
        let next = graph.edges.get(node).map_or(&[][..], Vec::as_slice);
        next.iter().any(|next| component.binary_search(next).is_err())
    };
    ring.iter().any(|host| site.local(host).is_some())
        || component.iter().any(|&node| site.is_fed(node))
        || component.iter().any(leaves)
}

fn finding<'i>(site: &Site<'i>, ring: &[&'i Host]) -> Option<Finding> {
    let (first, second) = (ring.first()?, ring.get(1)?);
    let names: Vec<_> = ring.iter().take(4).map(|host| format!("`{}`", host.name)).collect();
    let more = if ring.len() > names.len() {
        format!(" and {} more", ring.len() - names.len())
    } else {
        String::new()
    };
    let message = format!("{}{more} follow only each other", names.join(", "));
    let upstream = |host: &'i Host| Some(site.sources(host).next()?.0);
    let help = "give one of them a source outside, or all of them `local: { stratum: 10, orphan: true }`";
    let other = upstream(second).and_then(|upstream| upstream.place.as_ref());
    let finding = Finding::new(&SYNC_LOOP, place_or_host(upstream(first)?, first), message, "", help);
    Some(finding.and(other, format!("the upstream of `{}`", second.name)))
}
