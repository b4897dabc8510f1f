//! The figures for people.

use crate::measure::Figures;
use crate::peer::Peer;

/// One table: all servers with so many clients.
pub(crate) fn of(
    clients: u32,
    peers: &[Peer],
    figures: &[Vec<Figures>],
    instructions: &[Option<f64>],
) -> String {
    let plural = if clients == 1 { "" } else { "s" };
    let mut text = format!(
        "{clients} client{plural}\n\n\
         | server | answers/s | to chronyd | CPU µs/request | system calls/request | instructions/request | RSS MB |\n\
         |---|---|---|---|---|---|---|\n"
    );
    let chronyd = peers.iter().position(|peer| *peer == Peer::Chronyd);
    let chronyd = chronyd.and_then(|place| median(&figures[place], |one| Some(one.rate)));
    for ((peer, figures), instructions) in peers.iter().zip(figures).zip(instructions) {
        let rate = median(figures, |one| Some(one.rate));
        let cells = [
            shown(rate, 0),
            shown(rate.zip(chronyd).map(|(ours, theirs)| ours / theirs), 2),
            shown(median(figures, |one| Some(one.cpu * 1e6)), 2),
            shown(median(figures, |one| one.system_calls), 2),
            shown(*instructions, 0),
            shown(median(figures, |one| Some(one.memory as f64 / 1e6)), 1),
        ];
        text.push_str(&format!("| {} | {} |\n", peer.name(), cells.join(" | ")));
    }
    text
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.digits$}"))
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = figures.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
