//! Stories of servers whose corrections reach their clients slowly, leap seconds among them.

use timefleet_agent::chronyc::wire::{Reply, Request, Smoothing, Status};
use timefleet_agent::report::Leap;
use timefleet_agent::time::Seconds;

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

/// Midnight after 2026-06-30, with a leap second in the fictional list.
const MIDNIGHT: i64 = 1_782_864_000;

fn report(world: &mut World, node: usize) -> Smoothing {
    match world.ask(node, &Request::Smoothing) {
        Reply::Smoothing(smoothing) => smoothing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_learns_how_wrong_it_was_does_not_frighten_its_clients() {
    let mut world = World::new(190);
    world.add(Machine::PERFECT, TRUE_TIME);
    let server = world.add(Machine::USUAL, "server 10.0.0.1 iburst maxpoll 6\nallow\nsmoothtime 400 0.01");
    let client = world.add(Machine::USUAL, "server 10.0.0.2 iburst minpoll 4 maxpoll 4\nmakestep 1 3");
    world.run(3000.0);
    assert_eq!(report(&mut world, server).flags, 1, "active by itself: {:?}", world.log(server));
    world.step_by_hand(0, 0.4);
    let mut last = world.served_error(server);
    let (mut fastest, mut clients_worst) = (0.0f64, 0.0f64);
    for _ in 0..15_000 {
        world.run(1.0);
        let served = world.served_error(server);
        fastest = fastest.max((served - last).abs());
        last = served;
        clients_worst = clients_worst.max((world.error(client) - served).abs());
    }
    assert!(fastest < 450e-6, "{fastest} s in a second");
    assert!(clients_worst < 5e-3, "{clients_worst}");
    assert!((world.error(server) - 0.4).abs() < 1e-3, "{}", world.error(server));
    assert!((last - 0.4).abs() < 5e-3, "what is served is right in the end, too: {last}");
}

#[test]
fn two_servers_smear_a_leap_second_alike_and_their_client_never_hears_of_it() {
    let before = 7200;
    let mut world = World::new(191).beginning(MIDNIGHT - before).leap_second(before, Leap::InsertSecond);
    world.add(Machine::PERFECT, "local stratum 1\nallow\nleapseclist /leap-seconds.list");
    let smear = "leapsecmode slew\nmaxslewrate 1000\nsmoothtime 400 0.001024 leaponly\nallow";
    let servers =
        [1, 2].map(|_| world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst maxpoll 6\n{smear}")));
    let client =
        world.add(Machine::USUAL, "server 10.0.0.2 iburst maxpoll 6\nserver 10.0.0.3 iburst maxpoll 6");
    world.run(before as f64 - 10.5);
    assert_eq!(servers.map(|server| report(&mut world, server).flags), [3, 3]);
    assert_eq!(world.tracking(client).leap, 0, "the leap second is kept from it");
    assert_eq!(world.tracking(servers[0]).leap, 1);
    world.run(60.0);
    let errors = servers.map(|server| world.served_error(server));
    assert!(errors.iter().all(|error| (error - 1.0).abs() < 2e-3), "a second ahead of UTC: {errors:?}");
    let left = report(&mut world, servers[0]);
    assert!((left.remaining.0 - 62_450.0).abs() < 5.0, "{left:?}");
    world.run(31_200.0);
    let errors = servers.map(|server| world.served_error(server));
    assert!(errors.iter().all(|error| (error - 0.5).abs() < 5e-3), "half way: {errors:?}");
    assert!((errors[0] - errors[1]).abs() < 1e-3);
    assert!((world.error(client) - errors[0]).abs() < 2e-3, "{}", world.error(client));
    assert_eq!(world.states(client).replace('*', "+"), "++");
    world.run(32_000.0);
    assert!(world.served_error(servers[0]).abs() < 1e-3);
    assert!(world.error(client).abs() < 2e-3, "{}", world.error(client));
    assert!(world.steps(client).is_empty());
}

#[test]
fn a_step_is_not_smoothed() {
    let mut world = World::new(192);
    world.add(Machine::PERFECT, TRUE_TIME);
    let server = world
        .add(Machine::USUAL, "server 10.0.0.1 iburst maxpoll 6\nallow\nsmoothtime 400 0.01\nmakestep 1 -1");
    world.run(3000.0);
    world.step_by_hand(0, 10.0);
    world.run(600.0);
    assert_eq!(world.steps(server).len(), 1, "{:?}", world.log(server));
    assert!((world.served_error(server) - 10.0).abs() < 1e-2, "{}", world.served_error(server));
}

#[test]
fn chronyc_activates_and_resets() {
    let mut world = World::new(193);
    let plain = world.add(Machine::USUAL, "allow");
    assert_eq!(world.order(plain, &Request::Smoothing), Status::NotEnabled);
    assert_eq!(world.order(plain, &Request::SmoothTime(1)), Status::NotEnabled);
    let server = world.add(Machine::USUAL, "local stratum 8\nmanual\nsmoothtime 400 0.01\nallow");
    let nothing = report(&mut world, server);
    assert_eq!((nothing.flags, nothing.offset, nothing.update_age), (0, Seconds(0.0), Seconds(0.0)));
    assert_eq!(world.order(server, &Request::SmoothTime(1)), Status::Success);
    let time = timefleet_agent::chronyc::wire::Time { seconds: world.unix() as u64 + 5, nanos: 0 };
    assert!(matches!(world.ask(server, &Request::SetTime(time)), Reply::ManualTimestamp(_)));
    let seen = report(&mut world, server);
    assert!((seen.offset.0 + 4.9).abs() < 1e-3 && seen.flags == 1, "{seen:?}");
    assert!(world.served_error(server).abs() < 0.11, "nobody was told of it yet");
    assert_eq!(world.order(server, &Request::SmoothTime(0)), Status::Success);
    assert_eq!(report(&mut world, server).offset, Seconds(0.0));
    assert!((world.served_error(server) - 5.0).abs() < 1e-2);
    assert_eq!(world.order(server, &Request::SmoothTime(7)), Status::Invalid);
}
