//! Stories of one client and its source: how it asks, how often, and what it makes of the answers.

use timefleet_agent::chronyc::wire::{Address, NtpData, Reply, Request, Status};
use timefleet_agent::time::{NtpTimestamp, Seconds};

use crate::link::Link;
use crate::node::Machine;
use crate::oddity::{SlowServer, put};
use crate::world::{World, address};
use crate::{TRUE_TIME, rms};

/// Close by, and of one mind about how long the way is.
const CLOSE: Link = Link { base: 5e-5, jitter: 1e-6, ..Link::USUAL };
pub(crate) const QUICK: &str = "iburst minpoll 4 maxpoll 4";

pub(crate) fn data(world: &mut World, node: usize, source: usize) -> NtpData {
    match world.ask(node, &Request::NtpData(Address::from(address(source)))) {
        Reply::NtpData(data) => data,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn said(world: &World, node: usize, text: &str) -> bool {
    world.whole_log(node).iter().any(|line| line.contains(text))
}

/// A client of a source whose replies leave 0.2 ms late, on average, after the timestamp in them.
fn client_of_a_slow_server(options: &str, interleaves: bool) -> (World, usize) {
    let mut world = World::new(160).links(CLOSE);
    // What the engine itself would hold is the slow server's to tell.
    let server = world.add(Machine::PERFECT, &format!("{TRUE_TIME}\nnoclientlog"));
    world.oddities.slow_server(server, SlowServer::new(2e-4, interleaves));
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} {options}"));
    world.run(2000.0);
    (world, client)
}

#[test]
fn interleaved_mode_measures_what_basic_mode_cannot_see() {
    let (mut basic, client) = client_of_a_slow_server("", true);
    let without = rms(&basic.errors(client, 4000));
    let (mut interleaved, client) = client_of_a_slow_server("xleave", true);
    let with = rms(&interleaved.errors(client, 4000));
    assert!(with < without / 3.0 && with < 1e-6, "{with} {without}");
    let data = data(&mut interleaved, client, 0);
    assert_eq!(data.flags, 0x43FF, "{:x}", data.flags);
    assert_eq!(data.rx_valid, data.tx_total);
    // The first reply that is interleaved tells of an exchange that was measured before.
    assert!((data.tx_total - 10..data.tx_total).contains(&data.rx_good), "{data:?}");
}

#[test]
fn nothing_in_a_request_can_be_guessed_in_interleaved_mode_either() {
    let (world, client) = client_of_a_slow_server("xleave", true);
    let requests = world.oddities.requests(client);
    let mut numbers: Vec<u64> = requests
        .iter()
        .flat_map(|(_, header)| [header.transmit.0, header.receive.0])
        .filter(|number| *number != 0)
        .collect();
    assert_eq!(numbers.len(), requests.len() * 2 - 1);
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] > 1 << 32), "as far apart as chance puts them");
}

#[test]
fn a_server_that_does_not_follow_is_asked_in_basic_mode() {
    let (mut world, client) = client_of_a_slow_server("xleave", false);
    let data = data(&mut world, client, 0);
    assert_eq!((data.flags & 0x4000, data.rx_valid), (0, data.tx_total));
    assert_eq!(world.selected(client), Some(0));
}

#[test]
fn a_server_that_forgets_its_clients_now_and_then_costs_little() {
    let (mut world, client) = client_of_a_slow_server("xleave", true);
    for _ in 0..50 {
        world.oddities.forget_clients(0);
        world.run(100.0);
    }
    let data = data(&mut world, client, 0);
    assert_eq!(data.rx_valid, data.tx_total);
    // Each time a basic reply, of which the next one, interleaved, then tells nothing new.
    assert!(data.rx_good + 110 > data.tx_total, "{data:?}");
    assert!(world.error(client).abs() < 2e-4, "{}", world.error(client));
}

#[test]
fn loss_copies_and_late_datagrams_do_not_mislead_an_interleaved_client() {
    let mut world = World::new(161).links(Link { loss: 0.2, twice: 0.5, late: 100.0, ..CLOSE });
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.oddities.slow_server(server, SlowServer::new(2e-4, true));
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} xleave"));
    world.run(2000.0);
    let errors = world.errors(client, 4000);
    assert!(errors.iter().all(|error| error.abs() < 1e-4), "{}", rms(&errors));
}

