//! Stories of chronyc: sources that come and go while the agent runs, and what else can be changed under it.

use timefleet_agent::chronyc::wire::{
    AddSource, Address, Change, Local2, Name, Reply, Request, SelectOptions, SourceMatch, SourceOffset,
    Status,
};
use timefleet_agent::time::Seconds;

use crate::TRUE_TIME;
use crate::node::Machine;
use crate::world::{World, address};

fn one(node: usize) -> Address {
    address(node).into()
}

/// What chronyc sends for `add server NAME` or `add pool NAME` with `iburst`.
pub(crate) fn add(kind: u32, name: &str) -> AddSource {
    AddSource {
        kind,
        name: Name::new(name).unwrap(),
        port: 123,
        min_poll: 4,
        max_poll: 6,
        presend: 100,
        min_stratum: 0,
        poll_target: 8,
        version: 0,
        max_sources: 4,
        min_samples: -1,
        max_samples: -1,
        key: 0,
        nts_port: 4460,
        max_delay: Seconds(3.0),
        max_delay_ratio: 0.0,
        max_delay_dev_ratio: 10.0,
        min_delay: Seconds(0.0),
        asymmetry: 1.0,
        offset: Seconds(0.0),
        flags: AddSource::FLAG_ONLINE | AddSource::FLAG_IBURST,
        filter: 0,
        cert_set: 0,
        max_delay_quant: 0.0,
        max_unreach: 0,
    }
}

#[test]
fn a_source_that_is_added_is_followed_and_one_that_is_deleted_is_forgotten() {
    let mut world = World::new(120);
    for _ in 0..3 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4\nmakestep 1 3");
    world.run(60.0);
    let server = Request::AddSource(add(1, "10.0.0.2"));
    assert_eq!(world.order(client, &server), Status::Success);
    assert_eq!(world.order(client, &server), Status::SourceAlreadyKnown);
    world.name("three.example", &[2]);
    assert_eq!(world.order(client, &Request::AddSource(add(3, "three.example"))), Status::Success);
    world.run(200.0);
    assert_eq!(world.asked(client), [Some(0), Some(1), Some(2), None, None, None]);
    assert!(world.states(client).starts_with("*++") || world.states(client).contains('*'));

    let selected = world.selected(client).unwrap();
    assert_eq!(world.order(client, &Request::DeleteSource(one(selected))), Status::Success);
    assert_eq!(world.order(client, &Request::DeleteSource(one(selected))), Status::NoSuchSource);
    world.run(100.0);
    let next = world.selected(client).unwrap();
    assert_ne!(next, selected);
    for node in (0..3).filter(|node| *node != selected) {
        assert_eq!(world.order(client, &Request::DeleteSource(one(node))), Status::Success);
    }
    for id in 2..=4 {
        assert_eq!(world.order(client, &Request::DeleteSource(Address::Id(id))), Status::Success);
    }
    assert_eq!(world.asked(client), []);
    let sent = world.sent(client);
    world.run(1000.0);
    assert_eq!(world.sent(client), sent, "nobody is asked any more");
    assert!(world.error(client).abs() < 1e-2);
}

