//! Stories of agents that end and start again, and of what the first leaves to the second.

use timefleet_agent::chronyc::wire::{Reply, Request, Status};
use timefleet_agent::engine::DumpRefusal;

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

const CLIENT: &str =
    "server 10.0.0.1 minpoll 6 maxpoll 6\nserver 10.0.0.2 minpoll 6 maxpoll 6\ndumpdir /run/x";

fn samples(world: &mut World, node: usize, source: u32) -> u32 {
    match world.ask(node, &Request::SourceStats(source)) {
        Reply::SourceStats(stats) => stats.samples,
        other => panic!("{other:?}"),
    }
}

/// Nothing happens meanwhile.
fn pause(seconds: f64) -> impl FnOnce(&mut World) {
    move |world| world.run(seconds)
}

/// Two servers and a client that has measured them for a while.
fn well_measured(seed: u8) -> (World, usize) {
    let mut world = World::new(seed);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, CLIENT);
    world.run(3000.0);
    (world, client)
}

#[test]
fn samples_outlive_a_restart_and_one_reply_is_enough_to_go_on() {
    let (mut world, client) = well_measured(180);
    let before = [samples(&mut world, client, 0), samples(&mut world, client, 1)];
    let taken = world.restart(client, Machine::USUAL, CLIENT, pause(30.0), true);
    assert_eq!(taken, before.map(|count| Ok(count as usize)));
    assert_eq!([samples(&mut world, client, 0), samples(&mut world, client, 1)], before);
    world.run(1.0);
    let seen = world.tracking(client);
    assert_eq!(seen.stratum, 2);
    assert!((seen.frequency.0 - 100.0).abs() < 0.5, "{seen:?}");
    let errors = world.errors(client, 3000);
    assert!(errors.iter().all(|error| error.abs() < 1e-3));
}

#[test]
fn without_them_a_restart_takes_three_polls_and_begins_with_the_frequency_alone() {
    let (mut world, client) = well_measured(181);
    assert_eq!(world.restart(client, Machine::USUAL, CLIENT, pause(30.0), false), []);
    world.run(100.0);
    assert_eq!(world.tracking(client).stratum, 0);
    world.run(100.0);
    assert_eq!(world.tracking(client).stratum, 2);
}

#[test]
fn samples_of_a_name_wait_until_it_has_its_address() {
    let mut world = World::new(182);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("one.example", &[0]);
    let lines = "server one.example minpoll 6 maxpoll 6\ndumpdir /run/x";
    let client = world.add(Machine::USUAL, lines);
    world.run(3000.0);
    let before = samples(&mut world, client, 0);
    world.restart(client, Machine::USUAL, lines, pause(3.0), true);
    assert_eq!(samples(&mut world, client, 0), before);
}

#[test]
fn a_clock_that_was_set_or_slept_meanwhile_makes_them_worthless() {
    let (mut world, client) = well_measured(183);
    let step = |world: &mut World| world.step_by_hand(client, 0.5);
    let taken = world.restart(client, Machine::USUAL, CLIENT, step, true);
    assert_eq!(taken, [Err(DumpRefusal::ClockMoved); 2]);
    world.run(3000.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
}

#[test]
fn chronyc_can_have_them_written_at_any_time() {
    let (mut world, client) = well_measured(184);
    assert!(!world.has_dumped(client));
    assert_eq!(world.order(client, &Request::Dump(0)), Status::Success);
    assert!(world.has_dumped(client));
    let plain = world.add(Machine::USUAL, "server 10.0.0.1");
    assert_eq!(world.order(plain, &Request::Dump(0)), Status::Success);
    assert!(!world.has_dumped(plain), "there is no dumpdir");
}
