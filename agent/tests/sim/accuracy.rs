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
    /// What happens to the client after so many seconds, again and again.
    upsets: Option<(u32, Upset)>,
}

/// What happens to a client; the number counts how often something did.
type Upset = fn(&mut World, usize, u32);

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

const fn figures(
    converged: f64,
    time_rms: f64,
    time_max: f64,
    frequency_rms: f64,
    packets: f64,
) -> Option<Figures> {
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
    let upstreams =
        |first: u8| (first..first + 3).map(|n| format!("server 10.0.0.{n}\n")).collect::<String>();
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
        limit: "the samples, each wrong by up to half its queueing (0.1 ms each way); at polls of 512 s wander adds a tenth of that",
        upsets: None,
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "iburst, makestep 1 3",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(6.0, 7.5e-5, 1.6e-4, 4.7e-8, 36.0),
        limit: "as the default row; the burst only brings the beginning forward",
        upsets: None,
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3"),
    },
    Scenario {
        name: "jitter 10 ms",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-2,
        chronyd: figures(131.0, 1.7e-3, 2.9e-3, 5.3e-7, 49.0),
        limit: "the samples: queueing of 10 ms each way, of which the shortest of 45 round trips still hides about 2 ms",
        upsets: None,
        world: |world| one_server(links(world, 1e-4, 1e-2), Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "wander 1e-7",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 1.4e-4, 5.5e-4, 2.9e-6, 309.0),
        limit: "the oscillator: in 64 s (minpoll) it moves the clock by 30 us, and nobody knows which way",
        upsets: None,
        world: |world| one_server(world, WANDERING, "server 10.0.0.1"),
    },
    Scenario {
        name: "1000 s off, makestep 1 3",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(130.0, 7.7e-5, 1.6e-4, 4.6e-8, 36.0),
        limit: "as the default row; after the step nothing is left of the 1000 s",
        upsets: None,
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
        limit: "what the shortest round trip hides of the slow way's queue, half of which goes into the offset",
        upsets: None,
        world: lopsided,
    },
    Scenario {
        name: "3 strata of 3, 1 falseticker",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-3,
        chronyd: figures(456.0, 1.9e-4, 3.3e-4, 6.5e-8, 153.0),
        limit: "the servers' own errors: each stratum's corrections look like wander to the one below",
        upsets: None,
        world: strata,
    },
    Scenario {
        name: "fixed poll 6",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 2.5e-5, 6.3e-5, 9.4e-8, 310.0),
        limit: "the queueing of as many samples as the wander leaves worth having",
        upsets: None,
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1 minpoll 6 maxpoll 6"),
    },
    Scenario {
        name: "LAN, poll 4, iburst",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-4,
        chronyd: figures(6.0, 2.5e-6, 8.9e-6, 5.8e-8, 1241.0),
        limit: "the queueing of as many samples as the wander leaves worth having",
        upsets: None,
        world: |world| {
            one_server(links(world, 5e-5, 1e-5), Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4")
        },
    },
    Scenario {
        name: "wander 1e-8",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 1.16e-4, 3.93e-4, 7.12e-7, 141.0),
        limit: "the oscillator: polls of 256 s, in which it moves the clock by 24 us",
        upsets: None,
        world: |world| one_server(world, Machine { wander: 1e-8, ..Machine::USUAL }, "server 10.0.0.1"),
    },
    Scenario {
        name: "jitter 1 ms",
        length: 20_000,
        settle: 5_000,
        converged_below: 3e-3,
        chronyd: None,
        limit: "the samples: queueing of 1 ms each way",
        upsets: None,
        world: |world| one_server(links(world, 1e-2, 1e-3), Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "a third lost",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "as the default row, with a third of the samples missing",
        upsets: None,
        world: |world| {
            one_server(
                world.links(Link { loss: 0.33, ..Link::USUAL }),
                Machine::USUAL,
                "server 10.0.0.1 iburst",
            )
        },
    },
    Scenario {
        name: "a fast clock, -300 ppm",
        length: 10_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "as the default row; a constant error of the frequency is learned and costs nothing",
        upsets: None,
        world: |world| {
            one_server(world, Machine { fast: Ppm(-300.0), ..Machine::USUAL }, "server 10.0.0.1 iburst")
        },
    },
    Scenario {
        name: "wander 0",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: None,
        limit: "the samples alone, and how few there are at long polls",
        upsets: None,
        world: |world| one_server(world, Machine { wander: 0.0, ..Machine::USUAL }, "server 10.0.0.1"),
    },
    Scenario {
        name: "jitter 10 us",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 1.84e-5, 5.77e-5, 6.99e-8, 90.0),
        limit: "the oscillator: polls of 256 s, in which it moves the clock by 2 us and its frequency by 1.6e-8",
        upsets: None,
        world: |world| one_server(links(world, 1e-4, 1e-5), Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "very asymmetric",
        length: 20_000,
        settle: 5_000,
        converged_below: 3e-3,
        chronyd: figures(196.0, 2.39e-5, 6.9e-5, 1.76e-7, 280.0),
        limit: "what the shortest round trip hides of a queue that is all on the way back",
        upsets: None,
        world: |world| {
            let (mut world, client) = one_server(world, Machine::USUAL, "server 10.0.0.1");
            world.way(client, 0, Link { jitter: 0.0, ..Link::USUAL });
            world.way(0, client, Link { jitter: 2e-3, ..Link::USUAL });
            (world, client)
        },
    },
    Scenario {
        name: "frequency jump",
        length: 20_000,
        settle: 2_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 6.98e-4, 5.67e-3, 8.89e-6, 77.0),
        limit: "the time until the next poll (up to 512 s) after the frequency has jumped by 10 ppm",
        upsets: Some((8_000, |world, client, count| {
            if count == 1 {
                world.warm(client, 1e-5);
            }
        })),
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1"),
    },
    Scenario {
        name: "intermittent",
        length: 20_000,
        settle: 5_000,
        converged_below: 1e-3,
        chronyd: figures(131.0, 2.87e-4, 6.82e-4, 7.59e-7, 58.0),
        limit: "50 minutes without the server at a time, in which the frequency's error adds up",
        upsets: Some((600, |world, client, count| match count % 6 {
            1 => world.cut(0, client),
            0 => world.heal(0, client),
            _ => {}
        })),
        world: |world| one_server(world, Machine::USUAL, "server 10.0.0.1"),
    },
];