#[test]
fn a_source_is_added_as_it_was_described_or_not_at_all() {
    let mut world = World::new(121);
    let client = world.add(Machine::USUAL, "maxsamples 8");
    let plain = || add(1, "10.0.0.1");
    for (source, expected) in [
        (AddSource { kind: 2, ..plain() }, Status::Failed),
        (AddSource { kind: 9, ..plain() }, Status::Invalid),
        (AddSource { flags: AddSource::FLAG_NTS, ..plain() }, Status::Failed),
        (AddSource { port: 0, ..plain() }, Status::Invalid),
        (AddSource { port: 70_000, ..plain() }, Status::Invalid),
        (AddSource { min_poll: -99, ..plain() }, Status::Invalid),
        (AddSource { version: 5, ..plain() }, Status::Invalid),
        (AddSource { name: Name::new("").unwrap(), ..plain() }, Status::InvalidName),
        (AddSource { flags: AddSource::FLAG_IPV6, ..plain() }, Status::InvalidFamily),
    ] {
        let what = format!("{source:?}");
        assert_eq!(world.order(client, &Request::AddSource(source)), expected, "{what}");
    }
    assert_eq!(world.asked(client), []);
    let flags = AddSource::FLAG_PREFER | AddSource::FLAG_REQUIRE;
    let source = AddSource { flags, min_poll: 5, max_poll: 3, ..plain() };
    assert_eq!(world.order(client, &Request::AddSource(source)), Status::Success);
    match (world.ask(client, &Request::SelectData(0)), world.ask(client, &Request::SourceData(0))) {
        (Reply::SelectData(select), Reply::SourceData(source)) => {
            assert_eq!((select.configured, select.effective, source.poll), (0b1010, 0b1010, 5));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.activity(client).offline, 1, "no flag says online");
    assert!(
        world.log(client).iter().any(|line| line.contains("'nts', which the agent does not have")),
        "{:?}",
        world.log(client)
    );
}

#[test]
fn there_is_an_end_to_the_sources_that_can_be_added() {
    let mut world = World::new(122);
    let client = world.add(Machine::USUAL, "port 123");
    let pool = |number: u32| AddSource { max_sources: 16, ..add(3, &format!("pool{number}.example")) };
    let statuses: Vec<Status> =
        (0..100).map(|number| world.order(client, &Request::AddSource(pool(number)))).collect();
    assert_eq!(statuses.iter().filter(|status| **status == Status::Success).count(), 64);
    assert_eq!(statuses.last(), Some(&Status::TooManySources));
}

#[test]
fn options_of_a_source_can_be_changed_under_it() {
    let mut world = World::new(123);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine { ahead: 0.2, ..Machine::PERFECT }, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.2 iburst minpoll 4 maxpoll 4\nmakestep 0.05 -1");
    world.run(200.0);
    assert!((world.error(client) - 0.2).abs() < 1e-3);
    let sent = world.sent(client);
    let offset = SourceOffset { address: one(1), ref_id: 0, offset: Seconds(-0.2) };
    assert_eq!(world.order(client, &Request::ModifyOffset(offset)), Status::Success);
    world.run(200.0);
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
    assert!(world.sent(client) > sent + 10);
    let sent = world.sent(client);
    let slower = Request::ModifyMinPoll(Change { address: one(1), value: 8 });
    assert_eq!(world.order(client, &slower), Status::Success);
    world.run(512.0);
    assert!(world.sent(client) <= sent + 4, "{}", world.sent(client) - sent);
    let no_select = SelectOptions { address: one(1), ref_id: 0, mask: 0x1, options: 0x10 };
    assert_eq!(world.order(client, &Request::ModifySelectOptions(no_select)), Status::Success);
    assert_eq!(world.states(client), "N");
    assert_eq!(
        world.order(client, &Request::ModifyMinPoll(Change { address: one(7), value: 8 })),
        Status::NoSuchSource
    );
}

#[test]
fn reset_sources_starts_anew() {
    let mut world = World::new(124);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(1000.0);
    assert_eq!(world.order(client, &Request::ResetSources), Status::Success);
    assert_eq!((world.tracking(client).stratum, world.states(client).as_str()), (0, "M"));
    world.run(30.0);
    assert_eq!(world.tracking(client).stratum, 2);
    let errors = world.errors(client, 1000);
    assert!(errors.iter().all(|error| error.abs() < 1e-3), "what was learned of the frequency is kept");
}

#[test]
fn local_can_be_switched_on_and_off() {
    let mut world = World::new(125);
    let node = world.add(Machine::USUAL, "allow");
    assert_eq!(world.tracking(node).stratum, 0);
    let local = |enable| Local2 { enable, stratum: 9, distance: Seconds(1.0), orphan: 0 };
    assert_eq!(world.order(node, &Request::Local2(local(1))), Status::Success);
    assert_eq!((world.tracking(node).stratum, world.tracking(node).ref_id), (9, 0x7F7F_0101));
    assert_eq!(world.order(node, &Request::Local2(local(0))), Status::Success);
    assert_eq!((world.tracking(node).stratum, world.tracking(node).ref_id), (0, 0));
}

#[test]
fn onoffline_goes_by_the_routes_that_there_are() {
    let mut world = World::new(126);
    for _ in 0..2 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let client = world.add(Machine::USUAL, "server 10.0.0.1\nserver 10.0.0.2 offline\nserver late.example");
    world.cut(0, client);
    assert_eq!(world.order(client, &Request::OnOffline), Status::Success);
    let activity = world.activity(client);
    assert_eq!((activity.online, activity.offline, activity.unresolved), (1, 1, 1));
    world.run(300.0);
    assert_eq!(world.selected(client), Some(1));
    world.heal(0, client);
    assert_eq!(world.order(client, &Request::OnOffline), Status::Success);
    assert_eq!(world.activity(client).online, 2);
}

#[test]
fn a_name_that_was_sent_offline_stays_so_when_it_resolves() {
    let mut world = World::new(127);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server late.example iburst");
    world.run(1.0);
    assert_eq!(world.order(client, &Request::Offline(SourceMatch::ALL)), Status::Success);
    world.name("late.example", &[0]);
    world.run(100.0);
    assert_eq!((world.activity(client).offline, world.sent(client)), (1, 0));
}

#[test]
fn files_of_sources_are_compared_with_what_they_said_before() {
    let mut world = World::new(128);
    for _ in 0..3 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4");
    world.source_files(client, "server 10.0.0.2 iburst minpoll 4\nserver 10.0.0.1");
    world.run(200.0);
    assert_eq!(world.asked(client), [0, 1].map(Some));
    let before = world.ask(client, &Request::SourceStats(0));
    world.source_files(client, "server 10.0.0.3 iburst minpoll 4");
    assert_eq!(world.asked(client), [0, 2].map(Some));
    assert!(matches!((before, world.ask(client, &Request::SourceStats(0))),
        (Reply::SourceStats(before), Reply::SourceStats(after)) if before.samples == after.samples));
    world.source_files(client, "server 10.0.0.3 iburst minpoll 4");
    assert_eq!(world.asked(client), [0, 2].map(Some));
    world.source_files(client, "server 10.0.0.3 iburst minpoll 5");
    assert_eq!(world.asked(client), [0, 2].map(Some));
    world.source_files(client, "");
    assert_eq!(world.asked(client), [Some(0)]);
}
