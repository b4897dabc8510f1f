//! Stories of odd answers, and of none: kisses, lies, copies, networks that are down.

use timefleet_agent::chronyc::wire::{Request, SourceMatch, Status};
use timefleet_agent::time::NtpTimestamp;

use crate::TRUE_TIME;
use crate::link::Link;
use crate::node::Machine;
use crate::oddity::{kiss, put};
use crate::talks::{QUICK, data, said};
use crate::world::World;

/// What becomes of a reply on its way out.
type Lie = fn(&mut [u8]);

#[test]
fn version_3_is_asked_and_answered_in_version_3() {
    let mut world = World::new(168);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst version 3");
    world.run(100.0);
    assert_eq!(world.selected(client), Some(0));
    assert_eq!(data(&mut world, client, 0).version, 3);
    assert!(world.oddities.requests(client).iter().all(|(_, header)| header.version == 3));
}

#[test]
fn a_server_that_only_knows_version_3_is_a_source_for_a_client_of_version_4() {
    let mut world = World::new(169);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.lies(server, |reply| reply[0] = (reply[0] & !0x38) | (3 << 3));
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(100.0);
    assert_eq!((world.selected(client), data(&mut world, client, 0).version), (Some(0), 3));
}

#[test]
fn who_says_deny_or_rstr_is_not_asked_again_until_somebody_says_so() {
    let kisses: [(Lie, &str); 2] =
        [(|reply| kiss(reply, *b"DENY"), "DENY"), (|reply| kiss(reply, *b"RSTR"), "RSTR")];
    for (refuse, code) in kisses {
        let mut world = World::new(170);
        let server = world.add(Machine::PERFECT, TRUE_TIME);
        world.lies(server, refuse);
        let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 4 maxpoll 4");
        world.run(20_000.0);
        assert_eq!(world.sent(client), 1, "{code}");
        let line = format!(
            "source 10.0.0.1 is not asked any more: kiss-o'-death {code}: the source does not want to be asked; \
             'online' in chronyc asks again"
        );
        assert!(world.log(client).contains(&line), "{:?}", world.log(client));
        assert_eq!(data(&mut world, client, 0).flags, 0x3D0);
        let activity = world.activity(client);
        assert_eq!((activity.online, activity.offline), (0, 1));
        world.lies(server, |_| {});
        assert_eq!(world.order(client, &Request::Online(SourceMatch::ALL)), Status::Success);
        world.run(100.0);
        assert_eq!(world.selected(client), Some(0), "{code}");
    }
}

#[test]
fn a_source_in_use_that_says_deny_is_let_go() {
    let mut world = World::new(171);
    world.add(Machine::PERFECT, TRUE_TIME);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst noselect\nserver 10.0.0.2 iburst");
    world.run(1000.0);
    assert_eq!(world.selected(client), Some(server));
    world.lies(server, |reply| kiss(reply, *b"DENY"));
    world.run(2000.0);
    assert_eq!(world.state(client, 1), 'S');
    assert!(said(&world, client, "10.0.0.2 refuses to be asked (kiss-o'-death)"), "{:?}", world.log(client));
}

#[test]
fn a_pool_takes_another_member_for_the_one_that_refuses() {
    let mut world = World::new(172);
    for _ in 0..3 {
        world.add(Machine::PERFECT, TRUE_TIME);
    }
    world.lies(0, |reply| kiss(reply, *b"RSTR"));
    world.name("pool.example", &[0, 1, 2]);
    let client = world.add(Machine::USUAL, "pool pool.example iburst maxsources 2");
    world.run(300.0);
    assert_eq!(world.asked(client), [Some(2), Some(1)], "{:?}", world.log(client));
}

#[test]
fn what_was_too_often_for_a_source_never_comes_back() {
    let mut world = World::new(173);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 minpoll 3 maxpoll 3");
    world.run(100.0);
    world.lies(server, |reply| kiss(reply, *b"RATE"));
    world.run(1000.0);
    world.lies(server, |_| {});
    let slowest = world.oddities.spacings(client).last().copied().unwrap();
    assert!(slowest > 128.0, "it was told several times: {slowest}");
    assert!(said(&world, client, "asks for fewer requests (RATE): from now on every 16 s at most"));
    let asked = world.oddities.spacings(client).len();
    assert_eq!(world.order(client, &Request::ResetSources), Status::Success);
    world.run(20_000.0);
    let after = world.oddities.spacings(client)[asked..].to_vec();
    assert!(after.iter().all(|spacing| *spacing >= slowest * 0.97), "{after:?}");
    assert_eq!(world.selected(client), Some(server));
}

#[test]
fn a_burst_that_was_too_much_is_not_tried_again() {
    let mut world = World::new(174);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.lies(server, |reply| kiss(reply, *b"RATE"));
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst burst presend 6");
    world.run(30.0);
    assert_eq!(world.sent(client), 1);
    world.lies(server, |_| {});
    world.run(20_000.0);
    let spacings = world.oddities.spacings(client);
    assert!(spacings.iter().all(|spacing| *spacing >= 64.0), "{spacings:?}");
    assert_eq!(world.selected(client), Some(server));
}

#[test]
fn a_reference_id_that_reads_like_a_kiss_is_none_without_the_alarm() {
    let mut world = World::new(175);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.lies(server, |reply| reply[12..16].copy_from_slice(b"DENY"));
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst");
    world.run(100.0);
    assert_eq!(world.selected(client), Some(server));
}

