//! A part of a graph: some nodes and everything their time comes from.

use super::{Edge, Graph, Node};

/// Leaves out whoever is neither chosen nor above somebody who is, directly or by way of others. What is said of the
/// nodes that stay was found out with all of them, and stays true.
pub(super) fn to(graph: Graph, mut chosen: Vec<usize>) -> Graph {
    let mut stays = vec![false; graph.nodes.len()];
    while let Some(node) = chosen.pop() {
        if let Some(stay) = stays.get_mut(node)
            && !std::mem::replace(stay, true)
        {
            chosen.extend(graph.edges_to(node).map(|edge| edge.source));
        }
    }
    let Graph { title, nodes, edges, into: _ } = graph;
    let mut left = 0;
    let new_index: Vec<Option<usize>> = stays
        .iter()
        .map(|&stays| {
            left += usize::from(stays);
            stays.then(|| left - 1)
        })
        .collect();
    let new = |old: usize| new_index.get(old).copied().flatten();
    let nodes: Vec<Node> =
        nodes.into_iter().zip(stays).filter(|(_, stays)| *stays).map(|(node, _)| node).collect();
    let mut into = vec![Vec::new(); nodes.len()];
    let mut kept = Vec::new();
    for edge in edges {
        // Whom somebody follows who stays, stays too.
        let (Some(source), Some(follower)) = (new(edge.source), new(edge.follower)) else { continue };
        if let Some(edges) = into.get_mut(follower) {
            edges.push(kept.len());
        }
        kept.push(Edge { source, follower, ..edge });
    }
    Graph { title, nodes, edges: kept, into }
}
