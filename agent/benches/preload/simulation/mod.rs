//! Real daemons on simulated hosts.

mod clock;
mod host;
pub(crate) mod library;
mod link;
mod luck;
pub(crate) mod scenario;
pub(crate) mod score;
mod wire;
mod world;

use std::io;
use std::path::Path;

use clock::Clock;
use host::Host;
pub(crate) use host::{Kind, Program};
use luck::Luck;
use scenario::{Scenario, Topology};
pub(crate) use world::Sample;
use world::{World, WorldError};

/// A run gave no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot start {0}: {1}")]
    Start(String, io::Error),
    #[error("cannot write the client's errors: {0}")]
    Errors(io::Error),
    #[error(transparent)]
    World(#[from] WorldError),
}

/// Who plays which part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cast<'a> {
    pub(crate) client: &'a Program,
    pub(crate) servers: &'a Program,
    pub(crate) library: &'a Path,
}

/// What was seen of the client.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Its clock at the end of each second.
    pub(crate) samples: Vec<Sample>,
    /// Requests that it sent.
    pub(crate) requests: u32,
}

/// Runs one story under one seed, with its files in this directory.
pub(crate) fn run(
    story: &Scenario,
    cast: Cast<'_>,
    seed: u64,
    directory: &Path,
) -> Result<Outcome, RunError> {
    let parts = parts(story);
    let last = parts.len();
    let mut hosts = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let number = index + 1;
        let program = if number == last { cast.client } else { cast.servers };
        let clock = Clock::new(part.ahead, part.fast, part.wander, Luck::new(seed, "wander", last - number));
        let luck = Luck::new(seed, "host", number).bits();
        let host = Host::start(program, cast.library, directory, number, &part.config, luck, clock)
            .map_err(|source| RunError::Start(program.path.display().to_string(), source))?;
        hosts.push(host);
    }
    let mut world = World::new(hosts, story.link, seed);
    let samples = world.run(story.seconds, story.upsets)?;
    Ok(Outcome { samples, requests: world.requests() })
}

/// One host before it starts.
struct Part {
    config: String,
    ahead: f64,
    fast: f64,
    wander: f64,
}

const SERVER: &str = "local stratum 1\nallow\n";
/// How wrong a liar is, seconds.
const LIE: f64 = 1.0;

fn parts(story: &Scenario) -> Vec<Part> {
    let top = |ahead| Part { config: SERVER.to_owned(), ahead, fast: 0.0, wander: 0.0 };
    let asking = |servers: std::ops::Range<usize>, rest: &str| Part {
        config: servers.map(|it| server_line(it, story)).collect::<String>() + story.lines + rest,
        ahead: story.ahead,
        fast: story.fast,
        wander: story.wander,
    };
    match story.topology {
        Topology::Servers(count) => {
            let mut parts: Vec<Part> = (0..count).map(|_| top(0.0)).collect();
            parts.push(asking(0..count, ""));
            parts
        }
        Topology::Strata { layers, width, liars } => {
            let mut parts: Vec<Part> =
                (0..width).map(|index| top(if index < liars { LIE } else { 0.0 })).collect();
            for layer in 1..layers {
                let above = (layer - 1) * width..layer * width;
                parts.extend((0..width).map(|_| asking(above.clone(), "allow\n")));
            }
            parts.push(asking((layers - 1) * width..layers * width, ""));
            parts
        }
    }
}

fn server_line(index: usize, story: &Scenario) -> String {
    let (number, options) = (index + 1, story.options);
    if story.by_name {
        format!("server node{number}.example {options}\n")
    } else {
        format!("server 192.168.123.{number} {options}\n")
    }
}