#[test]
fn an_interleaved_reply_about_another_exchange_is_dropped() {
    let mut world = World::new(162).links(CLOSE);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.oddities.slow_server(server, SlowServer::new(0.0, true));
    // Tells when the reply before that one left.
    world.lies(server, |reply| {
        let stamp = u64::from_be_bytes(reply[40..48].try_into().unwrap());
        put(reply, 40, NtpTimestamp(stamp - (16 << 32)));
    });
    let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} xleave"));
    world.run(300.0);
    assert_eq!(world.tracking(client).stratum, 0);
    assert!(said(&world, client, "held the request for a time that cannot be"));
}

#[test]
fn a_filter_makes_one_sample_of_many_polls() {
    let noisy = Link { base: 5e-5, jitter: 1e-4, ..Link::USUAL };
    let run = |options: &str| {
        let mut world = World::new(163).links(noisy);
        world.add(Machine::PERFECT, TRUE_TIME);
        let client =
            world.add(Machine::USUAL, &format!("server 10.0.0.1 iburst minpoll 0 maxpoll 0 {options}"));
        world.run(1000.0);
        let Reply::SourceStats(stats) = world.ask(client, &Request::SourceStats(0)) else { panic!() };
        (rms(&world.errors(client, 2000)), stats)
    };
    let (_, every) = run("minsamples 64");
    let (error, filtered) = run("minsamples 64 filter 8");
    assert!(error < 2e-5, "{error}");
    assert!(filtered.std_dev < every.std_dev * 0.75, "{filtered:?} {every:?}");
    assert!(every.span < 120 && filtered.span > 400, "{} {}", every.span, filtered.span);
}

#[test]
fn presend_warms_the_path_two_seconds_before_the_measurement() {
    for (options, ahead) in [("presend 6", vec![2.0, 62.0]), ("presend 6 xleave", vec![2.0, 2.0, 60.0])] {
        let mut world = World::new(164);
        let server = world.add(Machine::PERFECT, TRUE_TIME);
        world.oddities.slow_server(server, SlowServer::new(0.0, true));
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 minpoll 6 maxpoll 6 {options}"));
        world.run(6400.0);
        let spacings = world.oddities.spacings(client);
        for (seen, wanted) in spacings.iter().zip(ahead.iter().cycle()) {
            assert!((seen - wanted).abs() < 0.02 * 64.0, "{options}: {seen} {wanted}");
        }
        let data = data(&mut world, client, 0);
        let asked = u32::try_from(ahead.len()).unwrap();
        let polls = data.tx_total / asked;
        assert!((polls - polls / 5..=polls).contains(&data.rx_good), "{options}: {data:?}");
        assert!(world.error(client).abs() < 1e-3);
    }
}

#[test]
fn a_lost_poll_is_saved_by_a_burst_where_the_interval_has_room() {
    let answered = |options: &str| {
        let mut world = World::new(165).links(Link { loss: 0.3, ..Link::USUAL });
        world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {options}"));
        world.run(60_000.0);
        let data = data(&mut world, client, 0);
        (data.rx_good, world.sent(client))
    };
    let (plain, _) = answered("minpoll 6 maxpoll 8 polltarget 6");
    let (saved, sent) = answered("minpoll 6 maxpoll 8 polltarget 6 burst");
    assert!(saved > plain + plain / 3, "{saved} {plain}");
    assert!(sent < 60_000 / 64, "no more often than minpoll says: {sent}");
    let (plain, asked) = answered("minpoll 6 maxpoll 6");
    assert_eq!((plain, asked), answered("minpoll 6 maxpoll 6 burst"), "no room for a second request");
}

