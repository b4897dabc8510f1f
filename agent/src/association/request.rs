//! Requests: when, what is in them, and what becomes of them until the reply.

use super::{Association, BURST_SPACING, Burst, INITIAL_BURST, Stamp, StampedBy};
use crate::keys::Keys;
use crate::luck::Luck;
use crate::oscillator::Oscillator;
use crate::packet::{HEADER_LENGTH, Header, LONGEST_PACKET, MAX_V4_MAC};
use crate::time::{Mono, NtpTimestamp, Seconds};

/// One request to one source, from sending to the reply or to giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) id: ExchangeId,
    /// Its transmit timestamp, which the reply brings back.
    pub(super) nonce: NtpTimestamp,
    pub(super) version: u8,
    /// Stamp, and how far the kernel's clock was ahead of the free-running one then.
    pub(super) sent: Option<(Stamp, Seconds)>,
    pub(super) deadline: Mono,
}

/// What a request is made with.
#[derive(Debug)]
pub struct Asking<'a> {
    /// Now.
    pub now: Mono,
    /// Names the exchange.
    pub id: ExchangeId,
    /// What it may be signed with.
    pub keys: &'a Keys,
    /// For what nobody may guess, and to spread the polls of a fleet.
    pub luck: &'a mut Luck,
}

/// A reply that takes longer than this is lost (the sockets of lost ones must not pile up).
const REPLY_TIMEOUT: Seconds = Seconds(4.0);
/// A reply is waited for at least this long, however short the polling interval is: the path may be longer.
const SHORTEST_WAIT: Seconds = Seconds(1.0);
/// Longest digest that fits into a version 4 MAC.
const V4_DIGEST: usize = MAX_V4_MAC - 4;

impl Association {
    /// Makes a request if one is due: the whole datagram. Without the key that the source wants nothing is asked, since
    /// nothing could be believed.
    pub fn poll(&mut self, asking: Asking<'_>) -> Option<Vec<u8>> {
        let Asking { now, id, keys, luck } = asking;
        if !self.is_polling() || now < self.next_poll || self.exchange.is_some() {
            return None;
        }
        self.reach <<= 1;
        let (nonce, spread) = (NtpTimestamp(luck.bits().max(1)), luck.fraction());
        if let Some(burst) = &mut self.burst {
            burst.tries_left = burst.tries_left.saturating_sub(1);
            if burst.tries_left == 0 {
                self.burst = None;
            }
        }
        let spacing = self.spacing();
        self.next_poll = now + spacing * (1.0 + 0.02 * spread);
        let version = self.version(keys);
        let request = Header::request(version, self.poll, nonce);
        let mut bytes = request.to_bytes().to_vec();
        if let Some(key) = self.upstream.key {
            bytes.resize(LONGEST_PACKET, 0);
            let length = keys.sign(key, version, &mut bytes, HEADER_LENGTH)?;
            bytes.truncate(length);
        }
        self.counters.sent = self.counters.sent.wrapping_add(1);
        let deadline = now + spacing.min(REPLY_TIMEOUT).max(SHORTEST_WAIT);
        self.exchange = Some(Exchange { id, nonce, version, sent: None, deadline });
        Some(bytes)
    }

    /// chrony.conf(5), `version`: what is not written depends on the key, since servers of old took no truncated digest.
    fn version(&self, keys: &Keys) -> u8 {
        let key = self.upstream.key.and_then(|number| keys.get(number));
        let is_long = key.is_some_and(|key| key.kind().digest_length() > V4_DIGEST);
        self.upstream.version.unwrap_or(if is_long { 3 } else { 4 })
    }

    fn spacing(&self) -> Seconds {
        let interval = self.interval();
        if self.burst.is_some() { interval.min(BURST_SPACING) } else { interval }
    }

    /// Starts a burst (chronyc's `burst GOOD/TOTAL`).
    pub fn start_burst(&mut self, now: Mono, good: u32, total: u32) {
        self.burst = Some(Burst { good_left: good.max(1), tries_left: total.max(1) });
        self.next_poll = now;
    }

    /// The request went out; called again when a better stamp is known.
    pub fn sent(&mut self, id: ExchangeId, stamp: Stamp, oscillator: &Oscillator) {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.id == id) else { return };
        // The lead of the first stamp stays: by the time of a second one the clock may have been stepped.
        let lead = exchange.sent.map_or_else(|| oscillator.lead(stamp.wall), |(_, lead)| lead);
        exchange.sent = Some((stamp, lead));
        if stamp.by == StampedBy::Kernel {
            self.counters.kernel_sent = self.counters.kernel_sent.wrapping_add(1);
        }
    }

    /// The request could not be sent, or was refused on its way. One that never left the host (the network is not up
    /// yet) costs the initial burst nothing.
    pub fn send_failed(&mut self, id: ExchangeId) {
        let failed = self.exchange.take_if(|exchange| exchange.id == id);
        let never_left = failed.is_some_and(|exchange| exchange.sent.is_none());
        if never_left && self.upstream.iburst && self.counters.received == 0 {
            self.burst = Some(INITIAL_BURST);
        }
    }

    /// RATE: end a burst and wait longer (the reply's poll field could be forged and is not followed).
    pub(super) fn slow_down(&mut self) {
        self.burst = None;
        let slowest = self.upstream.max_poll.max(self.upstream.min_poll);
        self.poll = self.poll.saturating_add(1).min(slowest.max(self.poll));
        self.poll_score = 0.0;
        self.next_poll = self.next_poll + self.interval();
    }
}
