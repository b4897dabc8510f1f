//! How well a client keeps the time, scenario by scenario, as figures.

use timefleet_agent::time::Ppm;

use crate::link::Link;
use crate::node::Machine;
use crate::world::World;

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Simulated seconds, and those at the beginning that do not count for the figures after settling.
    pub(crate) length: u32,
    pub(crate) settle: u32,
    /// An error that stays below this for a minute means that the client has converged, seconds.
    pub(crate) converged_below: f64,
    /// What chronyd reaches, where it is known: a development version of 2026-06 under a simulator with the same clocks
    /// and links, median of 20 seeds.
    pub(crate) chronyd: Option<Figures>,
    /// What keeps the accuracy from being better.
    pub(crate) limit: &'static str,
    world: fn(World) -> (World, usize),
}

/// What a run, or the median of several, came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// First second from which the error stays below the bound for a minute.
    pub(crate) converged: f64,
    /// Root mean square and maximum of the time error after settling, seconds.
    pub(crate) time_rms: f64,
    pub(crate) time_max: f64,
    /// Root mean square of the clock's rate error after settling, slewing included.
    pub(crate) frequency_rms: f64,
    /// Requests sent by the client.
    pub(crate) packets: f64,
}

const fn figures(converged: f64, time_rms: f64, time_max: f64, frequency_rms: f64, packets: f64) -> Option<Figures> {
    Some(Figures { converged, time_rms, time_max, frequency_rms, packets })
}

const TOP: &str = "local stratum 1\nallow";

fn one_server(mut world: World, machine: Machine, line: &str) -> (World, usize) {
    world.add(Machine::PERFECT, TOP);
    let client = world.add(machine, line);
    (world, client)
}

fn links(world: World, base: f64, jitter: f64) -> World {
    world.links(Link { base, jitter, ..Link::USUAL })
}

/// The ways up and down differ in their queues, not in their length.
fn lopsided(world: World) -> (World, usize) {
    let (mut world, client) = one_server(world, Machine::USUAL, "server 10.0.0.1");
    world.way(client, 0, Link { jitter: 5e-4 * 0.06, ..Link::USUAL });
    world.way(0, client, Link { jitter: 5e-4 * 1.94, ..Link::USUAL });
    (world, client)
}

/// Three servers on each of three strata; the third at the top is wrong by a second.
fn strata(world: World) -> (World, usize) {
    let mut world = links(world, 1e-3, 1e-4);
    for ahead in [0.0, 0.0, 1.0] {
        world.add(Machine { ahead, ..Machine::PERFECT }, TOP);
    }
    let upstreams = |first: u8| (first..first + 3).map(|n| format!("server 10.0.0.{n}\n")).collect::<String>();
    for first in [1, 4] {
        for _ in 0..3 {
            world.add(Machine::USUAL, &(upstreams(first) + "allow"));
        }
    }
    let client = world.add(Machine::USUAL, &upstreams(7));
    (world, client)
}

const WANDERING: Machine = Machine { wander: 1e-7, ..Machine::USUAL };

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "default",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 7.6e-5, 1.6e-4, 4.6e-8, 36.0),
        limit: "",
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "iburst, makestep 1 3",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(6.0, 7.5e-5, 1.6e-4, 4.7e-8, 36.0),
        limit: "",
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3"),
    },
    Scenario {
        name: "jitter 10 ms",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-2,
        chronyd: figures(131.0, 1.7e-3, 2.9e-3, 5.3e-7, 49.0),
        limit: "",
        world: |world| one_server(links(world, 1e-4, 1e-2), Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "wander 1e-7",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 1.4e-4, 5.5e-4, 2.9e-6, 309.0),
        limit: "",
        world: |world| one_server(world, WANDERING, "server 10.0.0.1"),
    },
    Scenario {
        name: "1000 s off, makestep 1 3",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(130.0, 7.7e-5, 1.6e-4, 4.6e-8, 36.0),
        limit: "",
        world: |world| {
            one_server(world, Machine { ahead: 1000.0, ..Machine::USUAL }, "server 10.0.0.1\nmakestep 1 3")
        },
    },
    Scenario {
        name: "asymmetric jitter",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-3,
        chronyd: figures(163.0, 8.5e-5, 2.0e-4, 1.7e-7, 58.0),
        limit: "",
        world: lopsided,
    },
    Scenario {
        name: "3 strata of 3, 1 falseticker",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-3,
        chronyd: figures(456.0, 1.9e-4, 3.3e-4, 6.5e-8, 153.0),
        limit: "",
        world: strata,
    },
    Scenario {
        name: "fixed poll 6",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 2.5e-5, 6.3e-5, 9.4e-8, 310.0),
        limit: "",
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1 minpoll 6 maxpoll 6"),
    },
    Scenario {
        name: "LAN, poll 4, iburst",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-4,
        chronyd: figures(6.0, 2.5e-6, 8.9e-6, 5.8e-8, 1241.0),
        limit: "",
        world: |world| {
            one_server(
                links(world, 5e-5, 1e-5),
                Machine::USUAL,
                "server 10.0.0.1 iburst minpoll 4 maxpoll 4",
            )
        },
    },
    Scenario {
        name: "wander 1e-8",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "",
        world: |world| one_server(world, Machine { wander: 1e-8, ..Machine::USUAL }, "server 10.0.0.1"),
    },
    Scenario {
        name: "jitter 1 ms",
        length: 20_000,
        settle: 5_000,
        converged_below: 3e-3,
        chronyd: None,
        limit: "",
        world: |world| one_server(links(world, 1e-2, 1e-3), Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "a third lost",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "",
        world: |world| {
            one_server(world.links(Link { loss: 0.33, ..Link::USUAL }), Machine::USUAL, "server 10.0.0.1 iburst")
        },
    },
    Scenario {
        name: "a fast clock, -300 ppm",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "",
        world: |world| {
            one_server(world, Machine { fast: Ppm(-300.0), ..Machine::USUAL }, "server 10.0.0.1 iburst")
        },
    },
];

impl Scenario {
    /// One run.
    pub(crate) fn run(&self, seed: u8) -> Figures {
        let (mut world, client) = (self.world)(World::new(seed));
        let errors = world.errors(client, self.length);
        let settled = &errors[self.settle as usize..];
        let rates: Vec<f64> = settled.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Figures {
            converged: self.converged(&errors),
            time_rms: crate::rms(settled),
            time_max: settled.iter().fold(0.0, |most: f64, error| most.max(error.abs())),
            frequency_rms: crate::rms(&rates),
            packets: f64::from(world.sent(client)),
        }
    }

    /// The median of each figure.
    pub(crate) fn median(&self, seeds: std::ops::RangeInclusive<u8>) -> Figures {
        let runs: Vec<Figures> = seeds.map(|seed| self.run(seed)).collect();
        let median = |figure: fn(&Figures) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Figures {
            converged: median(|run| run.converged),
            time_rms: median(|run| run.time_rms),
            time_max: median(|run| run.time_max),
            frequency_rms: median(|run| run.frequency_rms),
            packets: median(|run| run.packets),
        }
    }

    fn converged(&self, errors: &[f64]) -> f64 {
        let stays = |minute: &[f64]| minute.iter().all(|error| error.abs() < self.converged_below);
        errors.windows(60).position(stays).map_or(f64::INFINITY, |second| (second + 1) as f64)
    }
}