#[test]
fn the_slowest_round_trips_are_thrown_away_by_their_quantile() {
    let mut world = World::new(166).links(Link { base: 1e-4, jitter: 1e-3, ..Link::USUAL });
    world.add(Machine::PERFECT, TRUE_TIME);
    let client = world.add(Machine::USUAL, "server 10.0.0.1 iburst minpoll 2 maxpoll 2 maxdelayquant 0.2");
    world.run(20_000.0);
    let data = data(&mut world, client, 0);
    let part = f64::from(data.rx_good) / f64::from(data.rx_valid);
    assert!((part - 0.2).abs() < 0.03, "{part}");
    assert!(said(&world, client, "not used: round trip above maxdelayquant"));
    assert!(world.error(client).abs() < 1e-3, "{}", world.error(client));
}

#[test]
fn a_known_shortest_delay_and_a_known_asymmetry_take_the_queues_out_of_the_offset() {
    let run = |options: &str| {
        let mut world = World::new(167);
        world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, &format!("server 10.0.0.1 {QUICK} {options}"));
        world.way(client, 0, Link { base: 1e-3, jitter: 5e-4, ..Link::USUAL });
        world.way(0, client, Link { base: 1e-3, jitter: 1e-9, ..Link::USUAL });
        world.run(3000.0);
        rms(&world.errors(client, 3000))
    };
    let (unknown, known) = (run(""), run("mindelay 0.002 asymmetry -0.5"));
    assert!(known < 1e-5 && known < unknown, "{known} {unknown}");
}

#[test]
fn with_copy_a_server_looks_like_the_one_beside_it() {
    let mut world = World::new(182);
    world.add(Machine::PERFECT, TRUE_TIME);
    world.add(Machine::PERFECT, "server 10.0.0.1 iburst\nallow");
    let twin =
        world.add(Machine { steered: false, ..Machine::PERFECT }, "server 10.0.0.2 iburst copy\nallow");
    world.run(200.0);
    let (one, other) = (world.tracking(1), world.tracking(twin));
    assert_eq!((one.stratum, one.ref_id), (2, 0x0A00_0001));
    assert_eq!((other.stratum, other.ref_id), (2, 0x0A00_0001));
    assert_eq!(other.address, Address::from(address(1)));
}

#[test]
fn several_requests_a_second_are_for_sources_close_by() {
    for (base, shortest) in [(1e-3, 0.125), (20e-3, 1.0)] {
        let mut world = World::new(183).links(Link { base, ..Link::USUAL });
        world.add(Machine::PERFECT, TRUE_TIME);
        let client = world.add(Machine::USUAL, "server 10.0.0.1 minpoll -3 maxpoll -3");
        world.run(60.0);
        let spacings = world.oddities.spacings(client);
        assert!((spacings[0] - 1.0).abs() < 0.05, "{}: nobody has answered yet", spacings[0]);
        let last = spacings.last().copied().unwrap();
        assert!((last - shortest).abs() < shortest * 0.05, "{base}: {last}");
    }
}

#[test]
fn a_source_added_by_chronyc_has_the_same_options() {
    let mut world = World::new(184);
    let server = world.add(Machine::PERFECT, TRUE_TIME);
    world.oddities.slow_server(server, SlowServer::new(0.0, true));
    let client = world.add(Machine::USUAL, "");
    let source = timefleet_agent::chronyc::wire::AddSource {
        min_poll: 4,
        max_poll: 4,
        flags: 0x1 | 0x4 | 0x80 | 0x100,
        filter: 2,
        presend: 4,
        max_delay_quant: 0.9,
        min_delay: Seconds(1e-4),
        asymmetry: 0.1,
        ..crate::control::add(1, "10.0.0.1")
    };
    assert_eq!(world.order(client, &Request::AddSource(source.clone())), Status::Success);
    world.run(1000.0);
    assert_eq!(data(&mut world, client, 0).flags & 0x4000, 0x4000);
    assert_eq!(world.selected(client), Some(0));
    for wrong in [
        timefleet_agent::chronyc::wire::AddSource { filter: 65, ..source.clone() },
        timefleet_agent::chronyc::wire::AddSource { asymmetry: 0.7, ..source.clone() },
        timefleet_agent::chronyc::wire::AddSource { max_delay_quant: 0.99, ..source },
    ] {
        assert_eq!(world.order(client, &Request::AddSource(wrong)), Status::Invalid);
    }
}
