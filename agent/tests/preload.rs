//! The agent's own binary on simulated hosts: a preloaded library tells it its clock and its network, and has nothing but
//! what simulators have (see `benches/preload/`). What it does there without, it may not start to need.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are not recognised as ones"
)]

#[path = "../benches/preload/simulation/mod.rs"]
#[expect(dead_code, reason = "the bench uses the rest")]
mod simulation;

use std::path::PathBuf;

use simulation::library::{self, LibraryError};
use simulation::scenario::{self, Scenario, Topology};
use simulation::score::Score;
use simulation::{Cast, Kind, Program};

/// Runs the story with agents on all hosts; `None`, and why, where the library cannot be compiled.
fn run(story: &Scenario, seed: u64) -> Option<Score> {
    let directory = tempfile::tempdir().unwrap();
    let library = match library::compile(directory.path()) {
        Ok(library) => library,
        Err(LibraryError::NoCompiler(why)) => {
            println!("left out: there is no 'cc' to compile the preloaded library with: {why}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let path = PathBuf::from(env!("CARGO_BIN_EXE_timefleet-agent"));
    let agent = Program { kind: Kind::Agent, path, options: Vec::new() };
    let cast = Cast { client: &agent, servers: &agent, library: &library };
    match simulation::run(story, cast, seed, directory.path()) {
        Ok(outcome) => Some(Score::of(story, &outcome)),
        Err(error) => panic!("{error}"),
    }
}

fn usual() -> Scenario {
    scenario::known().into_iter().find(|story| story.name == "default").unwrap()
}

#[test]
fn the_agent_finds_and_keeps_the_time_on_a_simulated_host() {
    let Some(score) = run(&usual(), 1) else { return };
    assert!(score.converged < 200.0, "{score:?}");
    assert!(score.time_max < 1e-3, "{score:?}");
    assert!((10.0..60.0).contains(&score.requests), "{score:?}");
}

#[test]
fn servers_have_names_and_clocks_are_stepped() {
    let story = Scenario {
        seconds: 1_000,
        settle: 300,
        topology: Topology::Servers(3),
        ahead: 1_000.0,
        by_name: true,
        options: "iburst",
        lines: "makestep 1 3\n",
        ..usual()
    };
    let Some(score) = run(&story, 2) else { return };
    assert!(score.converged < 60.0, "{score:?}");
    assert!(score.time_max < 1e-3, "{score:?}");
}

#[test]
fn nothing_of_the_real_world_is_seen_there() {
    let story = Scenario { seconds: 2_000, settle: 500, ..usual() };
    let Some(first) = run(&story, 3) else { return };
    // The real clock and real randomness would show in the last digit.
    assert_eq!(Some(first), run(&story, 3));
    assert_ne!(Some(first), run(&story, 4));
}
