//! What a server says to clients in interleaved mode and to those who ask too often, against what chronyd said.

use timefleet_agent::chronyc::ask::parse_reply;
use timefleet_agent::chronyc::wire::{Reply, Request};
use timefleet_agent::client_log::{self, Outcome};
use timefleet_agent::engine::{LONGEST_ANSWER, Stamp, StampedBy, Transport};
use timefleet_agent::packet::{Header, Packet, RefId};
use timefleet_agent::server::Asked;
use timefleet_agent::time::{Moment, NtpTimestamp};

use super::{CAPTURED, ORIGIN, Pair, RECEIVE, assert_same_answer, cases, engine, moments_of, put, stamp_at};

fn header(datagram: &[u8]) -> Header {
    Packet::parse(datagram).unwrap().header
}

fn is_interleaved(Pair { request, reply }: &Pair) -> bool {
    reply.as_deref().is_some_and(|reply| {
        let origin = header(reply).origin;
        origin == stamp_at(request, RECEIVE) && !origin.is_zero()
    })
}

#[test]
fn a_client_in_interleaved_mode_gets_the_replies_that_chronyd_gave() {
    let mut compared = [0, 0];
    for case in cases("raw-requests").iter().filter(|case| case.name.starts_with("interleaved")) {
        let pairs = case.pairs();
        let first = header(pairs[0].reply.as_deref().unwrap());
        let (_, _, set) = moments_of(&first);
        let configuration = format!("allow 127.0.0.1\nlocal stratum {}", first.stratum);
        let mut engine = engine(&configuration, first.precision, set);
        let clients = engine.clients();
        // What chronyd and we said of when the last request came: the same, but for a nanosecond.
        let mut came = (NtpTimestamp::ZERO, NtpTimestamp::ZERO);
        for (index, pair) in pairs.iter().enumerate() {
            let mut request = pair.request.clone();
            if stamp_at(&request, ORIGIN) == came.0 {
                put(&mut request, ORIGIN, came.1);
            }
            let expected = pair.reply.as_deref().unwrap();
            let (received, sent, _) = moments_of(&header(expected));
            // An interleaved reply does not say when it left itself.
            let now = if is_interleaved(pair) { Moment { wall: received.wall, ..sent } } else { sent };
            let service = engine.service(now);
            let mut answer = [0; LONGEST_ANSWER];
            let from = "127.0.0.1".parse().unwrap();
            let asked = Asked { from, received, bytes: &request };
            let answered = service.answer(&clients, now, &asked, &mut answer).unwrap();
            assert_same_answer(&case.title(), &answer[..answered.length], expected);
            compared[usize::from(is_interleaved(pair))] += 1;
            came = (stamp_at(expected, RECEIVE), stamp_at(&answer, RECEIVE));
            // What the kernel told chronyd of this reply is in the next.
            if let Some(next) = pairs.get(index + 1).filter(|next| is_interleaved(next)) {
                let left = header(next.reply.as_deref().unwrap()).transmit.near(CAPTURED);
                let left = Moment { wall: left, ..now };
                service.left(&clients, from, answered.held.unwrap(), left);
            }
        }
        let (served, held) = (clients.served(), clients.held_stamps());
        let interleaved = pairs.iter().filter(|pair| is_interleaved(pair)).count() as u64;
        assert_eq!((served.interleaved, served.kernel_sent), (interleaved, interleaved));
        assert_eq!(served.daemon_sent + served.kernel_sent, pairs.len() as u64);
        assert_eq!(held.pairs, interleaved + 1, "{}", case.title());
    }
    assert_eq!(compared, [6, 2]);
}

#[test]
fn whoever_asks_too_often_is_kissed_as_chronyd_kisses() {
    let mut compared = 0;
    for case in cases("ratelimit") {
        for Pair { request, reply } in case.pairs() {
            let Some(expected) = reply.filter(|reply| header(reply).ref_id == RefId::RATE) else { continue };
            let (received, now, set) = moments_of(&header(&expected));
            let mut engine = engine(
                "allow 127.0.0.1\nlocal stratum 10\nratelimit interval 12 burst 1 leak 4 kod 1",
                header(&expected).precision,
                set,
            );
            let mut answer = [0; LONGEST_ANSWER];
            let from = "127.0.0.1:40000".parse().unwrap();
            let kissed = (0..1_000).find_map(|_| {
                let length = engine.handle_request(now, from, received, &request, &mut answer)?;
                (header(&answer[..length]).ref_id == RefId::RATE).then_some(length)
            });
            assert_same_answer(&case.title(), &answer[..kissed.unwrap()], &expected);
            compared += 1;
        }
    }
    assert_eq!(compared, 19);
}

