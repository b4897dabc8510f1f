//! The monitoring protocol and NTP against what real daemons and clients of chrony sent (`vectors/`).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that finds nothing there has failed"
)]

#[path = "vectors/answering.rs"]
mod answering;
#[path = "vectors/desk.rs"]
mod desk;
#[path = "vectors/ntp.rs"]
mod ntp;
#[path = "vectors/show.rs"]
mod show;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use timefleet_agent::chronyc::ask::{AskError, parse_reply};
use timefleet_agent::chronyc::wire::{Reply, ReplyHeader, Request, RequestHeader};

/// One request and its reply.
#[derive(Deserialize)]
struct Vector {
    name: String,
    #[serde(default)]
    chrony_version: Option<String>,
    transport: String,
    command_line: Option<Value>,
    /// What is peculiar about a request made by hand.
    note: Option<String>,
    step: u32,
    steps: u32,
    request_hex: String,
    reply_hex: Option<String>,
    chronyc_output: Option<String>,
    request: Option<Value>,
    reply: Option<Value>,
}

impl Vector {
    fn sent(&self) -> Vec<u8> {
        bytes(&self.request_hex)
    }

    fn answered(&self) -> Option<Vec<u8>> {
        self.reply_hex.as_deref().map(bytes)
    }
}

/// Hand-made replies hold what may be read but what no daemon writes: those places, as a daemon writes them.
fn as_a_daemon_writes_it(vector: &Vector, mut datagram: Vec<u8>) -> Vec<u8> {
    const REF_TIME: usize = 56;
    match vector.name.trim_end_matches("_csv") {
        "synthetic/tracking_nohighsec" => datagram[REF_TIME..REF_TIME + 4].fill(0),
        "synthetic/tracking_nsec_overflow" => {
            datagram[REF_TIME + 8..REF_TIME + 12].copy_from_slice(&999_999_999_u32.to_be_bytes());
        }
        // Reserved words, whose place the reply number tells.
        name if name.starts_with("synthetic/") => match datagram[7] {
            16 => datagram[140..].fill(0xFF),
            25 => datagram[164..].fill(0xFF),
            26 => datagram[156..].fill(0xFF),
            _ => {}
        },
        _ => {}
    }
    datagram
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Every record of every file whose name begins with `prefix`.
fn vectors(prefix: &str) -> Vec<Vector> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/chronyc");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let found: Vec<Vector> = paths
        .iter()
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .flat_map(|path| {
            serde_json::from_str::<Vec<Vector>>(&std::fs::read_to_string(path).unwrap()).unwrap()
        })
        .collect();
    assert!(!found.is_empty(), "no vectors {prefix}*");
    found
}

#[test]
fn every_reply_decodes_to_what_it_is_known_to_say_and_encodes_to_the_same_bytes() {
    let mut bodies = 0;
    for vector in vectors("") {
        let Some(datagram) = vector.answered() else { continue };
        let header = ReplyHeader::take(&datagram).unwrap();
        let Ok(reply) = Reply::decode(header.number, &datagram) else {
            assert_eq!(vector.name, "synthetic/reply_type_unknown");
            continue;
        };
        let known = vector.reply.as_ref().unwrap();
        assert_eq!(known["status"], header.status.code(), "{}", vector.name);
        assert_eq!(known["sequence"], header.sequence, "{}", vector.name);
        assert_eq!(known["command"], header.request, "{}", vector.name);
        if let Some(body) = known.get("body") {
            let mut body = body.clone();
            // Reserved words are checked by the bytes.
            body.as_object_mut().unwrap().retain(|name, _| !name.starts_with("reserved"));
            let shown = show::reply(&reply).unwrap();
            assert!(same(&shown, &body), "{}: {shown}\n{body}", vector.name);
            bodies += 1;
        }
        let again = reply.encode(header.request, header.sequence, header.status);
        assert_eq!(hex(&again), hex(&as_a_daemon_writes_it(&vector, datagram)), "{}", vector.name);
    }
    assert!(bodies > 1_500, "{bodies}");
}

