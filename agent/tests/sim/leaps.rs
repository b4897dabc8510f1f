//! Stories of leap seconds. The fictional list of these worlds inserts one at the end of June 2026 and deletes one at the
//! end of that year.

use timefleet_agent::report::Leap;

use crate::node::Machine;
use crate::world::World;

/// Midnight after 2026-06-30.
const INSERTED: i64 = 1_782_864_000;
/// Midnight after 2026-12-31.
const DELETED: i64 = 1_798_761_600;
/// The stories begin so many seconds before midnight.
const BEFORE: i64 = 7200;
/// A primary server that knows of leap seconds.
const KNOWING: &str = "local stratum 1\nallow\nleapseclist /leap-seconds.list";

/// Two hours before a midnight with a leap second, half a second off: no look falls on the very moment.
fn evening(seed: u8, midnight: i64, leap: Leap) -> World {
    let instant = if leap == Leap::DeleteSecond { BEFORE - 1 } else { BEFORE };
    let mut world = World::new(seed).beginning(midnight - BEFORE).leap_second(instant, leap);
    world.add(Machine::PERFECT, KNOWING);
    world
}

/// Errors of the clock and of what it serves, each second of half an hour; the leap second is before the 900th.
fn night(world: &mut World, client: usize) -> (Vec<f64>, Vec<f64>) {
    world.run((BEFORE - 901) as f64 + 0.5);
    assert_ne!(world.tracking(client).leap, 0, "chronyc shows the leap second: {:?}", world.log(client));
    let (mut own, mut served) = (Vec::new(), Vec::new());
    for _ in 0..1800 {
        world.run(1.0);
        own.push(world.error(client));
        served.push(world.served_error(client));
    }
    assert_eq!(world.tracking(client).leap, 0, "it is over: {:?}", world.log(client));
    assert_eq!(world.tracking(client).stratum, 2);
    (own, served)
}

fn worst(errors: &[f64]) -> f64 {
    errors.iter().fold(0.0, |worst, error| worst.max(error.abs()))
}

#[test]
fn the_kernel_inserts_the_second_and_nobody_is_off_by_one() {
    let mut world = evening(80, INSERTED, Leap::InsertSecond);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4\nallow\nmakestep 1 -1");
    let (own, served) = night(&mut world, client);
    assert!(worst(&own) < 1e-3 && worst(&served) < 1e-3, "{} {}", worst(&own), worst(&served));
    assert!(world.steps(client).is_empty() && world.steps(0).is_empty(), "the kernel made it, not we");
}

#[test]
fn the_kernel_deletes_a_second_and_nobody_is_off_by_one() {
    let mut world = evening(81, DELETED, Leap::DeleteSecond);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4\nallow\nmakestep 1 -1");
    let (own, served) = night(&mut world, client);
    assert!(worst(&own) < 1e-3 && worst(&served) < 1e-3, "{} {}", worst(&own), worst(&served));
    assert!(world.steps(client).is_empty());
}

#[test]
fn a_kernel_that_makes_no_leap_second_is_stepped() {
    let mut world = evening(82, INSERTED, Leap::InsertSecond);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4\nallow");
    world.kernel(client).makes_leaps = false;
    let (own, served) = night(&mut world, client);
    let wrong = own.iter().filter(|error| error.abs() > 1e-3).count();
    assert!(wrong <= 2 && served.iter().filter(|error| error.abs() > 1e-3).count() <= 2, "{wrong} s");
    assert!((world.steps(client)[0] + 1.0).abs() < 1e-3, "{:?}", world.steps(client));
}

#[test]
fn told_to_step_the_agent_steps_at_the_very_second() {
    let mut world = evening(83, INSERTED, Leap::InsertSecond);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4\nallow\nleapsecmode step");
    let (own, served) = night(&mut world, client);
    assert!(worst(&own) < 1e-3 && worst(&served) < 1e-3, "{} {}", worst(&own), worst(&served));
    assert_eq!(world.steps(client).len(), 1);
}

