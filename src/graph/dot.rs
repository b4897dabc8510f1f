//! The graph for Graphviz.

use std::collections::BTreeMap;

use super::{Graph, Kind, Node};

pub(super) fn digraph(graph: &Graph) -> String {
    let mut text = format!(
        "digraph time {{\n    label=\"{}\"; labelloc=t; rankdir=TB; fontname=\"sans-serif\";\n    \
         node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\"];\n    edge [fontname=\"sans-serif\", fontsize=10];\n",
        escaped(&graph.title)
    );
    let mut ranks: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = std::iter::once(node.title())
            .chain((!node.is_outside()).then(|| node.caption()))
            .chain(node.notes.iter().cloned())
            .chain(node.troubles.iter().map(|trouble| format!("! {trouble}")))
            .map(|line| escaped(&line))
            .collect();
        text += &format!("    n{index} [label=\"{}\", {}];\n", lines.join("\\n"), look(node));
        ranks.entry(node.level).or_default().push(format!("n{index}"));
    }
    for nodes in ranks.values() {
        text += &format!("    {{ rank=same; {}; }}\n", nodes.join("; "));
    }
    for (edge, both) in graph.lines() {
        let words: Vec<String> = Some(edge.options.clone())
            .filter(|options| !options.is_empty())
            .into_iter()
            .chain(edge.trouble.iter().map(|trouble| format!("! {trouble}")))
            .map(|line| escaped(&line))
            .collect();
        let mut attributes = Vec::new();
        if !words.is_empty() {
            attributes.push(format!("label=\"{}\"", words.join("\\n")));
        }
        if both {
            attributes.push("dir=both".to_owned());
        }
        if edge.mutual {
            attributes.push("style=dashed".to_owned());
        }
        if edge.trouble.is_some() {
            attributes.push("color=\"#c62828\", fontcolor=\"#c62828\"".to_owned());
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        text += &format!("    n{} -> n{}{attributes};\n", edge.source, edge.follower);
    }
    text + "}\n"
}

fn look(node: &Node) -> &'static str {
    match node.kind {
        _ if !node.troubles.is_empty() => "fillcolor=\"#fdeaea\", color=\"#c62828\"",
        Kind::OutsideServer | Kind::OutsidePool | Kind::OutsideFiles | Kind::Clock => {
            "fillcolor=\"#e8eefc\", color=\"#4a6fb5\""
        }
        Kind::Server => "fillcolor=\"#e6f4ea\", color=\"#3c7d4f\"",
        Kind::Client => "fillcolor=\"#f7f7f7\", color=\"#777777\"",
    }
}

/// Inside a quoted string of DOT.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