/// The recorded daemons had `ratelimit interval 3 burst 2 leak 4`, and 4.3 has no `kod`.
#[test]
fn an_excess_of_requests_is_answered_as_seldom_as_chronyd_answers_it() {
    let start = Moment { wall: CAPTURED, ..Moment::default() };
    let mut engine = engine("allow\nlocal\nratelimit interval 3 burst 2 leak 4", -26, start);
    let request = cases("ratelimit")[0].pairs()[0].request.clone();
    let stamp = Stamp { wall: CAPTURED, by: StampedBy::Kernel };
    let mut ask = |host: u8| {
        let from = std::net::SocketAddr::from(([10, 0, 0, host], 123));
        engine.handle_request(start, from, stamp, &request, &mut [0; LONGEST_ANSWER]).is_some()
    };
    let answers: Vec<u32> = (0..250).map(|host| (0..40).map(|_| u32::from(ask(host))).sum()).collect();
    // Two, and one in sixteen of the other 38.
    let mean = f64::from(answers.iter().sum::<u32>()) / 250.0;
    assert!((4.0..4.8).contains(&mean), "{mean}");
    assert!(answers.iter().all(|answers| *answers >= 2));
    let clients = engine.clients();
    assert_eq!(clients.totals().ntp_hits, 10_000);
    let entry = clients.entry("10.0.0.7".parse().unwrap(), start.mono).unwrap();
    assert_eq!((entry.ntp.hits, entry.ntp.drops), (40, 40 - answers[7]));
}

#[test]
fn a_client_that_asks_more_when_it_is_dropped_is_spared_for_a_while() {
    use timefleet_agent::config::{ClientLog, RateLimit};
    use timefleet_agent::time::{Mono, Seconds};
    let mut log = client_log::ClientLog::new(ClientLog::default(), 7);
    let limit = Some(RateLimit { interval: 6, burst: 1, leak: 4, kod: 0 });
    let client = "192.0.2.1".parse().unwrap();
    let mut now = Mono(1_000_000_000);
    let (mut answered, mut asked) = (0, 0);
    // Polls every 32 s, which is too often, and again after a second when nobody answers.
    for _ in 0..2_000 {
        let outcome = log.ask(client_log::Service::Ntp, client, now, limit);
        now = now + Seconds(if outcome == Outcome::Dropped { 1.0 } else { 32.0 });
        answered += u32::from(outcome == Outcome::Answered);
        asked += 1;
    }
    assert!(f64::from(answered) / f64::from(asked) > 0.45, "{answered} of {asked}");
    // One that keeps its pace is not spared.
    let steady = "192.0.2.2".parse().unwrap();
    let answers = (0..2_000).filter(|turn| {
        let now = Mono(1_000_000_000) + Seconds(f64::from(*turn));
        log.ask(client_log::Service::Ntp, steady, now, limit) == Outcome::Answered
    });
    let answers = answers.count();
    assert!((100..250).contains(&answers), "{answers}");
}

#[test]
fn commands_of_others_are_limited_and_those_of_loopback_never() {
    let start = Moment { wall: CAPTURED, ..Moment::default() };
    let mut engine = engine("cmdallow\ncmdratelimit interval 4 burst 3 leak 4", -26, start);
    let request = Request::Tracking.encode(1, 0);
    let mut answers = |host: &str| {
        let from = Transport::Udp(std::net::SocketAddr::new(host.parse().unwrap(), 40_000));
        (0..100).filter(|_| engine.handle_command(start, from, &request).is_some()).count()
    };
    assert_eq!((answers("127.0.0.1"), answers("::1")), (100, 100));
    // 127.0.0.2 is a stranger. Three, and one in sixteen of the others.
    for host in ["127.0.0.2", "192.0.2.1", "2001:db8::1"] {
        assert!((3..25).contains(&answers(host)), "{host}");
    }
    let Ok(Reply::ServerStats(stats)) = parse_reply(
        &Request::ServerStats,
        1,
        &engine.handle_command(start, Transport::Unix, &Request::ServerStats.encode(1, 0)).unwrap(),
    ) else {
        panic!("no statistics")
    };
    assert_eq!(stats.cmd_hits, 501);
    assert!((225..291).contains(&stats.cmd_drops), "{}", stats.cmd_drops);
}
