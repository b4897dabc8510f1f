//! Stories of times that a person enters at an isolated site.

use timefleet_agent::chronyc::ask::parse_reply;
use timefleet_agent::chronyc::wire::{
    ManualSample, ManualSamples, ManualTimestamp, Reply, Request, Status, Time,
};
use timefleet_agent::time::{Ppm, Seconds};

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::World;

const SITE: &str = "local stratum 8\nmanual\nallow";

/// Somebody enters the true time, or one that is ahead of it by so much. Watches show whole seconds.
fn enter(world: &mut World, node: usize, ahead: f64) -> Result<ManualTimestamp, Status> {
    let seconds = (world.unix() + ahead).round() as u64;
    let request = Request::SetTime(Time { seconds, nanos: 0 });
    let answer = world.answer(node, &request);
    match parse_reply(&request, 7, &answer) {
        Ok(Reply::ManualTimestamp(found)) => Ok(found),
        _ => Err(timefleet_agent::chronyc::wire::ReplyHeader::take(&answer).unwrap().status),
    }
}

fn entries(world: &mut World, node: usize) -> Vec<ManualSample> {
    match world.ask(node, &Request::ManualList) {
        Reply::ManualSamples(ManualSamples(entries)) => entries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_clock_of_an_isolated_site_is_set_by_somebodys_watch_and_its_clients_follow() {
    let mut world = World::new(160);
    let server = world.add(Machine { ahead: -75.0, ..Machine::USUAL }, SITE);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4\nmakestep 1 -1");
    world.run(100.0);
    let found = enter(&mut world, server, 0.0).unwrap();
    assert!((found.offset.0 + 75.0).abs() < 0.1, "{found:?}");
    assert_eq!(found.frequency_change, Ppm::ZERO, "one time says nothing of the frequency");
    // 75 s at one twelfth of a second per second.
    world.run(1000.0);
    assert!(world.error(server).abs() < 0.2, "{}", world.error(server));
    assert!((world.error(client) - world.error(server)).abs() < 1e-2);
    let seen = world.tracking(server);
    assert_eq!((seen.stratum, seen.ref_id), (8, 0x7F7F_0101));
    assert!((seen.last_offset.0 + 75.0).abs() < 0.1, "{seen:?}");
}

#[test]
fn makestep_holds_for_entered_times_too() {
    let mut world = World::new(161);
    let server = world.add(Machine { ahead: -1.2e9, ..Machine::USUAL }, &format!("{SITE}\nmakestep 1 3"));
    world.run(100.0);
    assert_eq!(world.tracking(server).stratum, 0, "its clock says 1987");
    assert!(enter(&mut world, server, 0.0).is_ok());
    world.run(100.0);
    assert_eq!(world.steps(server).len(), 1);
    assert!(world.error(server).abs() < 0.1, "{}", world.error(server));
    assert_eq!(world.tracking(server).stratum, 8);
    let entries = entries(&mut world, server);
    assert!((entries[0].original_offset.0 + 1.2e9).abs() < 100.0, "{entries:?}");
    assert!(entries[0].slewed_offset.abs() < Seconds(0.1), "{entries:?}");
}

#[test]
fn times_entered_day_by_day_tell_the_frequency() {
    let mut world = World::new(162);
    let server = world.add(Machine { wander: 0.0, ..Machine::USUAL }, SITE);
    let mut changed = 0.0;
    for day in 0..10 {
        let found = enter(&mut world, server, 0.0).unwrap();
        if day > 0 {
            changed += found.frequency_change.0;
        }
        world.run(86_400.0);
    }
    assert!((changed - 100.0).abs() < 2.0, "{changed}");
    let seen = world.tracking(server).frequency.0;
    assert!((seen - 100.0).abs() < 2.0, "{seen}");
    let (before, _) = (world.error(server), world.run(86_400.0));
    assert!((world.error(server) - before).abs() < 0.2, "it keeps the time by itself now");
    assert_eq!(entries(&mut world, server).len(), 10);
}

#[test]
fn two_times_within_seconds_say_nothing_of_the_frequency() {
    let mut world = World::new(163);
    let server = world.add(Machine::USUAL, SITE);
    world.run(10.3);
    enter(&mut world, server, 0.0).unwrap();
    world.run(1.8);
    let found = enter(&mut world, server, 0.0).unwrap();
    assert!(found.frequency_change.0.abs() < 1.0, "chronyd would say 100000 ppm: {found:?}");
}

#[test]
fn the_list_forgets_the_oldest_of_more_than_sixteen() {
    let mut world = World::new(164);
    let server = world.add(Machine::USUAL, SITE);
    let mut first = Vec::new();
    for entry in 0..18 {
        enter(&mut world, server, 0.0).unwrap();
        first.push(entries(&mut world, server).last().unwrap().original_offset);
        world.run(3600.0 + f64::from(entry));
    }
    let listed: Vec<Seconds> =
        entries(&mut world, server).iter().map(|entry| entry.original_offset).collect();
    assert_eq!(listed, first[2..]);
}

#[test]
fn a_wrong_entry_is_deleted_and_the_clock_goes_back_to_what_the_others_say() {
    let mut world = World::new(165);
    let server = world.add(Machine { wander: 0.0, ..Machine::USUAL }, SITE);
    for _ in 0..3 {
        enter(&mut world, server, 0.0).unwrap();
        world.run(3600.0);
    }
    // In the wrong time zone.
    enter(&mut world, server, 3600.0).unwrap();
    world.run(50_000.0);
    assert!((world.error(server) - 3600.0).abs() < 20.0, "{}", world.error(server));
    assert_eq!(world.order(server, &Request::ManualDelete(4)), Status::BadSample);
    assert_eq!(world.order(server, &Request::ManualDelete(-1)), Status::BadSample);
    assert_eq!(world.order(server, &Request::ManualDelete(3)), Status::Success);
    world.run(60_000.0);
    assert!(world.error(server).abs() < 5.0, "{}", world.error(server));
    assert_eq!(entries(&mut world, server).len(), 3);
}

#[test]
fn chronyc_switches_it_on_and_off_and_forgets() {
    let mut world = World::new(166);
    let server = world.add(Machine::USUAL, "local stratum 8");
    assert_eq!(enter(&mut world, server, 0.0), Err(Status::NotEnabled));
    assert_eq!(world.order(server, &Request::Manual(1)), Status::Success);
    assert!(enter(&mut world, server, 0.0).is_ok());
    assert_eq!(world.order(server, &Request::Manual(2)), Status::Success);
    assert_eq!(entries(&mut world, server), []);
    assert_eq!(world.order(server, &Request::Manual(0)), Status::Success);
    assert_eq!(enter(&mut world, server, 0.0), Err(Status::NotEnabled));
    assert_eq!(world.order(server, &Request::Manual(9)), Status::Invalid);
}

#[test]
fn a_time_before_the_agents_build_is_not_taken_nor_one_that_maxchange_forbids() {
    let mut world = World::new(167);
    let server = world.add(Machine::USUAL, &format!("{SITE}\nmaxchange 100 0 -1"));
    assert_eq!(enter(&mut world, server, -1e9), Err(Status::Failed));
    assert_eq!(enter(&mut world, server, 200.0), Err(Status::Failed));
    for absurd in [1e10, 9e9, 1.8e19] {
        assert_eq!(enter(&mut world, server, absurd), Err(Status::Failed));
    }
    assert_eq!(entries(&mut world, server), []);
    let log = world.log(server);
    assert!(log.iter().any(|line| line.contains("it is before this agent was built")), "{log:?}");
    assert!(log.iter().any(|line| line.contains("is above maxchange")), "{log:?}");
}

#[test]
fn a_source_that_comes_back_has_the_last_word() {
    let mut world = World::new(168);
    world.add(Machine::PERFECT, TRUE_TIME);
    let server = world.add(Machine::USUAL, &format!("{SITE}\nserver 10.0.0.1 iburst minpoll 4 maxpoll 4"));
    world.cut(0, server);
    world.run(100.0);
    enter(&mut world, server, 20.0).unwrap();
    world.run(1000.0);
    assert!((world.error(server) - 20.0).abs() < 1.0, "{}", world.error(server));
    world.heal(0, server);
    world.run(1000.0);
    assert!(world.error(server).abs() < 2e-3, "{}", world.error(server));
    assert_eq!(world.tracking(server).stratum, 2);
}
