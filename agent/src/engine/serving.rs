//! One client's request for the time, from its datagram to the answer's.

use std::net::SocketAddr;

use super::Engine;
use crate::association::{Stamp, StampedBy};
use crate::client_log::{Outcome, Service};
use crate::packet::{HEADER_LENGTH, LONGEST_PACKET, Packet};
use crate::server;
use crate::time::Moment;

/// Room for the longest answer: the header, and behind it the longest MAC (key number and 64 bytes).
pub const LONGEST_ANSWER: usize = LONGEST_PACKET;

/// Who took the timestamps of what was served, for `serverstats`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    pub(super) kernel_received: u64,
    pub(super) daemon_received: u64,
    pub(super) daemon_sent: u64,
    pub(super) authenticated: u64,
}

impl Engine {
    /// A datagram came to the server's socket. `now` is read just before this call, since it becomes the transmit
    /// time. Returns the number of bytes of the answer written to `answer`; `None` = no answer.
    pub fn handle_request(
        &mut self,
        now: Moment,
        from: SocketAddr,
        received: Stamp,
        bytes: &[u8],
        answer: &mut [u8; LONGEST_ANSWER],
    ) -> Option<usize> {
        if !self.access.allows(from.ip()) {
            return None;
        }
        let packet = Packet::parse(bytes).ok()?;
        let key = self.key_of(&packet, bytes)?;
        let length = self.answer_packet(now, received, &packet, key, answer)?;
        self.clients.hit(Service::Ntp, from.ip(), now.mono, Outcome::Answered);
        self.served.daemon_sent += 1;
        self.served.authenticated += u64::from(key.is_some());
        match received.by {
            StampedBy::Daemon => self.served.daemon_received += 1,
            StampedBy::Kernel => self.served.kernel_received += 1,
        }
        Some(length)
    }

    /// Here a parsed and verified request becomes the bytes of an answer, signed with the request's own key.
    fn answer_packet(
        &self,
        now: Moment,
        received: Stamp,
        packet: &Packet,
        key: Option<u32>,
        answer: &mut [u8; LONGEST_ANSWER],
    ) -> Option<usize> {
        let moments = server::Moments {
            mono: now.mono,
            received: self.served_time(now, received.wall),
            transmit: self.served_time(now, now.wall),
            precision: self.precision,
        };
        let header = server::answer(&packet.header, &self.served_reference(now), moments)?;
        answer.first_chunk_mut::<HEADER_LENGTH>()?.copy_from_slice(&header.to_bytes());
        match key {
            None => Some(HEADER_LENGTH),
            Some(key) => self.keys.sign(key, header.version, answer, HEADER_LENGTH),
        }
    }
}