/// What the table looks like for these seeds.
pub(crate) fn table(scenarios: &[&Scenario], seeds: u8) -> String {
    use std::fmt::Write;

    let mut table = String::new();
    let titles = ["converged", "time RMS", "time max", "freq RMS", "packets", "RMS/chronyd's"];
    writeln!(
        table,
        "{:30}{:>10}{:>10}{:>10}{:>10}{:>9}{:>15}",
        "", titles[0], titles[1], titles[2], titles[3], titles[4], titles[5]
    )
    .unwrap();
    for scenario in scenarios {
        let f = scenario.median(1..=seeds);
        let ratio = scenario
            .chronyd
            .map_or("-".to_owned(), |chronyd| format!("{:.2}", f.time_rms / chronyd.time_rms));
        writeln!(
            table,
            "{:30}{:8.0} s{:8.1} us{:7.1} us{:10.1e}{:9.0}{:>15}",
            scenario.name,
            f.converged,
            f.time_rms * 1e6,
            f.time_max * 1e6,
            f.frequency_rms,
            f.packets,
            ratio
        )
        .unwrap();
    }
    table.push_str("\nWhat limits the accuracy:\n");
    for scenario in scenarios {
        writeln!(table, "{:30}{}", scenario.name, scenario.limit).unwrap();
    }
    table
}

/// Seeds of the table that is committed.
#[cfg(test)]
const SEEDS: u8 = 5;

#[test]
fn the_table_of_accuracy_is_as_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/accuracy.txt");
    let head = format!(
        "Medians of {SEEDS} seeds of each scenario in accuracy.rs; RMS/chronyd's: chronyd's figures are in there.\n\n"
    );
    let now = head + &table(&SCENARIOS.iter().collect::<Vec<_>>(), SEEDS);
    if std::env::var_os("TIMEFLEET_WRITE_TABLE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == now,
        "the accuracy is not what it was; if that is meant, write the table again with TIMEFLEET_WRITE_TABLE=1 and \
         commit it\n\nthen:\n{committed}\nnow:\n{now}"
    );
}

impl Scenario {
    /// One run.
    pub(crate) fn run(&self, seed: u8) -> Figures {
        let (mut world, client) = (self.world)(World::new(seed));
        let mut errors = Vec::new();
        for second in 0..self.length {
            if let Some((every, upset)) = self.upsets
                && second > 0
                && second % every == 0
            {
                upset(&mut world, client, second / every);
            }
            errors.extend(world.errors(client, 1));
        }
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
