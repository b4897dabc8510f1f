//! Stories of networks: loss, asymmetry, copies, links that come and go, partitions.

use crate::link::Link;
use crate::node::Machine;
use crate::world::World;
use crate::{TRUE_TIME, rms};

const SLOW: Link = Link { base: 1e-3, jitter: 5e-4, ..Link::USUAL };

#[test]
fn a_third_of_all_datagrams_lost_is_no_reason_to_lose_the_time() {
    let mut world = World::new(50).links(Link { loss: 0.3, ..SLOW });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nmakestep 1 3");
    world.run(1000.0);
    let errors = world.errors(client, 10_000);
    assert!(errors.iter().all(|error| error.abs() < 2e-3), "{errors:?}");
    let seen = world.tracking(client);
    assert_eq!(seen.stratum, 2);
    assert!(world.error(client).abs() < seen.root_dispersion.0 + seen.root_delay.0 / 2.0, "{seen:?}");
}

#[test]
fn what_an_asymmetric_way_hides_is_within_the_bound() {
    let mut world = World::new(51);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.way(client, 0, Link { base: 1e-3, ..Link::USUAL });
    world.way(0, client, Link { base: 21e-3, ..Link::USUAL });
    world.run(3000.0);
    let errors = world.errors(client, 3000);
    let seen = world.tracking(client);
    let bound = seen.root_dispersion.0 + seen.root_delay.0 / 2.0;
    // Nothing can tell a way that is 20 ms longer back than there from a clock that is 10 ms off.
    assert!((rms(&errors) - 0.01).abs() < 5e-4, "rms {}", rms(&errors));
    assert!(bound > 0.01 && bound < 0.02, "{seen:?}");
}

#[test]
fn datagrams_that_come_twice_and_too_late_do_no_harm() {
    let mut world = World::new(52).links(Link { twice: 1.0, late: 100.0, ..SLOW });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4");
    world.run(1000.0);
    let errors = world.errors(client, 5000);
    assert!(errors.iter().all(|error| error.abs() < 1e-3), "{errors:?}");
}

#[test]
fn a_link_that_is_there_now_and_then_is_enough() {
    let mut world = World::new(53);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 6");
    let mut worst = 0.0f64;
    for hour in 0..24 {
        world.run(900.0);
        world.cut(0, client);
        world.run(2700.0);
        let seen = world.tracking(client);
        let bound = seen.root_dispersion.0 + seen.root_delay.0 / 2.0;
        assert_eq!(seen.stratum, 2, "hour {hour}");
        assert!(world.error(client).abs() < bound, "hour {hour}: {seen:?}");
        worst = worst.max(world.error(client).abs());
        world.heal(0, client);
    }
    assert!(worst < 5e-3, "{worst}");
    assert!(world.steps(client).is_empty());
}

#[test]
fn a_partition_keeps_both_sides_on_time_and_heals_without_a_step() {
    let mut world = World::new(54).links(SLOW);
    world.add(Machine::PERFECT, TRUE_TIME);
    let server = world.add(Machine::USUAL, "server 10.0.0.1 iburst\nallow\nmakestep 1 3");
    let client = world.add(
        Machine { fast: timefleet_agent::time::Ppm(-40.0), ..Machine::USUAL },
        "server 10.0.0.2 iburst\nmakestep 1 3",
    );
    world.run(4000.0);
    assert_eq!(world.tracking(client).stratum, 3);
    world.cut(0, server);
    world.run(20_000.0);
    let (one, other) = (world.error(server), world.error(client));
    assert!((one - other).abs() < 2e-3, "who cannot see the top still agrees: {one} {other}");
    let seen = world.tracking(client);
    assert!(other.abs() < seen.root_dispersion.0 + seen.root_delay.0 / 2.0, "{other} {seen:?}");
    world.heal(0, server);
    world.run(4000.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_eq!((world.steps(server).len(), world.steps(client).len()), (0, 0));
}

#[test]
fn the_way_of_one_of_three_sources_being_long_does_not_make_it_a_liar() {
    let mut world = World::new(55);
    for _ in 0..3 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let client =
        world.add(Machine::USUAL, "server 10.0.0.1 iburst\nserver 10.0.0.2 iburst\nserver 10.0.0.3 iburst");
    world.way(client, 2, Link { base: 0.3, jitter: 0.05, ..Link::USUAL });
    world.run(5000.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert_ne!(world.state(client, 2), 'x');
}
