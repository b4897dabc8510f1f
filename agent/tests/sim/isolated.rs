//! Stories of sites without a way to the world: who serves its own clock there, from when on, and who follows whom.

use timefleet_agent::chronyc::wire::{Local2, Local3, Request, Status};
use timefleet_agent::time::Seconds;

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

/// Seconds between 1986 and 2026.
const FORTY_YEARS: f64 = 1.2623e9;

fn strata(world: &mut World, nodes: &[usize]) -> Vec<u16> {
    nodes.iter().map(|node| world.tracking(*node).stratum).collect()
}

/// Servers of which each polls every other, with `local` as it stands here.
fn mesh(world: &mut World, nodes: std::ops::RangeInclusive<u8>, local: &str) -> Vec<usize> {
    let lines = |own: u8| {
        nodes
            .clone()
            .filter(|peer| *peer != own)
            .map(|peer| format!("server 10.0.0.{peer} iburst minpoll 4 maxpoll 4\n"))
            .collect::<String>()
            + &format!("local stratum 10 orphan {local}\nallow\nmakestep 1 -1")
    };
    nodes
        .clone()
        .map(|own| world.add(Machine { ahead: f64::from(own) * 0.01, ..Machine::USUAL }, &lines(own)))
        .collect()
}

#[test]
fn a_rack_that_wakes_up_in_1986_serves_nobody_its_boot_clock() {
    let mut world = World::new(130);
    let server = world.add(Machine { ahead: -FORTY_YEARS, ..Machine::USUAL }, "local stratum 10\nallow");
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1");
    world.run(600.0);
    assert_eq!(strata(&mut world, &[server, client]), [0, 0]);
    let log = world.log(server);
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("the clock says a time before this agent was built: it is not served"));
    assert!(world.steps(client).is_empty());
    world.step_by_hand(server, FORTY_YEARS);
    world.run(600.0);
    assert_eq!(strata(&mut world, &[server, client]), [10, 11]);
}

#[test]
fn sources_that_say_the_year_2000_are_not_believed_however_many_they_are() {
    let mut world = World::new(131);
    for _ in 0..3 {
        let server = world.add(Machine::PERFECT, TRUE_TIME);
        // Receive and transmit timestamps: 26 years earlier.
        world.lies(server, |reply| {
            for at in [32, 40] {
                let seconds = u32::from_be_bytes(reply[at..at + 4].try_into().unwrap()) - 820_454_400;
                reply[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
            }
        });
    }
    let lines = [1, 2, 3].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let client = world.add(Machine { wander: 0.0, ..Machine::USUAL }, &(lines + "makestep 1 -1"));
    world.run(1000.0);
    assert!(world.steps(client).is_empty());
    assert_eq!(world.states(client), "sss");
    assert_eq!(
        world.log(client),
        [
            "no selectable source: 10.0.0.1 says a time before this agent was built, 10.0.0.2 says a time before this \
          agent was built, 10.0.0.3 says a time before this agent was built"
        ]
    );
}

#[test]
fn a_client_that_wakes_up_in_1986_takes_the_time_of_today() {
    let mut world = World::new(132);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(
        Machine { ahead: -FORTY_YEARS, ..Machine::USUAL },
        "server 10.0.0.1 iburst\nmakestep 1 3\nlocal stratum 10",
    );
    world.run(600.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_eq!(world.tracking(client).stratum, 2);
}

#[test]
fn activate_keeps_a_server_from_serving_what_it_never_knew() {
    let mut world = World::new(133);
    world.add(Machine::PERFECT, TRUE_TIME);
    let node = world
        .add(Machine::USUAL, "server 10.0.0.1 iburst\nlocal stratum 10 distance 0.01 activate 0.005\nallow");
    world.cut(0, node);
    world.run(5000.0);
    assert_eq!(world.tracking(node).stratum, 0, "it never had a source");
    world.heal(0, node);
    world.run(2000.0);
    assert_eq!(world.tracking(node).stratum, 2);
    world.cut(0, node);
    world.run(50_000.0);
    assert_eq!(world.tracking(node).stratum, 10, "what it knew is old by now");
}

#[test]
fn waits_hold_the_local_clock_back() {
    let mut world = World::new(134);
    world.add(Machine::PERFECT, TRUE_TIME);
    let local = "local stratum 10 distance 0.001 waitsynced 20000 waitunsynced 300";
    let node = world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst\nallow\n{local}"));
    world.cut(0, node);
    world.run(299.0);
    assert_eq!(world.tracking(node).stratum, 0);
    world.run(2.0);
    assert_eq!(world.tracking(node).stratum, 10);
    world.heal(0, node);
    world.run(3000.0);
    assert_eq!(world.tracking(node).stratum, 2);
    world.cut(0, node);
    world.run(18_000.0);
    let seen = world.tracking(node);
    assert_eq!(seen.stratum, 2);
    assert!(seen.root_dispersion.0 > 0.001, "already above the distance: {seen:?}");
    world.run(3000.0);
    assert_eq!(world.tracking(node).stratum, 10);
}

#[test]
fn newer_chronycs_can_say_all_of_that_too() {
    let mut world = World::new(135);
    let node = world.add(Machine::USUAL, "allow");
    let basic = Local2 { enable: 1, stratum: 9, distance: Seconds(1.0), orphan: 1 };
    let zero = Seconds(0.0);
    let local = |activate, wait_unsynced| {
        Request::Local3(Local3 { basic, activate, wait_synced: zero, wait_unsynced })
    };
    assert_eq!(world.order(node, &local(Seconds(0.1), zero)), Status::Success);
    world.run(1000.0);
    assert_eq!(world.tracking(node).stratum, 0);
    assert_eq!(world.order(node, &local(zero, Seconds(1500.0))), Status::Success);
    world.run(490.0);
    assert_eq!(world.tracking(node).stratum, 0, "the wait is counted from the start");
    world.run(20.0);
    assert_eq!(world.tracking(node).stratum, 9);
}

#[test]
fn a_mesh_that_is_cut_in_two_becomes_two_and_heals_to_one() {
    let mut world = World::new(136);
    let nodes = mesh(&mut world, 1..=4, "distance 0.02");
    world.run(1000.0);
    assert_eq!(strata(&mut world, &nodes), [10, 11, 11, 11]);
    for (one, other) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        world.cut(one, other);
    }
    world.run(60_000.0);
    assert_eq!(strata(&mut world, &nodes), [10, 11, 10, 11], "each half has a leader of its own");
    let apart = world.error(2) - world.error(3);
    assert!(apart.abs() < 1e-3, "one half agrees: {apart}");
    for (one, other) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        world.heal(one, other);
    }
    world.run(2000.0);
    assert_eq!(strata(&mut world, &nodes), [10, 11, 11, 11]);
    let errors: Vec<f64> = nodes.iter().map(|node| world.error(*node)).collect();
    for error in &errors {
        assert!((error - errors[0]).abs() < 1e-3, "{errors:?}");
    }
}

