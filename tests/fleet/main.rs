//! The main job on real hosts: Debian with systemd, OpenSSH, sudo and chrony active on arrival.
//!
//! `TIMEFLEET_FLEET_TESTS=1 cargo test --test fleet [STORY…]` as root on Debian; `tests/run` does it with everything
//! it needs. The stories run one after the other on one site, each from a state that it
//! makes itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: a panic is a failed story, and its output is the report"
)]

mod apply;
mod arrival;
mod audit;
mod chronyc;
mod chronyd;
mod clock;
mod command;
mod confinement;
mod failures;
mod host;
mod network;
mod orchard;
mod plan;
mod site;
mod takeover;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use site::Site;

/// A name, and what has to be true.
type Story = (&'static str, fn(&Site));

fn main() -> ExitCode {
    if std::env::var_os("TIMEFLEET_FLEET_TESTS").is_none_or(|value| value != "1") {
        println!(
            "fleet tests left out: they boot containers as root; tests/run or TIMEFLEET_FLEET_TESTS=1 asks for them"
        );
        return ExitCode::SUCCESS;
    }
    clock::give_up_control();
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let stories: Vec<Story> = [
        arrival::STORIES,
        plan::STORIES,
        takeover::STORIES,
        apply::STORIES,
        confinement::STORIES,
        chronyc::STORIES,
        chronyd::STORIES,
        audit::STORIES,
        failures::STORIES,
    ]
    .concat()
    .into_iter()
    .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)))
    .collect();
    // Where and what; the way there is short, and a story's complaint shows the commands and their output.
    std::panic::set_hook(Box::new(|complaint| println!("\n{complaint}")));
    let start = Instant::now();
    println!("\nrunning {} stories", stories.len());
    let site = Site::open();
    println!("three hosts are up after {:.1} s", start.elapsed().as_secs_f64());
    let failed: Vec<&str> =
        stories.iter().filter(|story| !told(&site, story)).map(|(name, _)| *name).collect();
    drop(site);
    for name in &failed {
        println!("failed: {name}");
    }
    let result = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        stories.len() - failed.len(),
        failed.len(),
        start.elapsed().as_secs_f64(),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one story; true when it holds.
fn told(site: &Site, (name, story): &Story) -> bool {
    let start = Instant::now();
    // A story that breaks off leaves the hosts as they are then; the next one starts from what they can be brought to.
    let holds = catch_unwind(AssertUnwindSafe(|| {
        site.settle();
        story(site);
    }))
    .is_ok();
    let word = if holds { "ok" } else { "FAILED" };
    println!("test {name} ... {word} ({:.1} s)", start.elapsed().as_secs_f64());
    holds
}
