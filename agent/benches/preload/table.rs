//! The figures side by side.

use crate::simulation::scenario::Scenario;
use crate::simulation::score::{Score, median};

/// The first lines.
pub(crate) const HEAD: &str = "\
Medians over the seeds. 'by pair' is the median of agent/chronyd under the same seed, which is less a matter of luck
than the ratio of the medians. 'reference' was measured elsewhere: chronyd's development version of 2026-06.

scenario             daemon     converged   time RMS   time max   freq RMS  requests   agent/chronyd: RMS  by pair  conv.
";

/// One scenario's lines: what each daemon did, seed by seed.
pub(crate) fn rows(story: &Scenario, agent: &[Score], chronyd: &[Score]) -> String {
    let reference = story.reference.map(|[converged, time_rms, time_max, frequency_rms, requests]| Score {
        converged,
        time_rms,
        time_max,
        frequency_rms,
        requests,
    });
    let (agents, chronyds) = (Score::median(agent), Score::median(chronyd));
    let mut text = String::new();
    for (daemon, score) in [("agent", agents), ("chronyd", chronyds), ("reference", reference)] {
        let Some(score) = score else { continue };
        text += &line(if text.is_empty() { story.name } else { "" }, daemon, score);
        if let (Some(chronyds), "agent") = (chronyds, daemon) {
            let pairs = agent.iter().zip(chronyd).map(|(ours, theirs)| ours.time_rms / theirs.time_rms);
            text += &format!(
                "   {:18.2} {:8.2} {:6.2}{}",
                score.time_rms / chronyds.time_rms,
                median(pairs),
                score.converged / chronyds.converged,
                verdict(score, chronyds)
            );
        }
        text += "\n";
    }
    text
}

/// What the agent may not be.
fn verdict(agent: Score, chronyd: Score) -> String {
    let mut faults = Vec::new();
    if agent.time_rms > chronyd.time_rms {
        faults.push("worse");
    }
    if agent.requests > chronyd.requests {
        faults.push("more requests");
    }
    if agent.converged > chronyd.converged * 1.1 {
        faults.push("slower");
    }
    if faults.is_empty() { String::new() } else { format!(" ({})", faults.join(", ")) }
}

/// What one daemon did under each seed.
pub(crate) fn each(daemon: &str, seeds: &[u64], scores: &[Score]) -> String {
    seeds
        .iter()
        .zip(scores)
        .map(|(seed, score)| line(&format!("  seed {seed}"), daemon, *score) + "\n")
        .collect()
}

/// One daemon's figures.
fn line(name: &str, daemon: &str, score: Score) -> String {
    format!(
        "{name:<20} {daemon:<10} {:>9.0}   {:>8.2e}   {:>8.2e}   {:>8.2e}   {:>7.0}",
        score.converged, score.time_rms, score.time_max, score.frequency_rms, score.requests
    )
}
