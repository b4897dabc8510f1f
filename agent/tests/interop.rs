//! The agent among strangers: Debian's chronyd and ntpsec's ntpd as its servers and as its clients, over IPv4 and IPv6,
//! with keys of every kind that both sides have, in network namespaces of this run. None touches the clock: the agent
//! and chronyd run with `-x`, ntpd without the right to.
//!
//! `cargo test -p timefleet-agent --test interop [STORY…]` as root; `tests/run` installs what it needs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program of its own: a panic is a failed story, and its output is the report"
)]

#[path = "interop/agent.rs"]
mod agent;
#[path = "interop/chronyd.rs"]
mod chronyd;
#[path = "interop/keys.rs"]
mod keys;
#[path = "interop/namespace.rs"]
mod namespace;
#[path = "interop/ntpd.rs"]
mod ntpd;
#[path = "interop/process.rs"]
mod process;
#[path = "interop/site.rs"]
mod site;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use site::Site;

/// A name, and what has to be true.
type Story = (&'static str, fn(&Site));

const STORIES: [Story; 6] = [
    ("the_agent_follows_chronyd", |site| site.agents_of_chronyd.iter().for_each(agent::Client::follows)),
    ("the_agent_follows_ntpd", |site| site.agents_of_ntpd.iter().for_each(agent::Client::follows)),
    ("chronyd_follows_the_agent", |site| site.chronyds.iter().for_each(chronyd::Client::follows)),
    ("ntpd_follows_the_agent", |site| site.ntpd.follows(site::ADDRESSES.len())),
    ("the_agent_gives_no_time_to_who_has_another_key", |site| site.forger.is_left_without()),
    ("the_agent_takes_no_time_from_who_has_another_key", |site| site.deceived.is_left_without()),
];

fn main() -> ExitCode {
    if let Some(why) = site::obstacle() {
        println!("left out: interop: {why}");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let stories: Vec<Story> = STORIES
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)))
        .collect();
    if stories.is_empty() {
        return ExitCode::SUCCESS;
    }
    std::panic::set_hook(Box::new(|complaint| println!("\n{complaint}")));
    let start = Instant::now();
    println!("\nrunning {} stories", stories.len());
    let site = Site::open();
    let failed = stories.iter().filter(|story| !told(&site, story)).count();
    drop(site);
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {failed} failed; finished in {:.2}s\n",
        stories.len() - failed,
        start.elapsed().as_secs_f64(),
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one story; true when it holds.
fn told(site: &Site, (name, story): &Story) -> bool {
    let start = Instant::now();
    let holds = catch_unwind(AssertUnwindSafe(|| story(site))).is_ok();
    println!(
        "test {name} ... {} ({:.1} s)",
        if holds { "ok" } else { "FAILED" },
        start.elapsed().as_secs_f64()
    );
    holds
}
