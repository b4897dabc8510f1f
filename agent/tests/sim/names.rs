//! Stories of names: what resolves late, what resolves to somebody else later, and pools whose members wear out.

use timefleet_agent::chronyc::wire::{Request, Status};

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

/// A day wrong, and sure of it.
const WRONG: Machine = Machine { ahead: 86_400.0, ..Machine::PERFECT };

fn replaced(world: &World, node: usize) -> usize {
    world.log(node).iter().filter(|line| line.contains("is replaced by")).count()
}

#[test]
fn a_name_counts_as_an_unknown_address_until_it_resolves() {
    let mut world = World::new(100);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server late.example iburst\nmakestep 1 3");
    world.run(100.0);
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (0, 1));
    assert_eq!(world.asked(client), [None]);
    world.name("late.example", &[0]);
    world.run(300.0);
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (1, 0));
    assert_eq!(world.selected(client), Some(0));
}

#[test]
fn online_looks_a_name_up_at_once() {
    let mut world = World::new(101);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server late.example iburst");
    world.run(40_000.0);
    world.name("late.example", &[0]);
    assert_eq!(
        world.order(client, &Request::Online(timefleet_agent::chronyc::wire::SourceMatch::ALL)),
        Status::Success
    );
    world.run(20.0);
    assert_eq!(world.selected(client), Some(0));
}

#[test]
fn a_server_that_moved_is_found_at_its_new_address() {
    let mut world = World::new(102);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("ntp.example", &[0]);
    let client = world.add(Machine::USUAL, "server ntp.example iburst minpoll 4 maxpoll 4");
    world.run(100.0);
    assert_eq!(world.selected(client), Some(0));
    world.name("ntp.example", &[1]);
    world.run(1000.0);
    assert_eq!(world.selected(client), Some(0), "it answers: nobody asks who else might");
    world.cut(0, client);
    world.run(200.0);
    assert_eq!(world.selected(client), Some(1));
    assert_eq!(world.asked(client), [Some(1)]);
    assert!(
        world.log(client).iter().any(|line| line
            == "ntp.example: 10.0.0.1 did not answer the last eight requests and is replaced by 10.0.0.2"),
        "{:?}",
        world.log(client)
    );
}

#[test]
fn addresses_are_exchanged_at_most_once_in_half_an_hour() {
    let mut world = World::new(103);
    for _ in 0..3 {
        world.add(Machine::PERFECT, "port 123");
    }
    world.name("ntp.example", &[0, 1, 2]);
    let client = world.add(Machine::USUAL, "server ntp.example iburst minpoll 4 maxpoll 4");
    world.run(3600.0 * 4.0);
    let times = replaced(&world, client);
    assert!((6..=8).contains(&times), "{times}: {:?}", world.log(client));
}

#[test]
fn refresh_goes_where_the_name_points_now() {
    let mut world = World::new(104);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("ntp.example", &[0]);
    let client = world.add(Machine::USUAL, "server ntp.example iburst");
    world.run(100.0);
    world.name("ntp.example", &[1]);
    assert_eq!(world.order(client, &Request::Refresh), Status::Success);
    world.run(20.0);
    assert_eq!((world.asked(client), world.selected(client)), (vec![Some(1)], Some(1)));
    // Asked again without news, everything stays.
    assert_eq!(world.order(client, &Request::Refresh), Status::Success);
    world.run(20.0);
    assert_eq!((replaced(&world, client), world.selected(client)), (1, Some(1)));
}

#[test]
fn a_pool_replaces_the_member_that_lies_and_the_one_that_is_silent() {
    let mut world = World::new(105);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(WRONG, TRUE_TIME);
    for _ in 0..4 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    world.name("pool.example", &[0, 1, 2, 3]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst maxsources 4 minpoll 4 maxpoll 4");
    world.run(60.0);
    assert_eq!(world.asked(client), [0, 1, 2, 3].map(Some));
    assert!(world.states(client).chars().nth(1) == Some('x'), "{}", world.states(client));
    world.name("pool.example", &[4, 5, 0, 1]);
    world.cut(2, client);
    world.run(4000.0);
    assert_eq!(world.asked(client), [0, 4, 5, 3].map(Some), "{:?}", world.log(client));
    assert_eq!(replaced(&world, client), 2);
    assert!(!world.states(client).contains(['x', 'S', 'M']), "{}", world.states(client));
    assert!(world.error(client).abs() < 1e-3);
}

#[test]
fn a_member_that_wears_out_stays_when_its_name_has_nobody_else() {
    let mut world = World::new(106);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("pool.example", &[0, 1]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst maxsources 2 minpoll 4 maxpoll 4");
    world.run(60.0);
    world.cut(1, client);
    world.run(4000.0);
    assert_eq!(world.asked(client), [0, 1].map(Some));
    world.heal(1, client);
    world.run(200.0);
    assert_eq!((world.states(client).len(), replaced(&world, client)), (2, 0));
    assert!(!world.states(client).contains(['S', 'M']), "{}", world.states(client));
}

#[test]
fn a_server_without_time_of_its_own_is_replaced() {
    let mut world = World::new(107);
    // Answers, and says that it is not synchronised.
    world.add(Machine::PERFECT, "allow");
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("ntp.example", &[0, 1]);
    let client = world.add(Machine::USUAL, "server ntp.example iburst minpoll 4 maxpoll 4");
    world.run(10.0);
    assert_eq!((world.asked(client), world.states(client).as_str()), (vec![Some(0)], "s"));
    world.run(300.0);
    assert_eq!((world.asked(client), world.selected(client)), (vec![Some(1)], Some(1)));
    assert!(
        world.log(client).iter().any(|line| line.contains("10.0.0.1 is not synchronised and is replaced")),
        "{:?}",
        world.log(client)
    );
}

#[test]
fn a_pool_that_wants_more_than_one_answer_holds_is_full_after_the_next_answers() {
    let mut world = World::new(108);
    for _ in 0..6 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    world.name("pool.example", &[0, 1]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst maxsources 6");
    world.run(30.0);
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (2, 4));
    world.name("pool.example", &[1, 2, 3]);
    world.run(70.0);
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (4, 2));
    world.name("pool.example", &[4, 5, 0]);
    world.run(140.0);
    assert_eq!(world.asked(client), [0, 1, 2, 3, 4, 5].map(Some));
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (6, 0));
}

#[test]
fn a_name_that_gives_too_few_addresses_is_asked_for_less_and_less_often() {
    let mut world = World::new(109);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.name("pool.example", &[0]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst");
    world.run(86_400.0);
    assert_eq!((world.activity(client).online, world.activity(client).unresolved), (1, 3));
    // 64 s, 128 s, ... one hour: about six lookups before they are an hour apart.
    let lookups = world.oddities.lookups(client);
    assert!((24..=32).contains(&lookups), "{lookups}");
}
