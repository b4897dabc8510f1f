//! Answers to requests: recorded ones, and any bytes at all.

use std::net::IpAddr;

use proptest::prelude::*;
use timefleet_agent::chronyc::answer::answer;
use timefleet_agent::chronyc::ask::{AskError, parse_reply};
use timefleet_agent::chronyc::desk::Asker;
use timefleet_agent::chronyc::wire::{
    Address, Change, MakeStepRule, Network, Reply, ReplyHeader, Request, RequestHeader, SelectOptions,
    SourceMatch, Status,
};
use timefleet_agent::config::{AccessRule, OpenCommand, Subnet};
use timefleet_agent::time::Seconds;

use super::desk::TestDesk;
use super::{as_a_daemon_writes_it, hex, vectors};

const LOOPBACK: Asker = Asker::Udp(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

fn host(text: &str) -> Asker {
    Asker::Udp(text.parse().unwrap())
}

fn status(desk: &mut TestDesk, asker: Asker, request: &Request) -> Option<Status> {
    let reply = answer(desk, asker, &request.encode(1, 0))?;
    Some(ReplyHeader::take(&reply).unwrap().status)
}

fn one(address: &str) -> Address {
    Address::from(address.parse::<IpAddr>().unwrap())
}

/// Whatever a daemon of chrony said to somebody, we would have said in the same bytes.
#[test]
fn a_desk_that_knows_what_chronyd_knew_gives_the_same_bytes() {
    let mut compared = 0;
    for vector in vectors("") {
        let Some(expected) = vector.answered().filter(|datagram| datagram.len() > 28) else { continue };
        let Ok(reply) = Reply::decode(ReplyHeader::take(&expected).unwrap().number, &expected) else {
            continue;
        };
        // What chronyd has and we have not is left out.
        let here = match &reply {
            Reply::ManualSamples(samples) => samples.0.is_empty(),
            Reply::Rtc(_) | Reply::Smoothing(_) | Reply::ManualTimestamp(_) => false,
            // Synthetic: no daemon has such a name.
            Reply::SourceName(name) => name.text().is_some() || name.bytes().is_empty(),
            // chronyd 4.3 knows no newer chronyc; we give that one what it wants.
            Reply::ShortServerStats(_) => vector.sent().len() < 196,
            Reply::ShortNtpData(_) => vector.sent().len() < 172,
            _ => true,
        };
        if here {
            let mut desk = TestDesk::saying(reply);
            let given = answer(&mut desk, Asker::Unix, &vector.sent()).unwrap();
            assert_eq!(hex(&given), hex(&as_a_daemon_writes_it(&vector, expected)), "{}", vector.name);
            compared += 1;
        }
    }
    assert!(compared > 1_500, "{compared}");
}

/// The recorded daemon had `opencommands serverstats ntpdata tracking`.
#[test]
fn what_opencommands_opens_and_closes_over_udp_is_what_chronyd_opens_and_closes() {
    let mut compared = 0;
    for vector in vectors("opencommands") {
        let Some(expected) = vector.answered() else { continue };
        let expected = ReplyHeader::take(&expected).unwrap().status;
        let mut desk = TestDesk::new();
        desk.open = vec![OpenCommand::Serverstats, OpenCommand::Ntpdata, OpenCommand::Tracking];
        let given = answer(&mut desk, LOOPBACK, &vector.sent()).unwrap();
        let given = ReplyHeader::take(&given).unwrap().status;
        let refused = Status::Unauthorised;
        assert_eq!(given == refused, expected == refused, "{}: {given:?}, not {expected:?}", vector.name);
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn requests_that_are_wrong_get_the_status_or_the_silence_that_chronyd_has_for_them() {
    for vector in vectors("raw-errors") {
        let version = vector.chrony_version.as_deref().unwrap();
        let asker = match (vector.transport.as_str(), vector.name.as_str()) {
            ("unix", _) => Asker::Unix,
            (_, "raw-errors/unauthorised_host") => host("127.0.0.2"),
            (_, name) if name.starts_with("raw-errors/cmdallowed_host") => host("192.0.2.1"),
            _ => LOOPBACK,
        };
        let mut desk = TestDesk::new();
        desk.command_access.add(AccessRule {
            allow: true,
            all: false,
            subnet: Subnet::Net { address: "192.0.2.0".parse().unwrap(), length: 24 },
        });
        let given = answer(&mut desk, asker, &vector.sent());
        let mut expected = vector.answered();
        // Two relics that only 4.3 knows; newer daemons and we do not.
        let relic =
            ["raw-errors/command_0_NULL", "raw-errors/command_10_LOGON"].contains(&vector.name.as_str());
        if let (true, true, Some(reply)) = (relic, version.starts_with("4.3"), &mut expected) {
            reply[8..10].copy_from_slice(&[0, 3]);
        }
        // Header and length; the body is the desk's.
        let frame = |datagram: &Option<Vec<u8>>| datagram.as_ref().map(|all| (hex(&all[..28]), all.len()));
        assert_eq!(frame(&given), frame(&expected), "{version} {}", vector.name);
    }
}

/// Right in their form, wrong in what they ask for. chronyd adds a source without a name, which never gets an address; we
/// call that an invalid name.
#[test]
fn requests_that_ask_for_nonsense_get_the_status_that_chronyd_has_for_it() {
    let mut compared = 0;
    for vector in vectors("commands").into_iter().filter(|vector| vector.request.is_none()) {
        let (sent, mut expected) = (vector.sent(), vector.answered().unwrap());
        let header = RequestHeader::take(&sent).unwrap();
        let request = Request::decode(header.number, &sent).unwrap();
        assert_eq!(hex(&request.encode(header.sequence, header.attempt)), hex(&sent), "{}", vector.name);
        let given = answer(&mut TestDesk::new(), Asker::Unix, &sent).unwrap();
        if vector.name == "commands/add_source_empty_name" {
            expected[8..10].copy_from_slice(&Status::InvalidName.code().to_be_bytes());
        }
        assert_eq!(hex(&given), hex(&expected), "{}", vector.name);
        compared += 1;
    }
    assert_eq!(compared, 12);
}

#[test]
fn the_length_of_a_request_tells_which_form_of_reply_its_sender_reads() {
    let reply_to = |request: &Request, length: usize| {
        let mut datagram = request.encode(1, 0);
        datagram.resize(length, 0);
        let stats = Reply::ServerStats(Default::default());
        let reply = answer(&mut TestDesk::saying(stats), Asker::Unix, &datagram).unwrap();
        (ReplyHeader::take(&reply).unwrap().number, reply.len())
    };
    assert_eq!(reply_to(&Request::ServerStats, 71), (1, 28));
    assert_eq!(reply_to(&Request::ServerStats, 72), (24, 72));
    assert_eq!(reply_to(&Request::ServerStats, 195), (24, 72));
    assert_eq!(reply_to(&Request::ServerStats, 196), (25, 196));
}

#[test]
fn over_udp_one_may_look_and_only_over_the_socket_touch() {
    let mut desk = TestDesk::new();
    for (request, over_udp) in [
        (Request::Tracking, Status::Success),
        (Request::Activity, Status::Success),
        (Request::ManualList, Status::Success),
        (Request::Smoothing, Status::NotEnabled),
        (Request::RtcReport, Status::NoRtc),
        (Request::ServerStats, Status::Unauthorised),
        (Request::AuthData(Address::Id(1)), Status::Unauthorised),
        (Request::MakeStep, Status::Unauthorised),
        (Request::Shutdown, Status::Unauthorised),
        (Request::AccessCheck(one("192.0.2.1")), Status::Unauthorised),
    ] {
        assert_eq!(status(&mut desk, LOOPBACK, &request), Some(over_udp), "{}", request.name());
        assert_eq!(status(&mut desk, host("::1"), &request), Some(over_udp), "{}", request.name());
        assert_eq!(status(&mut desk, host("127.0.0.2"), &request), None, "{}", request.name());
    }
    assert_eq!(desk.done, Vec::<String>::new());
    assert_eq!(status(&mut desk, Asker::Unix, &Request::MakeStep), Some(Status::Success));
    assert_eq!(status(&mut desk, Asker::Unix, &Request::Shutdown), Some(Status::Success));
    assert_eq!(desk.done, ["makestep", "shutdown"]);
}

#[test]
fn access_rules_can_be_added_and_checked_while_running() {
    let mut desk = TestDesk::new();
    let network = |address, length| Network { address, length };
    let (inside, outside) = (one("192.0.2.7"), one("192.0.3.7"));
    for (request, expected) in [
        (Request::AccessCheck(inside), Status::AccessDenied),
        (Request::Allow(network(one("192.0.2.99"), 24)), Status::Success),
        (Request::AccessCheck(inside), Status::AccessAllowed),
        (Request::AccessCheck(outside), Status::AccessDenied),
        (Request::CommandAccessCheck(inside), Status::AccessDenied),
        (Request::CommandAccessCheck(one("127.0.0.1")), Status::AccessDenied),
        (Request::DenyAll(network(Address::Unspecified, 0)), Status::Success),
        (Request::AccessCheck(inside), Status::AccessDenied),
        (Request::Allow(network(one("::"), 0)), Status::Success),
        (Request::AccessCheck(one("2001:db8::1")), Status::AccessAllowed),
        (Request::Allow(network(one("192.0.2.0"), 33)), Status::BadSubnet),
        (Request::Allow(network(one("::"), 129)), Status::BadSubnet),
        (Request::Allow(network(one("192.0.2.0"), -1)), Status::BadSubnet),
        (Request::Allow(network(Address::Id(1), 0)), Status::BadSubnet),
        (Request::Allow(network(Address::Unspecified, 8)), Status::BadSubnet),
        (Request::AccessCheck(Address::Unspecified), Status::AccessDenied),
    ] {
        assert_eq!(status(&mut desk, Asker::Unix, &request), Some(expected), "{request:?}");
    }
}

#[test]
fn commands_reach_the_desk_with_their_arguments() {
    let mut desk = TestDesk::new();
    let source = one("192.0.2.1");
    for request in [
        Request::ModifyMakeStep(MakeStepRule { limit: 3, threshold: Seconds(0.5) }),
        Request::ModifyMakeStep(MakeStepRule { limit: -1, threshold: Seconds(1.0) }),
        Request::Offline(SourceMatch::one(source)),
        Request::Online(SourceMatch::ALL),
        Request::ModifyMinPoll(Change { address: source, value: 4 }),
        Request::ModifySelectOptions(SelectOptions { address: source, ref_id: 0, mask: 6, options: 8 }),
    ] {
        assert_eq!(status(&mut desk, Asker::Unix, &request), Some(Status::Success), "{request:?}");
    }
    assert_eq!(
        desk.done,
        [
            "makestep 0.5 Some(3)",
            "makestep 1 None",
            "online false 192.0.2.1",
            "online true [UNSPEC]",
            "192.0.2.1 MinPoll(4)",
            "192.0.2.1 Selection { no_select: None, prefer: Some(true), trust: Some(false), require: None }",
        ]
    );
}

/// A daemon must not claim to have done what it cannot do.
#[test]
fn what_this_desk_does_not_have_is_never_a_success() {
    let mut desk = TestDesk::new();
    for (request, expected) in [
        (Request::Dump(0), Status::Failed),
        (Request::CycleLogs, Status::Failed),
        (Request::Rekey, Status::Failed),
        (Request::OnOffline, Status::Failed),
        (Request::ResetSources, Status::Failed),
        (Request::ReloadSources, Status::Failed),
        (Request::AdjustOffset(Seconds(1.0)), Status::Failed),
        (Request::DeleteSource(one("192.0.2.1")), Status::Failed),
        (Request::Manual(1), Status::NotEnabled),
        (Request::Manual(9), Status::Invalid),
        (Request::SmoothTime(0), Status::NotEnabled),
        (Request::ManualDelete(0), Status::BadSample),
        (Request::WriteRtc, Status::NoRtc),
        (Request::TrimRtc, Status::NoRtc),
        (Request::SourceData(-1), Status::NoSuchSource),
        (Request::SourceName(Address::Id(3)), Status::NoSuchSource),
    ] {
        assert_eq!(status(&mut desk, Asker::Unix, &request), Some(expected), "{request:?}");
    }
}

#[test]
fn an_asker_tells_its_reply_from_others() {
    let request = Request::Tracking;
    let reply = answer(&mut TestDesk::new(), LOOPBACK, &request.encode(7, 0)).unwrap();
    assert!(matches!(parse_reply(&request, 7, &reply), Ok(Reply::Tracking(_))));
    let not_ours = Err(AskError::NotOurs { request: "TRACKING" });
    assert_eq!(parse_reply(&request, 8, &reply), not_ours);
    assert_eq!(parse_reply(&Request::Activity, 7, &reply), Err(AskError::NotOurs { request: "ACTIVITY" }));
    assert_eq!(parse_reply(&request, 7, &reply[..27]), not_ours);
    assert_eq!(parse_reply(&request, 7, &reply[..103]), Err(AskError::Short { request: "TRACKING" }));
    let refused = answer(&mut TestDesk::new(), LOOPBACK, &Request::MakeStep.encode(9, 0)).unwrap();
    assert_eq!(
        parse_reply(&Request::MakeStep, 9, &refused).unwrap_err().to_string(),
        "MAKESTEP: 501 Not authorised"
    );
}

fn any_asker() -> impl Strategy<Value = Asker> {
    prop_oneof![Just(Asker::Unix), Just(LOOPBACK)]
}

/// Random bytes behind a header that lets them in.
fn almost_valid() -> impl Strategy<Value = Vec<u8>> {
    (0_u16..80, prop::collection::vec(any::<u8>(), 16..900)).prop_map(|(number, rest)| {
        let mut datagram = vec![6, 1, 0, 0];
        datagram.extend(number.to_be_bytes());
        datagram.extend(rest);
        datagram
    })
}

proptest! {
    #[test]
    fn no_bytes_bring_the_answerer_down_or_make_it_amplify(
        asker in any_asker(),
        datagram in prop_oneof![almost_valid(), prop::collection::vec(any::<u8>(), 0..900)],
    ) {
        if let Some(reply) = answer(&mut TestDesk::new(), asker, &datagram) {
            prop_assert!(reply.len() <= datagram.len());
            let header = RequestHeader::take(&datagram).unwrap();
            prop_assert_eq!(ReplyHeader::take(&reply).unwrap().sequence, header.sequence);
        }
    }

    #[test]
    fn no_bytes_bring_the_asker_down(number in 0_u16..80, mut datagram in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Some(request) = Request::decode(number, &datagram) {
            if datagram.len() >= 28 {
                datagram[..4].copy_from_slice(&[6, 2, 0, 0]);
                datagram[4..6].copy_from_slice(&number.to_be_bytes());
                datagram[6] = 0;
                datagram[7] %= 28;
                datagram[8..10].fill(0);
                datagram[16..20].fill(0);
            }
            // Whatever it is, it has a meaning.
            let _ = parse_reply(&request, 0, &datagram);
        }
    }
}
