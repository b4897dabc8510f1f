//! NTP datagrams against what real daemons of chrony sent (`vectors/ntp/`).

#[path = "serving.rs"]
mod serving;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use timefleet_agent::access::Access;
use timefleet_agent::chronyc::ask::parse_reply;
use timefleet_agent::chronyc::wire::{Address, NtpData, Reply, Request};
use timefleet_agent::clients::Clients;
use timefleet_agent::config::{self, AccessRule, ClientLog, Subnet};
use timefleet_agent::engine::{Action, Engine, ExchangeId, Setup, Stamp, StampedBy, Transport};
use timefleet_agent::keys::{self, Keys};
use timefleet_agent::packet::{Header, LONGEST_PACKET, Packet, RefId, Trailer, leap_bits};
use timefleet_agent::reference::{Reference, SourceReference};
use timefleet_agent::report::{ClockControl, Leap};
use timefleet_agent::server::{Asked, Face, Line, Service};
use timefleet_agent::time::{Moment, Mono, NtpTimestamp, Ppm, Seconds, Wall};

use super::{bytes, hex};

/// The keys that the recorded daemons shared.
const KEYS: &str = "1 MD5 HEX:00112233445566778899AABBCCDDEEFF\n\
                    2 SHA1 HEX:000102030405060708090A0B0C0D0E0F10111213\n\
                    3 AES128 HEX:0123456789ABCDEF0123456789ABCDEF\n\
                    4 SHA256 HEX:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n";
/// When the captures were made, to a year.
const CAPTURED: Wall = Wall(1_795_401_400_000_000_000);
/// Two of the header's timestamps are as good as equal when they are a nanosecond apart: clocks here have no finer one.
const NANOSECOND: u64 = 5;
const ORIGIN: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;

#[derive(Deserialize)]
struct Case {
    name: String,
    chrony_version: String,
    config: Option<String>,
    packets: Vec<Datagram>,
}

#[derive(Deserialize)]
struct Datagram {
    direction: String,
    hex: Option<String>,
    fields: Option<Value>,
}

/// A request and what became of it.
struct Pair {
    request: Vec<u8>,
    reply: Option<Vec<u8>>,
}

impl Case {
    fn title(&self) -> String {
        format!("{} of {}", self.name, self.chrony_version)
    }

    fn pairs(&self) -> Vec<Pair> {
        let all = self.packets.chunks(2).map(|pair| {
            let [request, reply] = pair else { panic!("{}: half a pair", self.name) };
            assert_eq!((request.direction.as_str(), reply.direction.as_str()), ("request", "reply"));
            Pair { request: bytes(request.hex.as_ref().unwrap()), reply: reply.hex.as_deref().map(bytes) }
        });
        all.collect()
    }
}

