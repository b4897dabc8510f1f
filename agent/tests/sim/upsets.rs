//! Stories of upsets: clocks that others set, machines that sleep, sources that lie.

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

#[test]
fn a_machine_that_slept_is_on_time_soon_after_it_woke() {
    let mut world = World::new(60);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1");
    world.run(2000.0);
    world.suspend(client, 8.0 * 3600.0);
    world.run(8.0 * 3600.0 + 0.001);
    let seen = world.tracking(client);
    assert_eq!((seen.stratum, seen.leap), (0, 3), "nobody is told a time that nobody knows: {seen:?}");
    world.run(30.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_eq!(world.tracking(client).stratum, 2);
    let frequency = world.tracking(client).frequency.0;
    assert!((frequency - 100.0).abs() < 2.0, "the frequency is still known: {frequency}");
}

#[test]
fn a_virtual_machine_paused_for_a_backup_catches_up() {
    let mut world = World::new(61);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1");
    world.run(2000.0);
    // Its clock stood still for ten minutes: all of it, so nothing in it can tell.
    world.step_by_hand(client, -600.0);
    world.run(120.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_eq!(world.steps(client).len(), 1);
}

#[test]
fn a_step_that_makestep_no_longer_allows_is_slewed_away() {
    let mut world = World::new(62);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(2000.0);
    world.step_by_hand(client, 5.0);
    world.run(200.0);
    assert!(world.steps(client).is_empty());
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
}

#[test]
fn two_steps_in_a_row_are_two_steps_undone() {
    let mut world = World::new(63);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1");
    world.run(1000.0);
    for jump in [30.0, -3600.0, 0.4] {
        world.step_by_hand(client, jump);
        world.run(60.0);
        assert!(world.error(client).abs() < 2e-3, "{jump}: {}", world.error(client));
    }
}

#[test]
fn a_source_that_begins_to_lie_is_left_for_those_that_do_not() {
    let mut world = World::new(64);
    for _ in 0..4 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let lines = [1, 2, 3, 4].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let client = world.add(Machine::USUAL, &lines);
    world.run(3000.0);
    let liar = world.selected(client).unwrap();
    world.step_by_hand(liar, 7.0);
    let errors = world.errors(client, 4000);
    assert!(errors.iter().all(|error| error.abs() < 1e-3));
    assert_eq!(world.state(client, liar), 'x');
    assert_ne!(world.selected(client), Some(liar));
}

#[test]
fn two_of_five_may_lie() {
    let mut world = World::new(65);
    for ahead in [0.0, 2.0, 0.0, 2.0, 0.0] {
        world.add(Machine { ahead, ..Machine::PERFECT }, TRUE_TIME);
    }
    let lines = [1, 2, 3, 4, 5].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let client = world.add(Machine::USUAL, &lines);
    world.run(1000.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    let letters: String = (0..5).map(|source| world.state(client, source)).collect();
    assert_eq!(letters.replace('*', "+"), "+x+x+");
}

#[test]
fn a_change_that_maxchange_forbids_is_refused_and_then_ends_the_agent() {
    let mut world = World::new(66);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 -1\nmaxchange 100 1 2");
    world.run(1000.0);
    world.step_by_hand(0, 1000.0);
    world.run(300.0);
    assert!(world.steps(client).is_empty());
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    world.run(3000.0);
    assert!(world.gave_up(client));
    assert!(world.error(client).abs() < 0.01, "{}", world.error(client));
}
