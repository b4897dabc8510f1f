//! The graph as a Mermaid flowchart.

use super::{Graph, Kind, Node};

pub(super) fn flowchart(graph: &Graph) -> String {
    let mut text = format!(
        "---\ntitle: \"{}\"\n---\nflowchart TD\n",
        graph.title.replace('\\', "\\\\").replace('"', "\\\"")
    );
    for (index, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = std::iter::once(node.title())
            .chain((!node.is_outside()).then(|| node.caption()))
            .chain(node.notes.iter().cloned())
            .chain(node.troubles.iter().map(|trouble| format!("! {trouble}")))
            .map(|line| escaped(&line))
            .collect();
        let (open, close) = if node.is_outside() { ("([", "])") } else { ("[", "]") };
        text += &format!("    n{index}{open}\"{}\"{close}:::{}\n", lines.join("<br/>"), class(node));
    }
    let mut marked = Vec::new();
    for (nth, (edge, both)) in graph.lines().enumerate() {
        let arrow = match (both, edge.trouble.is_some()) {
            (true, _) => "<-.->",
            (false, true) => "-.->",
            (false, false) => "-->",
        };
        let words: Vec<String> = Some(edge.options.clone())
            .filter(|options| !options.is_empty())
            .into_iter()
            .chain(edge.trouble.iter().map(|trouble| format!("! {trouble}")))
            .map(|line| escaped(&line))
            .collect();
        let label = if words.is_empty() { String::new() } else { format!("|\"{}\"|", words.join("<br/>")) };
        text += &format!("    n{} {arrow}{label} n{}\n", edge.source, edge.follower);
        if edge.trouble.is_some() {
            marked.push(nth.to_string());
        }
    }
    text += "    classDef outside fill:#e8eefc,stroke:#4a6fb5,color:#111\n";
    text += "    classDef server fill:#e6f4ea,stroke:#3c7d4f,color:#111\n";
    text += "    classDef client fill:#f7f7f7,stroke:#777777,color:#111\n";
    text += "    classDef trouble fill:#fdeaea,stroke:#c62828,color:#111\n";
    if !marked.is_empty() {
        text += &format!("    linkStyle {} stroke:#c62828\n", marked.join(","));
    }
    text
}

fn class(node: &Node) -> &'static str {
    match node.kind {
        _ if !node.troubles.is_empty() => "trouble",
        Kind::OutsideServer | Kind::OutsidePool | Kind::OutsideFiles | Kind::Clock => "outside",
        Kind::Server => "server",
        Kind::Client => "client",
    }
}

/// Letters that mean something inside a quoted label, as Mermaid's entity codes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => safe.push_str(&format!("#{};", u32::from(letter))),
            other => safe.push(other),
        }
    }
    safe
}