#[test]
fn every_rejection_has_its_name_and_its_bits() {
    let cases: [(Lie, &str, u16); 7] = [
        (|reply| reply[24] ^= 1, "not an answer to our request (origin timestamp)", 0x280),
        (|reply| put(reply, 32, NtpTimestamp(0)), "receive or transmit timestamp is missing", 0x300),
        (|reply| reply[1] = 16, "the source is not synchronised", 0x3D0),
        (|reply| reply[8] = 20, "root distance of 16 s or more", 0x3E0),
        (|reply| reply[0] = (reply[0] & !7) | 3, "not a plain server reply", 0),
        (
            |reply| put(reply, 40, NtpTimestamp(1)),
            "the source says it held the request for a time that cannot be",
            0x3F7,
        ),
        (
            |reply| {
                reply[1] = 2;
                reply[12..16].copy_from_slice(&[10, 0, 0, 2]);
            },
            "the source takes its time from this host, or is this host (synchronisation loop)",
            0x3FE,
        ),
    ];
    for (lie, name, flags) in cases {
        let mut world = World::new(176);
        let server = world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} maxdelaydevratio 1e6"));
        world.run(100.0);
        let before = data(&mut world, client, 0);
        assert_eq!((before.flags, before.rx_good), (0x3FF, before.rx_total));
        world.lies(server, lie);
        world.run(40.0);
        let after = data(&mut world, client, 0);
        let line = format!("reply from 10.0.0.1:123 not used: {name}");
        assert!(world.whole_log(client).contains(&line), "{name}: {:?}", world.whole_log(client));
        assert_eq!(after.flags, flags, "{name}: {:x}", after.flags);
        let is_valid = flags == 0x3F7 || flags == 0x3FE;
        assert_eq!(after.rx_good, before.rx_good, "{name}");
        assert!(after.rx_total > before.rx_total && (after.rx_valid > before.rx_valid) == is_valid, "{name}");
    }
}

#[test]
fn a_reply_that_comes_twice_is_told_and_counted_once() {
    let mut world = World::new(177).links(Link { twice: 1.0, late: 1e-3, ..Link::USUAL });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK}"));
    world.run(1000.0);
    let data = data(&mut world, client, 0);
    assert!(said(&world, client, "reply from 10.0.0.1:123 not used: duplicate of an earlier reply"));
    assert_eq!(data.rx_valid, data.tx_total);
    assert!(data.rx_total > data.tx_total);
}

#[test]
fn a_network_that_is_down_makes_sources_unreachable_until_it_is_up() {
    let mut world = World::new(178);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK}"));
    world.oddities.unplug(client);
    world.run(600.0);
    assert_eq!((world.sent(client), world.activity(client).burst_online), (0, 1));
    world.oddities.plug(client);
    world.run(15.0);
    assert_eq!(world.selected(client), Some(0), "the first burst was not spent on nothing");
    world.oddities.unplug(client);
    world.run(200.0);
    assert_eq!((world.state(client, 0), world.selected(client).is_some()), ('S', true), "the time is kept");
    world.oddities.plug(client);
    world.run(40.0);
    assert_eq!(world.state(client, 0), '*');
}

#[test]
fn a_port_that_nobody_listens_on_is_unreachable_and_asked_again() {
    let mut world = World::new(179);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK}"));
    world.run(200.0);
    world.oddities.close(0);
    world.run(200.0);
    assert_eq!(world.state(client, 0), 'S');
    assert!(said(&world, client, "no request to 10.0.0.1:123 possible: Connection refused"));
    world.oddities.open(0);
    world.run(40.0);
    assert_eq!(world.state(client, 0), '*');
}

#[test]
fn auto_offline_ends_the_asking_when_nothing_can_be_sent() {
    let mut world = World::new(180);
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} auto_offline"));
    world.run(100.0);
    // A refusal by the other side is no sign of a network that is gone.
    world.oddities.close(0);
    world.run(100.0);
    world.oddities.open(0);
    assert_eq!(world.activity(client).offline, 0);
    world.oddities.unplug(client);
    world.run(100.0);
    assert_eq!(world.activity(client).offline, 1);
    assert!(said(&world, client, "source 10.0.0.1 is offline: Network is unreachable (auto_offline)"));
    world.oddities.plug(client);
    let sent = world.sent(client);
    world.run(1000.0);
    assert_eq!(world.sent(client), sent);
    assert_eq!(world.order(client, &Request::Online(SourceMatch::ALL)), Status::Success);
    world.run(50.0);
    assert!(world.sent(client) > sent && world.state(client, 0) == '*');
}

#[test]
fn a_followed_source_stays_for_as_many_polls_as_maxunreach_allows() {
    for (options, polls) in [("", 8.0), ("maxunreach 10", 18.0), ("maxunreach 100000", 1e6)] {
        let mut world = World::new(181);
        world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} {options}"));
        world.run(1000.0);
        world.cut(0, client);
        let mut waited = 0.0;
        while world.state(client, 0) == '*' && waited < 2000.0 {
            world.run(16.0);
            waited += 16.0;
        }
        let expected = f64::min(polls * 16.0, 2000.0);
        assert!((waited - expected).abs() < 48.0, "{options}: {waited} {expected}");
    }
}
