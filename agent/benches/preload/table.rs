//! The figures side by side.

use crate::simulation::scenario::Scenario;
use crate::simulation::score::Score;

/// The first lines.
pub(crate) const HEAD: &str = "\
scenario             daemon     converged   time RMS   time max   freq RMS  requests   agent/chronyd: RMS, converged";

/// One scenario's lines.
pub(crate) fn rows(story: &Scenario, agent: Option<Score>, chronyd: Option<Score>) -> String {
    let reference = story.reference.map(|[converged, time_rms, time_max, frequency_rms, requests]| Score {
        converged,
        time_rms,
        time_max,
        frequency_rms,
        requests,
    });
    let lines = [("agent", agent), ("chronyd", chronyd), ("reference", reference)];
    let mut name = story.name;
    let mut text = String::new();
    for (daemon, score) in lines {
        let Some(score) = score else { continue };
        text += &line(name, daemon, score);
        if let (Some(chronyd), "agent") = (chronyd, daemon) {
            let time = score.time_rms / chronyd.time_rms;
            let converged = score.converged / chronyd.converged;
            text += &format!("   {time:.2}, {converged:.2}{}", verdict(score, chronyd));
        }
        text += "\n";
        name = "";
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

/// One daemon's figures.
pub(crate) fn line(name: &str, daemon: &str, score: Score) -> String {
    format!(
        "{name:<20} {daemon:<10} {:>9.0}   {:>8.2e}   {:>8.2e}   {:>8.2e}   {:>7.0}",
        score.converged, score.time_rms, score.time_max, score.frequency_rms, score.requests
    )
}
