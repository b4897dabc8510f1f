//! Who gets the time from whom, as a picture: sources outside at the top, below them whoever follows them.
//!
//! `classes` makes one node of hosts that are alike, `build` draws the edges and finds out what leads nowhere, `cut` leaves
//! the part that somebody selected, and each face (`text`, `mermaid`, `dot`, `svg`) only writes down what is here.

mod build;
mod classes;
mod cut;
mod dot;
mod layout;
mod mermaid;
mod names;
mod svg;
mod text;
mod ways;

use std::fmt;

use crate::inventory::Inventory;
use crate::inventory::problem::visible;
use crate::inventory::selection::{Selection, SelectionError};
use crate::report::quantity::count;

/// A picture that is not drawn yet.
#[derive(Debug)]
pub(crate) struct Graph {
    /// One line about the fleet.
    title: String,
    /// Sources outside first, then hosts in the order of the files.
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The edges that lead to each node.
    into: Vec<Vec<usize>>,
}

/// A source outside, a host, or hosts that are alike.
#[derive(Debug)]
struct Node {
    kind: Kind,
    /// `ntp-a`, `web[01:20]`
    name: String,
    /// How many hosts.
    count: usize,
    /// What else is worth knowing, a few words each.
    notes: Vec<String>,
    /// What is wrong with it.
    troubles: Vec<String>,
    /// 0 is the top; nobody is above those whom it follows.
    level: usize,
    stratum: Option<Stratum>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    OutsideServer,
    OutsidePool,
    /// Sources that are named in files of the host.
    OutsideFiles,
    /// A receiver, or a card that is set by one.
    Clock,
    Server,
    Client,
}

/// What a follower of good sources serves or shows. The order is the one in which a daemon would choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stratum {
    /// So many below a reference clock.
    BelowClock(u8),
    /// So many below the sources outside, whose own stratum nobody wrote down.
    BelowOutside(u8),
    /// Counted from a host's own clock.
    FromLocal(u8),
}

/// Time flows from `source` to `follower`, both indices of nodes.
#[derive(Debug)]
struct Edge {
    source: usize,
    follower: usize,
    /// In chrony's words: `iburst minpoll 4`.
    options: String,
    /// Both ends follow each other, directly or by way of others.
    mutual: bool,
    /// Only measured (`noselect`): no time comes this way.
    measured: bool,
    trouble: Option<String>,
}

impl Graph {
    /// Draws an inventory; it may have findings as long as it could be read. With a selection, only the hosts that it means
    /// and everything their time comes from.
    ///
    /// # Errors
    /// A selection that does not fit the inventory.
    pub(crate) fn new(inventory: &Inventory, selection: Option<&Selection>) -> Result<Self, SelectionError> {
        let selected = selection.map(|selection| selection.of(inventory)).transpose()?;
        let mut graph = build::graph(inventory, selected.as_deref());
        let all = count(inventory.hosts.len(), "host");
        let what = match selection {
            None => format!("{all} in {}", count(inventory.groups.len(), "group")),
            Some(selection) => format!("{} of {all} (--on {selection})", graph.hosts()),
        };
        graph.title = format!("fleet {}: {what}", visible(&inventory.fleet.value));
        Ok(graph)
    }

    /// How many hosts are drawn.
    fn hosts(&self) -> usize {
        self.nodes.iter().filter(|node| !node.is_outside()).map(|node| node.count).sum()
    }

    /// A tree for the terminal, with colours for an `anstream` stream.
    pub(crate) fn text(&self) -> String {
        text::tree(self)
    }

    /// A Mermaid flowchart.
    pub(crate) fn mermaid(&self) -> String {
        mermaid::flowchart(self)
    }

    /// For Graphviz.
    pub(crate) fn dot(&self) -> String {
        dot::digraph(self)
    }

    /// A picture in one file.
    pub(crate) fn svg(&self) -> String {
        svg::picture(self)
    }