fn cases(prefix: &str) -> Vec<Case> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/ntp");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wanted = paths.iter().filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    let found: Vec<Case> = wanted
        .flat_map(|path| serde_json::from_str::<Vec<Case>>(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    assert!(!found.is_empty(), "no vectors {prefix}*");
    found
}

fn keys() -> Keys {
    keys::parse("vectors", KEYS).unwrap()
}

fn stamp_at(datagram: &[u8], at: usize) -> NtpTimestamp {
    NtpTimestamp(u64::from_be_bytes(datagram[at..at + 8].try_into().unwrap()))
}

fn put(datagram: &mut [u8], at: usize, stamp: NtpTimestamp) {
    datagram[at..at + 8].copy_from_slice(&stamp.0.to_be_bytes());
}

/// Signs anew what was changed; what has no MAC stays as it is.
fn sign_again(mut datagram: Vec<u8>) -> Vec<u8> {
    if let Ok(Packet { header, trailer: Trailer::Mac { key, at } }) = Packet::parse(&datagram) {
        let length = keys().sign(key, header.version, &mut datagram, at);
        assert_eq!(length, Some(datagram.len()));
    }
    datagram
}

fn engine(configuration: &str, precision: i8, now: Moment) -> Engine {
    let setup = Setup {
        config: config::parse("vectors", configuration).unwrap(),
        family: None,
        control: ClockControl::LeftAlone { reason: "told so by -x".to_owned() },
        kernel_frequency: Ppm::ZERO,
        drift: None,
        keys: keys(),
        seed: [7; 32],
        precision,
        built: Wall(0),
    };
    Engine::new(setup, now)
}

/// The header as the capture's own decoder saw it.
fn assert_fields(title: &str, header: &Header, known: &Value) {
    let number = |name: &str| known[name].as_i64().unwrap();
    let hex = |name: &str| u64::from_str_radix(known[name].as_str().unwrap(), 16).unwrap();
    assert_eq!(i64::from(leap_bits(header.leap)), number("leap"), "{title}");
    assert_eq!(i64::from(header.version), number("version"), "{title}");
    assert_eq!(i64::from(header.mode.bits()), number("mode"), "{title}");
    assert_eq!(i64::from(header.stratum), number("stratum"), "{title}");
    assert_eq!(i64::from(header.poll), number("poll"), "{title}");
    assert_eq!(i64::from(header.precision), number("precision"), "{title}");
    for (name, short) in [("root_delay", header.root_delay), ("root_dispersion", header.root_dispersion)] {
        assert!((short.seconds().0 - known[name].as_f64().unwrap()).abs() < 1e-6, "{title} {name}");
    }
    assert_eq!(u64::from(header.ref_id.0), hex("refid_hex"), "{title}");
    for (name, stamp) in [
        ("reference", header.reference),
        ("origin", header.origin),
        ("receive", header.receive),
        ("transmit", header.transmit),
    ] {
        assert_eq!(stamp.0, hex(&format!("{name}_hex")), "{title} {name}");
        if let Some(unix) = known[&format!("{name}_unix")].as_f64() {
            assert!((stamp.near(CAPTURED).unix() - unix).abs() < 1e-5, "{title} {name}");
        }
    }
}

/// What chronyd does not read either: another version, a wrong length.
const NO_PACKETS: [&str; 9] = [
    "version_0",
    "version_5",
    "version_7",
    "mode6",
    "short_47",
    "len_49",
    "len_52",
    "unknown_ef_16",
    "ef_len_27",
];

#[test]
fn every_packet_decodes_to_what_it_is_known_to_say_and_encodes_to_the_same_bytes() {
    let (mut decoded, mut refused, mut signed, mut with_fields) = (0, 0, 0, 0);
    for case in cases("") {
        for datagram in &case.packets {
            let (Some(text), Some(known)) = (&datagram.hex, &datagram.fields) else { continue };
            let (sent, title) = (bytes(text), case.title());
            let Ok(Packet { header, trailer }) = Packet::parse(&sent) else {
                assert!(NO_PACKETS.contains(&case.name.as_str()), "{title}");
                refused += 1;
                continue;
            };
            assert!(!NO_PACKETS.contains(&case.name.as_str()), "{title}");
            assert_fields(&title, &header, known);
            let mut again = header.to_bytes().to_vec();
            // Extension fields are passed over; what stands in them is not the agent's.
            let fields_end = if let Trailer::Mac { at, .. } = trailer { at } else { sent.len() };
            with_fields += u32::from(fields_end > 48);
            again.extend_from_slice(&sent[48..fields_end]);
            if let Trailer::Mac { key, .. } = trailer {
                let forged = ["len_68_unknown_key", "len_68_bad_digest"].contains(&case.name.as_str());
                assert_eq!(keys().verify(header.version, &sent, trailer).is_ok(), !forged, "{title}");
                if forged {
                    again.extend_from_slice(&sent[fields_end..]);
                } else {
                    again.resize(sent.len(), 0);
                    assert_eq!(keys().sign(key, header.version, &mut again, fields_end), Some(sent.len()));
                    signed += 1;
                }
            }
            assert_eq!(hex(&again), hex(&sent), "{title}");
            decoded += 1;
        }
    }
    assert_eq!((decoded, signed, with_fields, refused), (429, 20, 50, 18));
}

/// Recorded with what the agent does not have: NTS, chronyd's experimental field.
fn is_foreign(case: &Case) -> bool {
    case.name.starts_with("nts") || case.name.starts_with("extf")
}

/// The same but for the last nanosecond of three timestamps?
fn assert_same_answer(title: &str, given: &[u8], expected: &[u8]) {
    let mut given = given.to_vec();
    for at in [16, RECEIVE, TRANSMIT] {
        let (ours, theirs) = (stamp_at(&given, at), stamp_at(expected, at));
        assert!(ours.0.abs_diff(theirs.0) <= NANOSECOND, "{title}: {at} {ours:?} {theirs:?}");
        put(&mut given, at, theirs);
    }
    assert_eq!(hex(&sign_again(given)), hex(expected), "{title}");
}

/// When the request came, when the reply left, and what the server's clock was set at.
fn moments_of(reply: &Header) -> (Stamp, Moment, Moment) {
    let moment = |stamp: NtpTimestamp| {
        let wall = stamp.near(CAPTURED);
        Moment { mono: Mono((wall - CAPTURED + Seconds(1e6)).nanos().unsigned_abs()), wall }
    };
    let received = Stamp { wall: reply.receive.near(CAPTURED), by: StampedBy::Kernel };
    let set = if reply.reference.is_zero() { reply.receive } else { reply.reference };
    (received, moment(reply.transmit), moment(set))
}

/// A server in the state in which the recorded one was: what it follows is read off its reply, all else is the engine's.
fn served(case: &Case, request: &[u8], expected: Option<&Header>) -> Option<Vec<u8>> {
    let from: SocketAddr =
        if case.name == "deny_host" { "192.0.2.1:40000" } else { "127.0.0.1:40000" }.parse().unwrap();
    let (received, now, set) = expected.map_or_else(
        || {
            let now = Moment { mono: Mono(1), wall: CAPTURED };
            (Stamp { wall: CAPTURED, by: StampedBy::Kernel }, now, now)
        },
        moments_of,
    );
    if let Some(header) = expected.filter(|header| header.ref_id == RefId(0x7F00_0001)) {
        let reference = Reference::Source(SourceReference {
            address: "127.0.0.1".parse().unwrap(),
            copied: None,
            stratum: header.stratum,
            leap: header.leap,
            at: now.mono,
            reference_time: set.wall,
            root_delay: header.root_delay.seconds(),
            root_dispersion: header.root_dispersion.seconds(),
            dispersion_rate: 1e-6,
        });
        let everybody = [AccessRule { allow: true, all: false, subnet: Subnet::Any }];
        let service = Service {
            gate: Arc::new(Access::new(&everybody).gate()),
            keys: Arc::default(),
            limit: None,
            precision: header.precision,
            face: Face::of(&reference),
            line: Line { at: Wall(0), offset: Seconds::ZERO, rate: 0.0 },
            smoothing: None,
        };
        let clients = Clients::new(ClientLog::Off, 1);
        let asked = Asked { from: from.ip(), received, bytes: request };
        let mut answer = [0; LONGEST_PACKET];
        let answered = service.answer(&clients, now, &asked, &mut answer)?;
        return Some(answer[..answered.length].to_vec());
    }
    let local = match expected {
        Some(header) if header.leap == Leap::NotSynchronised => String::new(),
        other => format!("local stratum {}\n", other.map_or(10, |header| header.stratum)),
    };
    let precision = expected.map_or(-26, |header| header.precision);
    let mut engine = engine(&format!("allow 127.0.0.1\n{local}"), precision, set);
    let mut answer = [0; LONGEST_PACKET];
    let length = engine.handle_request(now, from, received, request, &mut answer)?;
    Some(answer[..length].to_vec())
}

#[test]
fn requests_get_the_replies_that_chronyd_gave_or_its_silence() {
    let (mut answers, mut silences) = (0, 0);
    for case in cases("raw-requests").into_iter().chain(cases("client-server")) {
        if is_foreign(&case) {
            continue;
        }
        for Pair { request, reply } in case.pairs() {
            let expected = reply.as_deref().map(|reply| Packet::parse(reply).unwrap().header);
            let is_interleaved = expected.is_some_and(|header| {
                stamp_at(&request, RECEIVE) == header.origin && !header.origin.is_zero()
            });
            if is_interleaved {
                continue;
            }
            match (served(&case, &request, expected.as_ref()), &reply) {
                (Some(given), Some(reply)) => {
                    assert_same_answer(&case.title(), &given, reply);
                    answers += 1;
                }
                (None, None) => silences += 1,
                (given, reply) => panic!("{}: {given:?}, not {reply:?}", case.title()),
            }
        }
    }
    assert_eq!((answers, silences), (86, 36));
}

/// A client under test, with a clock that runs as the story goes.
struct Client {
    engine: Engine,
    now: Moment,
}

impl Client {
    fn new(options: &str) -> Self {
        let now = Moment { mono: Mono(1_000_000_000), wall: CAPTURED };
        Self { engine: engine(&format!("server 127.0.0.1 {options}\nport 0"), -26, now), now }
    }

    fn advance(&mut self, span: Seconds) {
        self.now = Moment { mono: self.now.mono + span, wall: self.now.wall + span };
    }

    /// Its next request, if it makes one until `end`.
    fn request(&mut self, end: Mono) -> Option<(ExchangeId, Vec<u8>)> {
        loop {
            while let Some(action) = self.engine.poll_action() {
                if let Action::Send { exchange, bytes, .. } = action {
                    let stamp = Stamp { wall: self.now.wall, by: StampedBy::Kernel };
                    self.engine.handle_sent(exchange, stamp);
                    return Some((exchange, bytes));
                }
            }
            let due = self.engine.poll_timeout().filter(|due| *due <= end)?;
            self.advance((due - self.now.mono).max(Seconds(1e-6)));
            self.engine.handle_timeout(self.now);
        }
    }

    fn receive(&mut self, exchange: ExchangeId, reply: &[u8]) {
        let server = "127.0.0.1:123".parse().unwrap();
        let stamp = Stamp { wall: self.now.wall, by: StampedBy::Kernel };
        // On loopback the source would be this host itself: the address that the client asked from is left out.
        self.engine.handle_reply(self.now, exchange, server, None, stamp, reply);
    }

    /// chronyc's `ntpdata`.
    fn ntp_data(&mut self) -> NtpData {
        let request = Request::NtpData(Address::V4([127, 0, 0, 1].into()));
        let reply = self.engine.handle_command(self.now, Transport::Unix, &request.encode(1, 0)).unwrap();
        match parse_reply(&request, 1, &reply).unwrap() {
            Reply::NtpData(data) => data,
            other => panic!("{other:?}"),
        }
    }
}

/// The recorded request with our random numbers for its own.
fn with_our_luck(recorded: &[u8], ours: &[u8]) -> Vec<u8> {
    let mut expected = recorded.to_vec();
    put(&mut expected, TRANSMIT, stamp_at(ours, TRANSMIT));
    if !stamp_at(recorded, RECEIVE).is_zero() {
        assert!(!stamp_at(ours, RECEIVE).is_zero());
        put(&mut expected, RECEIVE, stamp_at(ours, RECEIVE));
    }
    sign_again(expected)
}

#[test]
fn a_client_asks_as_chronyd_asked_and_takes_the_replies_that_chronyd_took() {
    let mut requests = 0;
    for case in cases("client-server") {
        if is_foreign(&case) || case.name == "peer" || case.name == "xleave" {
            continue;
        }
        let (title, options) = (case.title(), case.config.as_deref().unwrap());
        let mut client = Client::new(options);
        let pairs = case.pairs();
        for pair in &pairs {
            let (exchange, ours) = client.request(Mono(u64::MAX)).unwrap();
            assert_eq!(hex(&ours), hex(&with_our_luck(&pair.request, &ours)), "{title}");
            requests += 1;
            let mut reply = pair.reply.clone().unwrap();
            let field = if stamp_at(&reply, ORIGIN) == stamp_at(&pair.request, TRANSMIT) {
                TRANSMIT
            } else {
                RECEIVE
            };
            put(&mut reply, ORIGIN, stamp_at(&ours, field));
            client.advance(Seconds(0.05));
            client.receive(exchange, &sign_again(reply));
        }
        let data = client.ntp_data();
        let is_good = case.name != "uns";
        assert_eq!(
            (data.rx_total, data.rx_good),
            (pairs.len() as u32, if is_good { pairs.len() as u32 } else { 0 }),
            "{title}"
        );
        let is_signed = options.contains("key");
        assert_eq!(data.flags & 0x8000 != 0, is_signed, "{title}: {:x}", data.flags);
    }
    assert_eq!(requests, 30);
}

/// chronyd sent two or three requests in 9 s to a server that said RATE, and a dozen to one that said DENY or RSTR: there we
/// do better, and do as RFC 5905 says in section 7.4.
#[test]
fn kisses_are_obeyed() {
    for case in cases("kod-client") {
        let title = case.title();
        let kiss = case.pairs()[0].reply.clone().unwrap();
        let count = |leap: u8| {
            let mut client = Client::new("minpoll 0 maxpoll 0 iburst");
            let (end, mut sent) = (client.now.mono + Seconds(9.0), 0);
            while let Some((exchange, ours)) = client.request(end) {
                sent += 1;
                let mut reply = kiss.clone();
                reply[0] = leap << 6 | reply[0] & 0x3F;
                put(&mut reply, ORIGIN, stamp_at(&ours, TRANSMIT));
                put(&mut reply, TRANSMIT, NtpTimestamp(stamp_at(&kiss, TRANSMIT).0 + sent));
                client.advance(Seconds(0.001));
                client.receive(exchange, &reply);
            }
            sent
        };
        let counted = count(3);
        match case.name.as_str() {
            "client_on_RATE" => assert!((1..=6).contains(&counted), "{title}: {counted}"),
            "client_on_DENY" | "client_on_RSTR" => assert_eq!(counted, 1, "{title}"),
            _ => assert!(counted >= 8, "{title}: {counted}"),
        }
        // Anybody can write a code into a packet that is a reply in all else.
        assert!(count(0) >= 8, "{title}");
    }
}
