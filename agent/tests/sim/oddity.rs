//! Machines that are not like others: servers that stamp too early, hosts whose network is down; and who asked for what.

use std::collections::BTreeMap;

use timefleet_agent::packet::{Header, Packet};
use timefleet_agent::time::{Moment, NtpTimestamp, Seconds, Wall};

use crate::chance::Chance;

/// Who is odd, and how.
#[derive(Debug, Default)]
pub(crate) struct Oddities {
    servers: BTreeMap<usize, SlowServer>,
    unplugged: Vec<usize>,
    closed: Vec<usize>,
    /// Requests that went out, by node.
    requests: BTreeMap<usize, Vec<(f64, Header)>>,
    lookups: BTreeMap<usize, u32>,
}

/// A server whose replies leave some time after the transmit timestamp in them was taken.
#[derive(Debug, Default)]
pub(crate) struct SlowServer {
    /// Mean time between stamp and departure, seconds.
    pub(crate) late: f64,
    /// It follows into interleaved mode (RFC 9769).
    pub(crate) interleaves: bool,
    /// When its last replies really left, by the receive timestamps in them.
    departures: BTreeMap<u64, Wall>,
}

impl SlowServer {
    pub(crate) fn new(late: f64, interleaves: bool) -> Self {
        Self { late, interleaves, departures: BTreeMap::new() }
    }

    /// Makes a basic reply an interleaved one, where the client knows when we received its request before; how late the
    /// reply leaves.
    fn answer(&mut self, request: &[u8], reply: &mut [u8], now: Wall, chance: &mut Chance) -> f64 {
        let late = self.late * chance.exponential();
        let asked = Packet::parse(request).unwrap().header;
        let mut answer = Packet::parse(reply).unwrap().header;
        let before = self.departures.get(&asked.origin.0).filter(|_| self.interleaves);
        if let Some(departure) = before.filter(|_| asked.receive != asked.transmit) {
            answer.origin = asked.receive;
            answer.transmit = departure.to_ntp();
            reply[..48].copy_from_slice(&answer.to_bytes());
        }
        self.departures.insert(answer.receive.0, now + Seconds(late));
        late
    }

    fn forget(&mut self) {
        self.departures.clear();
    }
}

impl Oddities {
    pub(crate) fn slow_server(&mut self, node: usize, server: SlowServer) {
        self.servers.insert(node, server);
    }

    /// The server forgets its clients, as one does that has too many.
    pub(crate) fn forget_clients(&mut self, node: usize) {
        if let Some(server) = self.servers.get_mut(&node) {
            server.forget();
        }
    }

    /// No datagram leaves this node any more.
    pub(crate) fn unplug(&mut self, node: usize) {
        self.unplugged.push(node);
    }

    pub(crate) fn plug(&mut self, node: usize) {
        self.unplugged.retain(|one| *one != node);
    }

    /// Nobody listens on this node's port: the network says so.
    pub(crate) fn close(&mut self, node: usize) {
        self.closed.push(node);
    }

    pub(crate) fn open(&mut self, node: usize) {
        self.closed.retain(|one| *one != node);
    }

    pub(crate) fn note_lookup(&mut self, node: usize) {
        *self.lookups.entry(node).or_default() += 1;
    }

    /// How often a node looked names up.
    pub(crate) fn lookups(&self, node: usize) -> u32 {
        self.lookups.get(&node).copied().unwrap_or(0)
    }

    /// Requests of a node, and the second of its clock at which each left.
    pub(crate) fn requests(&self, node: usize) -> &[(f64, Header)] {
        self.requests.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Seconds between one request of a node and the next.
    pub(crate) fn spacings(&self, node: usize) -> Vec<f64> {
        self.requests(node).windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    pub(crate) fn answer(
        &mut self,
        node: usize,
        request: &[u8],
        reply: &mut [u8],
        now: Wall,
        chance: &mut Chance,
    ) -> f64 {
        self.servers.get_mut(&node).map_or(0.0, |server| server.answer(request, reply, now, chance))
    }

    pub(crate) fn why_not_sent(&self, node: usize) -> Option<&'static str> {
        self.unplugged.contains(&node).then_some("Network is unreachable")
    }

    pub(crate) fn why_not_taken(&self, node: usize) -> Option<&'static str> {
        self.closed.contains(&node).then_some("Connection refused")
    }

    pub(crate) fn note_request(&mut self, node: usize, now: Moment, bytes: &[u8]) {
        let header = Packet::parse(bytes).unwrap().header;
        self.requests.entry(node).or_default().push((now.mono.0 as f64 / 1e9, header));
    }
}

/// Makes a reply a kiss-o'-death.
pub(crate) fn kiss(reply: &mut [u8], code: [u8; 4]) {
    let header = Packet::parse(reply).unwrap().header;
    reply[0] = 0xC0 | (header.version << 3) | 4;
    reply[1] = 0;
    reply[12..16].copy_from_slice(&code);
}

/// Writes a timestamp into a reply.
pub(crate) fn put(reply: &mut [u8], at: usize, stamp: NtpTimestamp) {
    reply[at..at + 8].copy_from_slice(&stamp.0.to_be_bytes());
}
