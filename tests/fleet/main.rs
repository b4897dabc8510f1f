//! The main job on real hosts: Debian with systemd, OpenSSH, sudo and chrony active on arrival.
//!
//! `TIMEFLEET_FLEET_TESTS=1 cargo test --test fleet [STORY…]` as root on Debian; `tests/run` does it with everything
//! it needs. The stories run one after the other on one site, each from a state that it makes itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: a panic is a failed story, and its output is the report"
)]

mod arrival;
mod clock;
mod command;
mod host;
mod network;
mod site;

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
    let stories: Vec<Story> = [arrival::STORIES]
        .concat()
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)))
        .collect();
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
    // A story only looks at the site through its hosts, and the next one makes its own state first.
    let holds = catch_unwind(AssertUnwindSafe(|| story(site))).is_ok();
    let word = if holds { "ok" } else { "FAILED" };
    println!("test {name} ... {word} ({:.1} s)", start.elapsed().as_secs_f64());
    holds
}
