//! A real kernel clock: a guest under emulation in which the agent is the only clock daemon. The guest's first process is
//! this very program; it sets the clock wrong, starts the agent, and holds the clock against the host's by asking for
//! the time itself. The host's own clock is never touched.
//!
//! `TIMEFLEET_GUEST_TESTS=1 cargo test -p timefleet-agent --test guest [STORY…]` as root; `tests/run` does it with
//! everything it needs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program of its own: a panic is a failed story, and its output is the report"
)]

#[path = "guest/agent.rs"]
mod agent;
#[path = "guest/clock.rs"]
mod clock;
#[path = "guest/image.rs"]
mod image;
#[path = "guest/init.rs"]
mod init;
#[path = "guest/leap_second.rs"]
mod leap_second;
#[path = "guest/machine.rs"]
mod machine;
#[path = "guest/names.rs"]
mod names;
#[path = "guest/server.rs"]
mod server;
#[path = "guest/sntp.rs"]
mod sntp;
#[path = "guest/wrong_clock.rs"]
mod wrong_clock;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use server::Upstream;

/// What happens in a guest, and what is on the host's side of it.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    name: &'static str,
    /// The agent that it asks, on the host's loopback.
    upstream: Upstream,
    /// More words for the guest's kernel.
    kernel: &'static str,
    inside: fn(&init::Guest),
}

/// Guests that run at the same time.
const AT_A_TIME: usize = 3;

const STORIES: [Story; 6] = [
    Story {
        name: "a_clock_wrong_by_20_s_and_200_ppm",
        upstream: Upstream::Agent("local stratum 5"),
        kernel: "",
        inside: wrong_clock::told,
    },
    Story {
        name: "the_same_below_an_isolated_server",
        upstream: Upstream::Agent("local stratum 10 orphan distance 0.1"),
        kernel: "",
        inside: wrong_clock::told,
    },
    Story {
        name: "a_leap_second_that_the_server_announces",
        upstream: Upstream::Fiction { announces: true },
        kernel: "",
        inside: leap_second::announced,
    },
    Story {
        name: "a_leap_second_of_the_list",
        upstream: Upstream::Fiction { announces: false },
        kernel: "",
        inside: leap_second::listed,
    },
    Story {
        name: "a_kernel_without_ipv6",
        upstream: Upstream::Agent("local stratum 5"),
        kernel: "ipv6.disable=1",
        inside: names::without_ipv6,
    },
    Story {
        name: "dash_4_opens_no_ipv6_socket_and_asks_for_no_aaaa",
        upstream: Upstream::Agent("local stratum 5"),
        kernel: "",
        inside: names::dash_4,
    },
];

fn main() -> ExitCode {
    if std::process::id() == 1 && std::env::var_os("TF_STORY").is_some() {
        init::run(&STORIES);
    }
    if std::env::var_os("TIMEFLEET_GUEST_TESTS").is_none_or(|value| value != "1") {
        println!("left out: guest: it takes two minutes; tests/run or TIMEFLEET_GUEST_TESTS=1 asks for it");
        return ExitCode::SUCCESS;
    }
    let kernel = match machine::kernel() {
        Ok(kernel) => kernel,
        Err(why) => {
            println!("left out: guest: {why}");
            return ExitCode::SUCCESS;
        }
    };
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let stories: Vec<Story> = STORIES
        .into_iter()
        .filter(|story| wanted.is_empty() || wanted.iter().any(|word| story.name.contains(word)))
        .collect();
    if stories.is_empty() {
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    println!("\nrunning {} stories, each in a guest of its own", stories.len());
    let image = image::Image::build(&kernel);
    // They wait most of the time, so some wait together; booting is work.
    let left = Mutex::new(stories.iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let failed: usize = thread::scope(|scope| {
        let work = || std::iter::from_fn(next).filter(|story| !machine::told(&kernel, &image, story)).count();
        let hands: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        hands.into_iter().map(|hand| hand.join().unwrap_or(stories.len())).sum()
    });
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {failed} failed; finished in {:.2}s\n",
        stories.len().saturating_sub(failed),
        start.elapsed().as_secs_f64(),
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
