//! The graph as one self-contained SVG file.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::layout::{self, LINE, Layout, Spot};
use super::{Edge, Graph, Kind};

const STYLE: &str = "\
    text { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: 13px; fill: #111; }
    .title { font-size: 16px; font-weight: bold; }
    .small { font-size: 11px; fill: #444; }
    .level { font-size: 11px; fill: #777; }
    .wrong { fill: #c62828; }
    rect { rx: 6px; stroke-width: 1.5px; }
    .outside { fill: #e8eefc; stroke: #4a6fb5; }
    .server { fill: #e6f4ea; stroke: #3c7d4f; }
    .client { fill: #f7f7f7; stroke: #777; }
    .trouble { fill: #fdeaea; stroke: #c62828; }
    path { fill: none; stroke: #8a94a6; stroke-width: 1.3px; }
    path.mutual { stroke-dasharray: 5 4; }
    path.bad { stroke: #c62828; }
";

pub(super) fn picture(graph: &Graph) -> String {
    let layout = layout::layout(graph);
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n  <title>{title}</title>\n  <style>\n{STYLE}  </style>\n  <defs>\n\
         {}{}  </defs>\n  <rect width=\"100%\" height=\"100%\" fill=\"#fff\" style=\"rx: 0\"/>\n  \
         <text class=\"title\" x=\"24\" y=\"34\">{title}</text>\n",
        head("arrow", "#8a94a6"),
        head("bad-arrow", "#c62828"),
        title = escaped(&graph.title),
    );
    levels(graph, &layout, &mut svg);
    edges(graph, &layout, &mut svg);
    for (index, spot) in layout.spots.iter().enumerate() {
        boxed(graph, index, spot, &mut svg);
    }
    svg + "</svg>\n"
}

fn head(name: &str, colour: &str) -> String {
    format!(
        "    <marker id=\"{name}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\" style=\"fill: {colour}; stroke: none\"/></marker>\n"
    )
}

/// What all nodes of a level have in common, at its left.
fn levels(graph: &Graph, layout: &Layout, svg: &mut String) {
    for (level, y) in layout.levels.iter().enumerate() {
        let mine = graph.nodes.iter().filter(|node| node.level == level);
        let names: BTreeSet<String> = mine
            .filter_map(|node| match node.is_outside() {
                true => Some("outside".to_owned()),
                false => node.stratum.map(|stratum| stratum.to_string()),
            })
            .collect();
        let name = names.into_iter().collect::<Vec<_>>();
        for (nth, name) in name.iter().take(3).enumerate() {
            let y = y + 20.0 + LINE * u32::try_from(nth).map_or(0.0, f64::from);
            // Writing to a String does not fail.
            let _ = writeln!(svg, "  <text class=\"level\" x=\"24\" y=\"{y}\">{name}</text>");
        }
    }
}

fn boxed(graph: &Graph, index: usize, spot: &Spot, svg: &mut String) {
    let Some(node) = graph.nodes.get(index) else { return };
    let class = match node.kind {
        _ if !node.troubles.is_empty() => "trouble",
        Kind::OutsideServer | Kind::OutsidePool | Kind::OutsideFiles | Kind::Clock => "outside",
        Kind::Server => "server",
        Kind::Client => "client",
    };
    let Spot { x, y, width, height } = *spot;
    let middle = spot.middle();
    let _ = writeln!(
        svg,
        "  <rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n  \
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        y + 18.0,
        escaped(&node.title())
    );
    let mut line_at = y + 18.0;
    for line in layout::lines(graph, index, node) {
        line_at += LINE;
        let wrong = if line.starts_with('!') { " wrong" } else { "" };
        let _ = writeln!(
            svg,
            "  <text class=\"small{wrong}\" x=\"{middle:.1}\" y=\"{line_at:.1}\" text-anchor=\"middle\">{}</text>",
            escaped(&line)
        );
    }
}

fn edges(graph: &Graph, layout: &Layout, svg: &mut String) {
    let lines: Vec<(&Edge, bool)> = graph.lines().collect();
    let ports = Ports::new(layout, &lines);
    for (index, &(edge, both)) in lines.iter().enumerate() {
        let (Some(from), Some(to)) = (layout.spots.get(edge.source), layout.spots.get(edge.follower)) else {
            continue;
        };
        let curve = if edge.mutual { Curve::arc(from, to) } else { ports.curve(index, from, to) };
        let (class, marker) = if edge.trouble.is_some() { (" bad", "bad-arrow") } else { ("", "arrow") };
        let mutual = if edge.mutual { " mutual" } else { "" };
        let start = if both { format!(" marker-start=\"url(#{marker})\"") } else { String::new() };
        let Curve { from: (ax, ay), bend: ((bx, by), (cx, cy)), to: (dx, dy) } = curve;
        let _ = writeln!(
            svg,
            "  <path class=\"edge{mutual}{class}\" d=\"M{ax:.1} {ay:.1}C{bx:.1} {by:.1} {cx:.1} {cy:.1} {dx:.1} {dy:.1}\"{start} \
             marker-end=\"url(#{marker})\"/>"
        );
    }
}

/// Where edges leave and reach their boxes: spread over the side, in the order of where they go.
struct Ports {
    leave: HashMap<usize, f64>,
    reach: HashMap<usize, f64>,
}

impl Ports {
    fn new(layout: &Layout, lines: &[(&Edge, bool)]) -> Self {
        let middle = |node: usize| layout.spots.get(node).map_or(0.0, Spot::middle);
        let spread = |own: fn(&Edge) -> usize, other: fn(&Edge) -> usize| {
            let mut sides: HashMap<usize, Vec<(f64, usize)>> = HashMap::new();
            for (index, (edge, _)) in lines.iter().enumerate().filter(|(_, (edge, _))| !edge.mutual) {
                sides.entry(own(edge)).or_default().push((middle(other(edge)), index));
            }
            let mut ports = HashMap::new();
            for (node, mut ends) in sides {
                ends.sort_by(|one, other| one.0.total_cmp(&other.0));
                let width = layout.spots.get(node).map_or(0.0, |spot| spot.width) * 0.7;
                let count = u32::try_from(ends.len()).map_or(1.0, f64::from);
                for (nth, (_, index)) in ends.iter().enumerate() {
                    let part = (u32::try_from(nth).map_or(0.0, f64::from) + 0.5) / count - 0.5;
                    ports.insert(*index, middle(node) + part * width);
                }
            }
            ports
        };
        Self {
            leave: spread(|edge| edge.source, |edge| edge.follower),
            reach: spread(|edge| edge.follower, |edge| edge.source),
        }
    }

    fn curve(&self, index: usize, from: &Spot, to: &Spot) -> Curve {
        let from = (self.leave.get(&index).copied().unwrap_or(from.middle()), from.bottom());
        let to = (self.reach.get(&index).copied().unwrap_or(to.middle()), to.y - 1.0);
        let bend = (to.1 - from.1) * 0.45;
        Curve { from, bend: ((from.0, from.1 + bend), (to.0, to.1 - bend)), to }
    }
}

type Point = (f64, f64);

/// A cubic curve.
struct Curve {
    from: Point,
    bend: (Point, Point),
    to: Point,
}

impl Curve {
    /// Below two boxes of one level, or from a box to itself.
    fn arc(from: &Spot, to: &Spot) -> Self {
        let spread = if from == to { from.width * 0.25 } else { 0.0 };
        let (a, b) = ((from.middle() - spread, from.bottom()), (to.middle() + spread, to.bottom()));
        let deep = 18.0 + (a.0 - b.0).abs() * 0.08;
        Self { from: a, bend: ((a.0, a.1 + deep), (b.0, b.1 + deep)), to: b }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
