//! Stories of dates: the NTP era that ends in 2036.

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::{START, World};

/// 2036-02-07 06:28:16, when the seconds of NTP timestamps begin at zero again.
const ERA_1: i64 = 2_085_978_496;

#[test]
fn the_turn_of_the_era_in_2036_is_a_moment_like_any_other() {
    let mut world = World::new(70).beginning(ERA_1 - 2000);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4\nmakestep 1 3");
    world.run(60.0);
    let errors = world.errors(client, 4000);
    assert!(errors.iter().all(|error| error.abs() < 1e-3));
    let seen = world.tracking(client).ref_time;
    assert!(seen.seconds as i64 > ERA_1 + 1900, "{seen:?}");
}

#[test]
fn a_clock_of_2026_is_brought_to_2040() {
    // 2040-01-01.
    let now = 2_208_988_800;
    let mut world = World::new(71).beginning(now);
    world.add(Machine::PERFECT, TRUE_TIME);
    let ahead = (START - now) as f64;
    let client = world.add(Machine { ahead, ..Machine::USUAL }, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(600.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_eq!(world.tracking(client).stratum, 2);
}
