//! Requests: when, what is in them, and what becomes of them until the reply.

use super::{Association, BURST_SPACING, Burst, Stamp, StampedBy};
use crate::keys::Keys;
use crate::luck::Luck;
use crate::oscillator::Oscillator;
use crate::packet::{HEADER_LENGTH, Header, LONGEST_PACKET, MAX_V4_MAC};
use crate::time::{Mono, NtpTimestamp, Seconds};

/// One request to one source, from sending to the reply or to giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A measurement.
    Measurement,
    /// To warm the path for the measurement that follows (`presend`).
    Ahead,
    /// Nothing any more: the clock that it was sent by has jumped.
    Void,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) id: ExchangeId,
    /// Its transmit timestamp, which the reply brings back.
    pub(super) nonce: NtpTimestamp,
    /// Its receive timestamp, which a reply in interleaved mode brings back in place of the other.
    pub(super) second_nonce: Option<NtpTimestamp>,
    pub(super) version: u8,
    pub(super) purpose: Purpose,
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
/// How long before its measurement a request is sent ahead.
const AHEAD: Seconds = Seconds(2.0);
/// Shorter intervals have no room for two requests ahead: 8 s.
const SHORTEST_PRESEND: i8 = 3;
/// Round trips of sources that may be asked several times a second.
const NEARBY: Seconds = Seconds(0.01);
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
        self.keep_pace();
        let (nonce, spread) = (NtpTimestamp(luck.bits().max(1)), luck.fraction());
        let ahead = self.sends_ahead();
        let is_ahead = self.sent_ahead < ahead;
        let wait = if is_ahead {
            self.sent_ahead += 1;
            AHEAD
        } else {
            self.sent_ahead = 0;
            self.begin_poll();
            (self.spacing() - AHEAD * f64::from(ahead)) * (1.0 + 0.02 * spread)
        };
        self.next_poll = now + wait;
        let version = self.version(keys);
        let header = self.request(version, nonce, luck);
        let mut bytes = header.to_bytes().to_vec();
        if let Some(key) = self.upstream.key {
            bytes.resize(LONGEST_PACKET, 0);
            let length = keys.sign(key, version, &mut bytes, HEADER_LENGTH)?;
            bytes.truncate(length);
        }
        self.counters.sent = self.counters.sent.wrapping_add(1);
        self.exchange = Some(Exchange {
            id,
            nonce: header.transmit,
            second_nonce: Some(header.receive).filter(|receive| !receive.is_zero()),
            version,
            purpose: if is_ahead { Purpose::Ahead } else { Purpose::Measurement },
            sent: None,
            deadline: now + wait.min(REPLY_TIMEOUT).max(SHORTEST_WAIT),
        });
        Some(bytes)
    }

    fn begin_poll(&mut self) {
        self.reach <<= 1;
        self.polls_unreachable = if self.reach == 0 { self.polls_unreachable.saturating_add(1) } else { 0 };
        if let Some(sieve) = &mut self.sieve {
            sieve.count_poll();
        }
        self.count_try();
    }

    /// `presend`: how many requests go ahead of a measurement. In interleaved mode the first makes the server remember the
    /// second, and the measurement's own reply then tells of an exchange of a moment ago.
    fn sends_ahead(&self) -> u32 {
        let is_wanted =
            self.upstream.presend.is_some_and(|shortest| self.poll >= shortest.max(SHORTEST_PRESEND));
        match (is_wanted && self.burst.is_none() && self.slowed_to.is_none(), self.upstream.interleaved) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        }
    }

    fn request(&self, version: u8, nonce: NtpTimestamp, luck: &mut Luck) -> Header {
        let plain = Header::request(version, self.poll, nonce);
        match &self.kept {
            // A receive timestamp like the transmit timestamp would leave open which of them came back.
            Some(kept) => {
                let other = NtpTimestamp(luck.bits().max(1));
                let receive = if other == nonce { NtpTimestamp(!other.0) } else { other };
                Header { origin: kept.receive, receive, ..plain }
            }
            None => plain,
        }
    }

    /// chrony.conf(5), `version`: what is not written depends on the key, since servers of old took no truncated digest.
    fn version(&self, keys: &Keys) -> u8 {
        let key = self.upstream.key.and_then(|number| keys.get(number));
        let is_long =
            !self.upstream.interleaved && key.is_some_and(|key| key.kind().digest_length() > V4_DIGEST);
        self.upstream.version.unwrap_or(if is_long { 3 } else { 4 })
    }

    pub(super) fn spacing(&self) -> Seconds {
        let interval = self.interval();
        if self.burst.is_some() && self.slowed_to.is_none() {
            return interval.min(BURST_SPACING);
        }
        // chrony.conf(5), minpoll: less than a second is for sources that answer from nearby.
        let is_near = self.reach != 0 && self.history.min_delay().is_some_and(|delay| delay <= NEARBY);
        if is_near { interval } else { interval.max(Seconds(1.0)) }
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
    /// yet) costs the initial burst nothing, and ends the polling of a source with `auto_offline`: true = it has.
    pub fn send_failed(&mut self, id: ExchangeId) -> bool {
        let Some(failed) = self.exchange.take_if(|exchange| exchange.id == id) else { return false };
        self.count_loss();
        if failed.sent.is_some() {
            return false;
        }
        if self.upstream.auto_offline && self.online {
            self.online = false;
            self.burst = None;
            return true;
        }
        if self.upstream.iburst && self.counters.received == 0 {
            self.burst = Some(Burst::INITIAL);
        }
        false
    }

    /// The exchange whose reply did not come in time, if any: it is over.
    pub fn expire(&mut self, now: Mono) -> Option<ExchangeId> {
        let lost = self.exchange.take_if(|exchange| exchange.deadline <= now)?;
        self.count_loss();
        if self.reach & 0b111 == 0 {
            self.ask_less();
        }
        Some(lost.id)
    }

    fn count_loss(&mut self) {
        self.kept = self.kept.take().and_then(|mut kept| kept.outlives_a_loss().then_some(kept));
    }

    /// Makes no more of what lies behind: the clock jumps, or has jumped.
    pub fn forget_exchanges(&mut self) {
        self.kept = None;
        if let Some(exchange) = &mut self.exchange {
            exchange.purpose = Purpose::Void;
        }
        if let Some(sieve) = &mut self.sieve {
            sieve.clear();
        }
    }
}