    fn edges_to(&self, node: usize) -> impl Iterator<Item = &Edge> {
        self.into.get(node).into_iter().flatten().filter_map(|&edge| self.edges.get(edge))
    }

    /// Edges as a picture has them: two nodes that follow each other with the same options are one line with two heads.
    fn lines(&self) -> impl Iterator<Item = (&Edge, bool)> {
        let twin = |edge: &Edge| {
            let back = |other: &Edge| other.source == edge.follower;
            let same = |other: &Edge| other.options == edge.options && other.trouble == edge.trouble;
            let mut others = self.edges_to(edge.source);
            edge.mutual && edge.source != edge.follower && others.any(|other| back(other) && same(other))
        };
        self.edges.iter().filter_map(move |edge| match twin(edge) {
            true if edge.source > edge.follower => None,
            both => Some((edge, both)),
        })
    }

    /// How a node follows its sources: `[iburst]` when all are alike, else each way with the sources' names; and what is
    /// wrong with any of them.
    fn ways(&self, follower: usize) -> Vec<String> {
        let mut ways: Vec<(&Edge, Vec<&str>)> = Vec::new();
        for edge in self.edges_to(follower) {
            let Some(source) = self.nodes.get(edge.source) else { continue };
            let alike = |(way, _): &&mut (&Edge, Vec<&str>)| {
                way.options == edge.options && way.trouble == edge.trouble && way.mutual == edge.mutual
            };
            match ways.iter_mut().find(alike) {
                Some((_, names)) => names.push(&source.name),
                None => ways.push((edge, vec![&source.name])),
            }
        }
        let only = ways.len() == 1;
        let written = |(edge, sources): &(&Edge, Vec<&str>)| {
            let names = names::together(sources);
            let options = match edge.options.as_str() {
                "" => None,
                options if only => Some(format!("[{options}]")),
                options => Some(format!("[{options}] {names}")),
            };
            let trouble = edge.trouble.as_ref().map(|trouble| format!("! {trouble}: {names}"));
            options.into_iter().chain(trouble)
        };
        ways.iter().flat_map(written).collect()
    }
}

impl Node {
    fn is_outside(&self) -> bool {
        matches!(self.kind, Kind::OutsideServer | Kind::OutsidePool | Kind::OutsideFiles | Kind::Clock)
    }

    /// `pool p.example`, `web[01:20] (20)`
    fn title(&self) -> String {
        match self.kind {
            Kind::OutsideServer => format!("server {}", self.name),
            Kind::OutsidePool => format!("pool {}", self.name),
            _ if self.count > 1 => format!("{} ({})", self.name, self.count),
            _ => self.name.clone(),
        }
    }

    /// `client, stratum 11`
    fn caption(&self) -> String {
        let mut parts = Vec::new();
        match self.kind {
            Kind::Server => parts.push("server".to_owned()),
            Kind::Client => parts.push("client".to_owned()),
            Kind::OutsideServer | Kind::OutsidePool | Kind::OutsideFiles | Kind::Clock => {
                parts.push("outside".to_owned())
            }
        }
        parts.extend(self.stratum.filter(|_| !self.is_outside()).map(|stratum| stratum.to_string()));
        parts.join(", ")
    }
}

impl fmt::Display for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowOutside(0) => f.write_str("stratum s"),
            Self::BelowOutside(below) => write!(f, "stratum s+{below}"),
            Self::BelowClock(stratum) | Self::FromLocal(stratum) => write!(f, "stratum {stratum}"),
        }
    }
}

impl Stratum {
    fn below(self) -> Self {
        match self {
            Self::BelowOutside(below) => Self::BelowOutside(below.saturating_add(1)),
            Self::BelowClock(below) => Self::BelowClock(below.saturating_add(1)),
            Self::FromLocal(stratum) => Self::FromLocal(stratum.saturating_add(1)),
        }
    }
}

#[cfg(test)]
mod tests;
