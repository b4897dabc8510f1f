//! Where every node of a picture goes: a row for each level, in each row the order that crosses the fewest edges.

use std::collections::HashSet;

use super::{Edge, Graph, Node};

/// A letter of the monospace font at 13 px, and one of the captions at 11 px.
const LETTER: f64 = 7.85;
const SMALL_LETTER: f64 = 6.65;
const PADDING: f64 = 12.0;
pub(super) const LINE: f64 = 16.0;
/// Between two boxes of a row.
const GAP: f64 = 28.0;
/// Between two rows of different levels, with room for the labels of edges.
const LEVEL_GAP: f64 = 84.0;
/// Between two rows of the same level.
const ROW_GAP: f64 = 40.0;
const MARGIN: f64 = 24.0;
const HEAD: f64 = 44.0;
/// Room at the left for the name of each level.
pub(super) const LEGEND: f64 = 110.0;
/// Wider rows are broken.
const MAX_WIDTH: f64 = 1300.0;
/// Up and down often enough for such small graphs.
const SWEEPS: usize = 6;

/// A node's place and size, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Spot {
    pub(super) fn middle(&self) -> f64 {
        self.x + self.width / 2.0
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// A whole picture's.
#[derive(Debug)]
pub(super) struct Layout {
    /// As many as there are nodes.
    pub(super) spots: Vec<Spot>,
    /// The top of each level.
    pub(super) levels: Vec<f64>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The lines of a box: its name, and what is said of it in smaller letters.
pub(super) fn lines(graph: &Graph, index: usize, node: &Node) -> Vec<String> {
    let caption = (!node.is_outside()).then(|| node.caption());
    let troubles = node.troubles.iter().map(|trouble| format!("! {trouble}"));
    caption.into_iter().chain(node.notes.iter().cloned()).chain(graph.ways(index)).chain(troubles).collect()
}

pub(super) fn layout(graph: &Graph) -> Layout {
    let mut spots: Vec<Spot> =
        graph.nodes.iter().enumerate().map(|(index, node)| size(graph, index, node)).collect();
    let rows = ordered(graph);
    let broken: Vec<Vec<Vec<usize>>> = rows.iter().map(|row| broken(graph, row, &spots)).collect();
    let width_of = |row: &Vec<usize>| {
        let boxes: f64 = row.iter().filter_map(|&node| spots.get(node)).map(|spot| spot.width + GAP).sum();
        (boxes - GAP).max(0.0)
    };
    let widest = broken.iter().flatten().map(width_of).fold(0.0, f64::max);
    let widths: Vec<Vec<f64>> = broken.iter().map(|rows| rows.iter().map(width_of).collect()).collect();
    let mut y = HEAD + MARGIN;
    let mut levels = Vec::new();
    for (rows, widths) in broken.iter().zip(&widths) {
        levels.push(y);
        for (row, width) in rows.iter().zip(widths) {
            let mut x = MARGIN + LEGEND + (widest - width) / 2.0;
            let mut tallest: f64 = 0.0;
            for &node in row {
                let Some(spot) = spots.get_mut(node) else { continue };
                (spot.x, spot.y) = (x, y);
                x += spot.width + GAP;
                tallest = tallest.max(spot.height);
            }
            y += tallest + ROW_GAP;
        }
        y += LEVEL_GAP - ROW_GAP;
    }
    let title = text_width(&graph.title, LETTER * 1.25) + 2.0 * MARGIN;
    Layout {
        spots,
        levels,
        width: (widest + LEGEND + 2.0 * MARGIN).max(title).max(360.0),
        // Room below the last row for the arcs of those who follow each other.
        height: y - LEVEL_GAP + LEVEL_GAP / 2.0 + MARGIN,
    }
}

fn text_width(text: &str, letter: f64) -> f64 {
    u32::try_from(text.chars().count()).map_or(0.0, f64::from) * letter
}

fn size(graph: &Graph, index: usize, node: &Node) -> Spot {
    let title = text_width(&node.title(), LETTER);
    let lines = lines(graph, index, node);
    let widest = lines.iter().map(|line| text_width(line, SMALL_LETTER)).fold(title, f64::max);
    let count = u32::try_from(lines.len() + 1).map_or(1.0, f64::from);
    Spot { x: 0.0, y: 0.0, width: widest + 2.0 * PADDING, height: count * LINE + PADDING }
}

/// The nodes of each level, each near the middle of those whom it is joined with.
fn ordered(graph: &Graph) -> Vec<Vec<usize>> {
    let count = graph.nodes.iter().map(|node| node.level + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Some(row) = rows.get_mut(node.level) {
            row.push(index);
        }
    }
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut below = above.clone();
    for Edge { source, follower, .. } in graph.edges.iter().filter(|edge| !edge.mutual) {
        if let (Some(above), Some(below)) = (above.get_mut(*follower), below.get_mut(*source)) {
            above.push(*source);
            below.push(*follower);
        }
    }
    let mut position = vec![0.0; graph.nodes.len()];
    for row in &rows {
        number(row, &mut position);
    }
    for sweep in 0..SWEEPS {
        let neighbours = if sweep % 2 == 0 { &above } else { &below };
        for row in &mut rows {
            let mut keyed: Vec<(f64, usize)> =
                row.iter().map(|&node| (middle(node, neighbours, &position), node)).collect();
            // Stable: what has no reason to move stays.
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            *row = keyed.into_iter().map(|(_, node)| node).collect();
            number(row, &mut position);
        }
    }
    rows
}

/// Positions from 0 to 1, so that rows of different lengths can be compared.
fn number(row: &[usize], position: &mut [f64]) {
    let length = u32::try_from(row.len()).map_or(1.0, f64::from);
    for (nth, &node) in row.iter().enumerate() {
        if let Some(position) = position.get_mut(node) {
            *position = (u32::try_from(nth).map_or(0.0, f64::from) + 0.5) / length;
        }
    }
}

fn middle(node: usize, neighbours: &[Vec<usize>], position: &[f64]) -> f64 {
    let of = |node: &usize| position.get(*node).copied().unwrap_or(0.0);
    let near = neighbours.get(node).map_or(&[][..], Vec::as_slice);
    if near.is_empty() {
        return of(&node);
    }
    near.iter().map(of).sum::<f64>() / u32::try_from(near.len()).map_or(1.0, f64::from)
}

/// A row that is too wide becomes several; those who have followers come last, next to them.
fn broken(graph: &Graph, row: &[usize], spots: &[Spot]) -> Vec<Vec<usize>> {
    let whole: f64 = row.iter().filter_map(|&node| spots.get(node)).map(|spot| spot.width + GAP).sum();
    let mut row = row.to_vec();
    if whole > MAX_WIDTH {
        let sources: HashSet<usize> =
            graph.edges.iter().filter(|edge| !edge.mutual).map(|edge| edge.source).collect();
        row.sort_by_key(|node| sources.contains(node));
    }
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut room = 0.0;
    for node in row {
        let width = spots.get(node).map_or(0.0, |spot| spot.width) + GAP;
        match rows.last_mut() {
            Some(last) if width <= room => last.push(node),
            _ => {
                rows.push(vec![node]);
                room = MAX_WIDTH;
            }
        }
        room -= width;
    }
    rows
}
