//! Stories of directives that bound what is done to the clock, and by whom.

use timefleet_agent::chronyc::wire::{Reply, Request};
use timefleet_agent::time::Ppm;

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

const KEYS: &str = "7 SHA256 ASCII:between-these-two\n";

/// What `selectdata` says of a source's options, configured and effective.
fn options(world: &mut World, node: usize, source: u32) -> (u16, u16) {
    match world.ask(node, &Request::SelectData(source)) {
        Reply::SelectData(data) => (data.configured, data.effective),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_without_updates_for_long_runs_by_its_average() {
    let mut world = World::new(150);
    world.add(Machine::PERFECT, TRUE_TIME);
    let lines = "server 10.0.0.1 iburst minpoll 4 maxpoll 6\nfallbackdrift 13 14";
    let node = world.add(Machine { wander: 2e-8, ..Machine::USUAL }, lines);
    world.run(30_000.0);
    world.cut(0, node);
    world.run(8000.0);
    assert_eq!(world.tracking(node).stratum, 2);
    world.run(500.0);
    let seen = world.tracking(node);
    assert_eq!((seen.stratum, seen.leap), (0, 3), "an average is no measurement");
    assert_eq!(world.log(node).iter().filter(|line| line.contains("set to its average")).count(), 1);
    world.run(9000.0);
    assert_eq!(world.log(node).iter().filter(|line| line.contains("set to its average")).count(), 2);
    world.heal(0, node);
    world.run(3000.0);
    assert_eq!(world.tracking(node).stratum, 2);
    assert!(world.error(node).abs() < 2e-3, "{}", world.error(node));
}

#[test]
fn a_source_without_a_key_has_to_agree_with_those_that_have_one() {
    let mut world = World::new(151);
    for ahead in [0.0, 3.0, 3.0] {
        world.add(Machine { ahead, keys: KEYS, ..Machine::PERFECT }, TRUE_TIME);
    }
    let lines = |mode: &str| {
        format!(
            "server 10.0.0.1 iburst key 7\nserver 10.0.0.2 iburst\nserver 10.0.0.3 iburst\nmakestep 1 3\n\
             authselectmode {mode}"
        )
    };
    let client =
        |world: &mut World, mode: &str| world.add(Machine { keys: KEYS, ..Machine::USUAL }, &lines(mode));
    let [mix, require, ignore] = ["mix", "require", "ignore"].map(|mode| client(&mut world, mode));
    world.run(1000.0);
    assert!(world.error(mix).abs() < 1e-3, "{}", world.error(mix));
    assert_eq!(world.states(mix), "*TT");
    assert_eq!(options(&mut world, mix, 0), (0, 0b1100));
    assert!(world.error(require).abs() < 1e-3, "{}", world.error(require));
    assert_eq!(world.states(require), "*NN");
    assert_eq!(options(&mut world, require, 1), (0, 1));
    assert!((world.error(ignore) - 3.0).abs() < 1e-2, "the majority lies: {}", world.error(ignore));
}

#[test]
fn combinelimit_zero_leaves_the_clock_to_one_source() {
    let mut world = World::new(152);
    for _ in 0..3 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let lines = [1, 2, 3].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let many = world.add(Machine::USUAL, &lines);
    let one = world.add(Machine::USUAL, &format!("{lines}combinelimit 0"));
    world.run(500.0);
    assert_eq!(world.states(many).replace('*', "+"), "+++");
    assert_eq!(world.states(one).replace('*', "D"), "DDD");
    assert!(world.selected(one).is_some());
}

#[test]
fn maxdrift_bounds_what_the_oscillator_is_blamed_for() {
    let mut world = World::new(153);
    world.add(Machine::PERFECT, TRUE_TIME);
    let lines = "server 10.0.0.1 iburst maxpoll 6\nmaxdrift 50";
    let client = world.add(Machine { fast: Ppm(200.0), ..Machine::USUAL }, lines);
    world.run(3000.0);
    assert!((world.tracking(client).frequency.0.abs() - 50.0).abs() < 0.01, "{:?}", world.tracking(client));
}

#[test]
fn logchange_says_from_which_error_on_the_log_tells() {
    for (lines, expected) in [("", 0), ("\nlogchange 0.05", 1), ("\nlogchange 0.5", 0)] {
        let mut world = World::new(154);
        world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst{lines}"));
        world.run(300.0);
        let told =
            world.log(client).iter().filter(|line| line.contains("system clock is wrong by -0.1")).count();
        assert_eq!(told, expected, "{lines} {:?}", world.log(client));
    }
}

#[test]
fn maxclockerror_is_how_fast_the_bound_grows_between_updates() {
    let grown = |lines: &str| {
        let mut world = World::new(155);
        world.add(Machine::PERFECT, TRUE_TIME);
        let client =
            world.add(Machine { wander: 0.0, ..Machine::USUAL }, &format!("server 10.0.0.1 iburst{lines}"));
        world.run(20_000.0);
        world.cut(0, client);
        world.run(2000.0);
        let before = world.tracking(client).root_dispersion;
        world.run(10_000.0);
        (world.tracking(client).root_dispersion - before).0
    };
    let (low, usual, high) = (grown("\nmaxclockerror 0"), grown(""), grown("\nmaxclockerror 10"));
    assert!((usual - low - 0.01).abs() < 1e-6, "{low} {usual}");
    assert!((high - low - 0.1).abs() < 1e-6, "{low} {high}");
}
