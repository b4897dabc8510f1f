//! The graph as a tree for the terminal.

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};

use super::{Edge, Graph, Node, Stratum};

const TROUBLE: Style = AnsiColor::Red.on_default().bold();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Those whom nobody outside their ring feeds are the roots; who follows several is below each of them, and what is
/// below it is shown once.
pub(super) fn tree(graph: &Graph) -> String {
    let mut below: Vec<Vec<&Edge>> = vec![Vec::new(); graph.nodes.len()];
    let mut has_source = vec![false; graph.nodes.len()];
    for edge in graph.edges.iter().filter(|edge| !edge.mutual) {
        if let (Some(edges), Some(has)) = (below.get_mut(edge.source), has_source.get_mut(edge.follower)) {
            edges.push(edge);
            *has = true;
        }
    }
    let mut tree = Tree {
        graph,
        below,
        shown: vec![false; graph.nodes.len()],
        lists: HashMap::new(),
        text: String::new(),
    };
    tree.text = format!("{STRONG}{}{STRONG:#}\n\n", graph.title);
    for root in (0..graph.nodes.len()).filter(|&node| has_source.get(node) == Some(&false)) {
        tree.add(root, None, "", "");
    }
    if graph.nodes.iter().any(|node| matches!(node.stratum, Some(Stratum::BelowOutside(1..)))) {
        tree.text += &format!("\n{FAINT}s: the stratum of the source outside{FAINT:#}\n");
    }
    tree.text
}

/// A follower, the options of its edge, and what is wrong with it.
type Way<'g> = (usize, &'g str, Option<&'g str>);

/// Shorter lists are written again, since a name says more than a hint.
const LONG_LIST: usize = 3;

struct Tree<'g> {
    graph: &'g Graph,
    /// The edges that go down from each node.
    below: Vec<Vec<&'g Edge>>,
    /// What is below these is already written.
    shown: Vec<bool>,
    /// Long lists that are already written, and below whom: servers that are alike have the same followers.
    lists: HashMap<Vec<Way<'g>>, usize>,
    text: String,
}

impl<'g> Tree<'g> {
    fn add(&mut self, index: usize, edge: Option<&Edge>, branch: &str, indent: &str) {
        let Some(node) = self.graph.nodes.get(index) else { return };
        let edges = self.below.get(index).cloned().unwrap_or_default();
        let again = std::mem::replace(self.shown.get_mut(index).unwrap_or(&mut false), true);
        let hidden = again && !edges.is_empty();
        let line = self.line(index, node, edge, hidden);
        self.text += &format!("{indent}{branch}{line}\n");
        if hidden {
            return;
        }
        let indent = match branch {
            "" => indent.to_owned(),
            "|-- " => format!("{indent}|   "),
            _ => format!("{indent}    "),
        };
        if let Some(first) = self.written_before(index, &edges) {
            let hint = format!("{FAINT}the same {} as below {first}{FAINT:#}", edges.len());
            self.text += &format!("{indent}`-- {hint}\n");
            return;
        }
        for (nth, edge) in edges.iter().enumerate() {
            let branch = if nth + 1 == edges.len() { "`-- " } else { "|-- " };
            self.add(edge.follower, Some(edge), branch, &indent);
        }
    }

    /// The name of the node below which the same long list stands.
    fn written_before(&mut self, index: usize, edges: &[&'g Edge]) -> Option<String> {
        if edges.len() < LONG_LIST {
            return None;
        }
        let ways = edges
            .iter()
            .map(|edge| (edge.follower, edge.options.as_str(), edge.trouble.as_deref()))
            .collect();
        let first = *self.lists.entry(ways).or_insert(index);
        self.graph.nodes.get(first).filter(|_| first != index).map(|node| node.name.clone())
    }

    fn line(&self, index: usize, node: &Node, edge: Option<&Edge>, hidden: bool) -> String {
        let mut line = format!("{STRONG}{}{STRONG:#}", node.title());
        if !node.is_outside() {
            line += &format!("  {}", node.caption());
        }
        for note in &node.notes {
            line += &format!(", {note}");
        }
        line += &self.peers(index);
        if let Some(edge) = edge.filter(|edge| !edge.options.is_empty()) {
            line += &format!("  {FAINT}[{}]{FAINT:#}", edge.options);
        }
        for trouble in node.troubles.iter().chain(edge.and_then(|edge| edge.trouble.as_ref())) {
            line += &format!("  {TROUBLE}! {trouble}{TROUBLE:#}");
        }
        if hidden {
            line += &format!("  {FAINT}(see above){FAINT:#}");
        }
        line
    }

    /// Whom it follows inside its own ring: such edges have no up and down.
    fn peers(&self, index: usize) -> String {
        let mine = self.graph.edges_to(index).filter(|edge| edge.mutual);
        let name = |edge: &Edge| {
            let peer = self.graph.nodes.get(edge.source)?;
            let name = if edge.source == index { "each other" } else { peer.name.as_str() };
            let trouble = edge.trouble.as_ref().map(|trouble| format!(" {TROUBLE}! {trouble}{TROUBLE:#}"));
            Some(format!("{name}{}", trouble.unwrap_or_default()))
        };
        let names: Vec<String> = mine.filter_map(name).collect();
        if names.is_empty() { String::new() } else { format!(", polls {}", names.join(", ")) }
    }
}
