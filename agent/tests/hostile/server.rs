//! Datagrams to the NTP port.

use std::net::SocketAddr;

use timefleet_agent::engine::{LONGEST_ANSWER, Stamp, StampedBy};
use timefleet_agent::packet::{HEADER_LENGTH, Mode, Packet};
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::Seconds;

use super::{START, engine, later, pieces};

/// What is read says the same when it is written; what is answered is no longer than the question, and a reply.
pub(crate) fn requests(data: &[u8]) {
    let mut engine = engine("local stratum 10\nallow", ClockControl::LeftAlone { reason: "fuzz".to_owned() });
    let mut now = START;
    for (index, bytes) in pieces(data).into_iter().enumerate() {
        read(bytes);
        let host = (index % 7) as u8;
        let from = SocketAddr::from(([192, 0, 2, host], 123));
        let received = Stamp { wall: now.wall, by: StampedBy::Kernel };
        let mut answer = [0; LONGEST_ANSWER];
        if let Some(length) = engine.handle_request(now, from, received, bytes, &mut answer) {
            assert!(length <= bytes.len(), "{length} bytes for {}", bytes.len());
            let reply = Packet::parse(&answer[..length]).unwrap();
            assert!(matches!(reply.header.mode, Mode::Server | Mode::SymmetricPassive), "{reply:?}");
        }
        now = later(now, Seconds(1e-3));
        while engine.poll_action().is_some() {}
    }
}

fn read(bytes: &[u8]) {
    if let Ok(packet) = Packet::parse(bytes) {
        assert_eq!(packet.header.to_bytes(), bytes[..HEADER_LENGTH]);
    }
}