#[test]
fn a_mesh_that_finds_the_world_again_leaves_its_leader_for_it() {
    let mut world = World::new(137);
    world.add(Machine::PERFECT, TRUE_TIME);
    let lines = "server 10.0.0.1 iburst minpoll 4 maxpoll 4\nlocal stratum 10 orphan distance 0.1\nallow\nmakestep 1 -1\n";
    let first = world
        .add(Machine { ahead: 5.0, ..Machine::USUAL }, &format!("{lines}server 10.0.0.3 iburst maxpoll 6"));
    let second = world.add(Machine::USUAL, &format!("{lines}server 10.0.0.2 iburst maxpoll 6"));
    for node in [first, second] {
        world.cut(0, node);
    }
    world.run(600.0);
    assert_eq!(strata(&mut world, &[first, second]), [10, 11]);
    for node in [first, second] {
        world.heal(0, node);
    }
    world.run(1000.0);
    assert_eq!(strata(&mut world, &[first, second]), [2, 2]);
    assert!(world.error(first).abs() < 1e-3 && world.error(second).abs() < 1e-3);
}

#[test]
fn the_clock_stays_within_the_bound_that_is_told_while_nobody_can_be_asked() {
    for seed in 138..143 {
        let mut world = World::new(seed);
        world.add(Machine::PERFECT, TRUE_TIME);
        let node =
            world.add(Machine { wander: 3e-9, ..Machine::USUAL }, "server 10.0.0.1 iburst maxpoll 6\nallow");
        world.run(5000.0);
        world.cut(0, node);
        let mut last = Seconds(0.0);
        for hour in 1..=24 {
            world.run(3600.0);
            let seen = world.tracking(node);
            let bound = seen.root_delay / 2.0 + seen.root_dispersion;
            let error = world.error(node).abs();
            assert!(error < bound.0, "hour {hour}: {error} is above {bound}");
            assert!(bound > last, "hour {hour}");
            last = bound;
        }
        assert!(last.0 < 0.5, "a bound that says nothing helps nobody: {last}");
    }
}