#[test]
fn told_to_slew_the_clock_takes_its_time_and_what_is_served_does_not() {
    let mut world = evening(84, INSERTED, Leap::InsertSecond);
    let config = "server 10.0.0.1 iburst minpoll 4\nallow\nleapsecmode slew\nmaxslewrate 1000";
    let client = world.add(Machine::USUAL, config);
    let (own, served) = night(&mut world, client);
    assert!(worst(&served) < 1e-3, "{}", worst(&served));
    let (before, after) = own.split_at(900);
    assert!(worst(before) < 1e-3, "{}", worst(before));
    // A second at 1000 ppm takes 1000 s; the clock never goes back.
    assert!((after[0] - 1.0).abs() < 0.01 && (0.4..0.6).contains(&after[500]), "{} {}", after[0], after[500]);
    assert!(world.steps(client).is_empty());
    world.run(600.0);
    assert!(world.error(client).abs() < 1e-3);
}

#[test]
fn told_to_ignore_it_the_clock_is_a_second_off_until_it_is_measured() {
    let mut world = evening(85, INSERTED, Leap::InsertSecond);
    let config = "server 10.0.0.1 iburst minpoll 4\nallow\nleapsecmode ignore\nmakestep 0.5 -1";
    let client = world.add(Machine::USUAL, config);
    let (own, _) = night(&mut world, client);
    let (before, after) = own.split_at(900);
    assert!(worst(before) < 1e-3 && (after[0] - 1.0).abs() < 1e-3, "{} {}", worst(before), after[0]);
    assert!(worst(&after[60..]) < 1e-3, "{}", worst(&after[60..]));
}

#[test]
fn one_source_of_three_that_announces_a_leap_second_is_not_believed() {
    // In a world without a leap second.
    let mut world = World::new(86).beginning(INSERTED - BEFORE);
    world.add(Machine::PERFECT, "local stratum 1\nallow");
    world.add(Machine::PERFECT, "local stratum 1\nallow");
    let liar = world.add(Machine::PERFECT, "local stratum 1\nallow");
    world.lies(liar, |reply| reply[0] = (reply[0] & 0x3F) | 0x40);
    let lines = [1, 2, 3].map(|server| format!("server 10.0.0.{server} iburst\n")).concat();
    let client = world.add(Machine::USUAL, &lines);
    world.run(BEFORE as f64 - 10.5);
    assert_eq!(world.tracking(client).leap, 0);
    let errors = world.errors(client, 600);
    assert!(worst(&errors) < 1e-3, "{}", worst(&errors));
}

#[test]
fn the_list_is_believed_where_the_sources_keep_silent() {
    let mut world = evening(87, INSERTED, Leap::InsertSecond);
    world.lies(0, |reply| reply[0] &= 0x3F);
    let knowing = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4\nallow\nleapseclist /list");
    let (own, _) = night(&mut world, knowing);
    assert!(worst(&own) < 1e-3, "{}", worst(&own));
    assert_eq!(world.kernel(knowing).tai_offset, Some(38));
}

#[test]
fn the_announcement_goes_down_all_strata_and_survives_the_loss_of_the_source() {
    let mut world = evening(88, INSERTED, Leap::InsertSecond);
    world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4\nallow");
    let leaf = world.add(Machine::USUAL, "server 10.0.0.2 iburst minpoll 4 maxpoll 4");
    world.run(3600.5);
    assert_eq!((world.tracking(leaf).stratum, world.tracking(leaf).leap), (3, 1));
    world.cut(0, 1);
    world.cut(1, leaf);
    world.run(3600.0);
    let errors = world.errors(leaf, 60);
    assert!(worst(&errors) < 2e-3, "{}", worst(&errors));
    assert_eq!(world.tracking(leaf).leap, 0);
}

#[test]
fn a_clock_that_is_not_ours_may_leap_by_another_hand() {
    let mut world = evening(89, INSERTED, Leap::InsertSecond);
    let client = world.add(
        Machine { steered: false, fast: timefleet_agent::time::Ppm(0.0), ..Machine::USUAL },
        "server 10.0.0.1 iburst",
    );
    world.run(BEFORE as f64 + 0.5);
    world.step_by_hand(client, -1.0);
    world.run(60.0);
    let seen = world.tracking(client);
    assert_eq!(seen.stratum, 2, "{:?}", world.log(client));
    assert!((seen.correction.0 + 0.1).abs() < 2e-3, "{seen:?}");
}
