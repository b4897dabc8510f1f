//! How well a client keeps the time in simulation: the table of all scenarios, medians of 20 seeds, beside chronyd's
//! figures where they are known.
//!
//! `cargo bench -p timefleet-agent --bench accuracy [-- PART OF A NAME...]`; `--bench preload` has chronyd itself beside
//! the agent.

#![expect(dead_code, reason = "stories need more of the simulator than the table does")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "it is a test's world, and prints a table"
)]

#[path = "../tests/sim/accuracy.rs"]
mod accuracy;
#[path = "../tests/sim/chance.rs"]
mod chance;
#[path = "../tests/sim/kernel.rs"]
mod kernel;
#[path = "../tests/sim/link.rs"]
mod link;
#[path = "../tests/sim/node.rs"]
mod node;
#[path = "../tests/sim/oddity.rs"]
mod oddity;
#[path = "../tests/sim/world.rs"]
mod world;

use accuracy::Scenario;

const SEEDS: u8 = 20;

fn rms(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt()
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let is_wanted = |scenario: &&Scenario| {
        wanted.is_empty() || wanted.iter().any(|part| scenario.name.contains(part.as_str()))
    };
    let scenarios: Vec<&Scenario> = accuracy::SCENARIOS.iter().filter(is_wanted).collect();
    print!("{}", accuracy::table(&scenarios, SEEDS));
}
