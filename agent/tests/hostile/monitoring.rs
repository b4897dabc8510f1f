//! Requests of the monitoring protocol, over both sockets.

use std::net::{Ipv4Addr, SocketAddr};

use timefleet_agent::chronyc::wire::{Request, RequestHeader};
use timefleet_agent::engine::{Action, Transport};
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::Seconds;

use super::{START, engine, later, pieces};

const LINES: &str = "server 192.0.2.1 iburst\npool time.example maxsources 3\nallow 192.0.2.0/24\nport 0";
/// A first byte below this leaves the rest as it is; others give the rest a right header, so that its body is read.
const RAW: u8 = 64;
const HEADER: usize = 20;

/// No answer over UDP is longer than its request; what is read says the same when it is written.
pub(crate) fn commands(data: &[u8]) {
    let mut engine = engine(LINES, ClockControl::LeftAlone { reason: "fuzz".to_owned() });
    let mut now = START;
    for piece in pieces(data) {
        let Some((wish, bytes)) = piece.split_first() else { continue };
        let bytes = if *wish < RAW { bytes.to_vec() } else { with_header(*wish, bytes) };
        read(&bytes);
        let transport = if wish & 1 == 0 {
            Transport::Unix
        } else {
            Transport::Udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)))
        };
        let answer = engine.handle_command(now, transport, &bytes);
        if let (Some(answer), Transport::Udp(_)) = (&answer, transport) {
            assert!(answer.len() <= bytes.len(), "{} bytes for {}", answer.len(), bytes.len());
        }
        now = later(now, Seconds(0.1));
        engine.handle_timeout(now);
        for _ in 0..1000 {
            let Some(action) = engine.poll_action() else { break };
            if let Action::Send { exchange, .. } = action {
                engine.handle_send_failed(now, exchange, "nobody there");
            }
        }
    }
}

/// Version 6, a request; its number is the first byte.
fn with_header(wish: u8, bytes: &[u8]) -> Vec<u8> {
    let number = bytes.first().copied().unwrap_or_default();
    let mut datagram = vec![6, 1, 0, 0, 0, number, 0, 0, 0, 0, 0, wish, 0, 0, 0, 0, 0, 0, 0, 0];
    datagram.extend_from_slice(bytes.get(1..).unwrap_or_default());
    // Padded as chronyc does, so that its length is not what is wrong.
    datagram.resize(datagram.len().max(HEADER + 400), 0);
    datagram
}

fn read(bytes: &[u8]) {
    let Some(header) = RequestHeader::take(bytes) else { return };
    let Some(request) = Request::decode(header.number, bytes) else { return };
    let again = request.encode(header.sequence, header.attempt);
    let read = Request::decode(header.number, &again).unwrap();
    assert_eq!(read.encode(header.sequence, header.attempt), again, "{request:?}");
}