#[test]
fn every_request_decodes_to_what_it_is_known_to_ask_and_encodes_to_the_same_bytes() {
    let mut bodies = 0;
    for vector in vectors("") {
        let (Some(known), datagram) = (&vector.request, vector.sent()) else {
            // Wrong on purpose: `answering` has what becomes of them.
            assert!(vector.note.is_some(), "{}", vector.name);
            continue;
        };
        let header = RequestHeader::take(&datagram).unwrap();
        let request = Request::decode(header.number, &datagram).unwrap();
        assert_eq!(known["command_name"], request.name(), "{}", vector.name);
        assert_eq!(known["attempt"], header.attempt, "{}", vector.name);
        assert!(datagram.len() >= Request::required_length(header.number).unwrap(), "{}", vector.name);
        if let Some(body) = known.get("body") {
            let shown = show::request(&request).unwrap();
            assert!(same(&shown, body), "{}: {shown}\n{body}", vector.name);
            bodies += 1;
        }
        let again = request.encode(header.sequence, header.attempt);
        // Ours are padded for the newest daemon, where chronyc 4.3 pads for its own.
        assert!(again.len() >= datagram.len(), "{}", vector.name);
        assert_eq!(hex(&again[..datagram.len()]), hex(&datagram), "{}", vector.name);
        assert!(again[datagram.len()..].iter().all(|byte| *byte == 0), "{}", vector.name);
    }
    assert!(bodies > 1_000, "{bodies}");
}

#[test]
fn requests_that_we_send_have_the_length_that_each_daemon_wants() {
    let mut longest = BTreeMap::new();
    for known in vectors("").into_iter().filter_map(|vector| vector.request) {
        let length = longest.entry(known["command"].as_u64().unwrap() as u16).or_insert(0);
        *length = known["length"].as_u64().unwrap().max(*length);
    }
    for (number, length) in longest {
        let request = Request::decode(number, &[]).unwrap();
        assert_eq!(request.encode(1, 0).len() as u64, length, "{}", request.name());
    }
}

/// What chronyc made of a reply, we make of it too: data, or an error in the same words.
#[test]
fn replies_mean_to_us_what_they_mean_to_chronyc() {
    let mut refusals = 0;
    for vector in vectors("") {
        let (Some(_), Some(datagram)) = (&vector.request, vector.answered()) else { continue };
        let sent = vector.sent();
        let header = RequestHeader::take(&sent).unwrap();
        let request = Request::decode(header.number, &sent).unwrap();
        let meaning = parse_reply(&request, header.sequence, &datagram);
        let last = vector.step == vector.steps;
        let printed = vector.chronyc_output.as_deref().filter(|_| last);
        match meaning {
            Ok(_) => assert_eq!(
                vector.reply.as_ref().unwrap()["status"].as_u64().map(|s| s == 0 || s == 8),
                Some(true)
            ),
            Err(AskError::Refused { status, .. }) => {
                if let Some(printed) = printed.filter(|_| !by_name(&vector)) {
                    assert!(printed.contains(status.words()), "{}: {printed}", vector.name);
                    refusals += 1;
                }
            }
            Err(AskError::BadReply { .. }) => {
                if let Some(printed) = printed {
                    assert!(printed.contains("508 Bad reply from daemon"), "{}: {printed}", vector.name);
                }
            }
            Err(error) => panic!("{}: {error}", vector.name),
        }
    }
    assert!(refusals > 100, "{refusals}");
}

/// chronyc prints `?` where it asked for a name in passing and was refused.
fn by_name(vector: &Vector) -> bool {
    vector.command_line.as_ref().is_some_and(|line| line.to_string().contains("-N"))
}

/// Equal, but for the last bits of a number: serde_json's reader of numbers is that far off.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON
        }
        _ => one == other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
