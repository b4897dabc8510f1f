//! Replies: which are answers to our requests, which of them can be believed, and what they said.

use std::net::{IpAddr, SocketAddr};

use super::instants::Instants;
use super::request::Exchange;
use super::{Association, ExchangeId, Stamp, StampedBy};
use crate::filter::{self, Rejection};
use crate::history::Sample;
use crate::keys::Keys;
use crate::oscillator::Oscillator;
use crate::packet::{Header, Mode, Packet, RefId, Trailer};
use crate::regression::SlopePrior;
use crate::report::Leap;
use crate::time::{Seconds, Wall};

/// A datagram at an exchange's socket.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Whose socket.
    pub exchange: ExchangeId,
    /// Address at which it reached us.
    pub local: Option<IpAddr>,
    /// When.
    pub stamp: Stamp,
    /// What.
    pub bytes: &'a [u8],
}

/// What an association needs to know of the host.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The clock beneath the clock.
    pub oscillator: &'a Oscillator,
    /// What is known of its frequency beforehand.
    pub prior: SlopePrior,
    /// Precision of this host's clock, log2 seconds.
    pub precision: i8,
    /// Where this host serves time; 0 = nowhere.
    pub own_port: u16,
    /// What replies may be signed with.
    pub keys: &'a Keys,
    /// No source that is right says an earlier time.
    pub built: Wall,
}

/// What the last reply that passed the header tests said, for chronyc's `ntpdata`.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The header as it came.
    pub header: Header,
    /// Address at which it reached us.
    pub local: Option<IpAddr>,
    /// What was measured.
    pub sample: Sample,
    /// How long the source held the request.
    pub response_time: Seconds,
    /// Test bits, and how it was asked.
    pub flags: u16,
    /// Who stamped the request.
    pub sent_by: StampedBy,
    /// Who stamped the reply.
    pub received_by: StampedBy,
}

/// What a good reply was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There is a new sample.
    Sample,
}

/// No server holds a request longer than this.
const LONGEST_HOLD: Seconds = Seconds(4.0);
/// What two honest clocks may disagree about within one exchange: both are read by programs, and both may be slewed.
const CLOCK_NOISE: Seconds = Seconds(0.002);
/// RFC 5905: a root distance of 16 s or more is no measure of anything.
const MAX_ROOT_DISTANCE: Seconds = Seconds(16.0);

impl Association {
    /// A datagram came to the exchange's socket; `Ok` = it was used and the exchange is over.
    pub fn receive(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Result<Taken, Rejection> {
        self.counters.received = self.counters.received.wrapping_add(1);
        if arrival.stamp.by == StampedBy::Kernel {
            self.counters.kernel_received = self.counters.kernel_received.wrapping_add(1);
        }
        let result = self.try_receive(arrival, context);
        self.last_rejection = result.err();
        result
    }

    fn try_receive(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Result<Taken, Rejection> {
        let packet = Packet::parse(arrival.bytes).map_err(|_| Rejection::NotAReply)?;
        let header = packet.header;
        let ours =
            self.exchange.filter(|exchange| exchange.id == arrival.exchange).ok_or(Rejection::Bogus)?;
        self.check_reply(&header, &ours)?;
        self.check_mac(&packet, arrival.bytes, context.keys)?;
        let instants =
            Instants::new(&ours, &header, arrival.stamp, context.oscillator).ok_or(Rejection::Bogus)?;
        self.exchange = None;
        if header.leap == Leap::NotSynchronised && header.stratum == 0 && header.ref_id == RefId::RATE {
            self.slow_down();
            return Err(Rejection::RateKiss);
        }
        let (sample, response_time, round_trip) = self.measure(&header, &instants, context);
        self.reply = Some(Reply {
            header,
            local: arrival.local,
            sample,
            response_time,
            flags: filter::ALL_PASSED,
            sent_by: instants.sent.by,
            received_by: instants.received.by,
        });
        let result = check_source(&header, instants.source_sent, context.built).and_then(|()| {
            self.reach |= 1;
            self.counters.valid = self.counters.valid.wrapping_add(1);
            if is_loop(&header, self.address, arrival.local, context.own_port) {
                return Err(Rejection::Loop);
            }
            // Taken at its word, such a reply would look like a perfect measurement of a wrong time.
            let slack = CLOCK_NOISE + sample.dispersion;
            if response_time > LONGEST_HOLD || response_time < -slack || response_time > round_trip + slack {
                return Err(Rejection::HoldingTime);
            }
            filter::judge(&self.upstream, &self.history, context.prior, self.slow_in_a_row, &sample)
        });
        if let Some(reply) = &mut self.reply {
            reply.flags = result.map_or_else(Rejection::flags, |()| filter::ALL_PASSED);
            if self.upstream.key.is_some() {
                reply.flags |= filter::AUTHENTICATED;
            }
        }
        self.slow_in_a_row = match result {
            Err(Rejection::MaxDelayRatio | Rejection::MaxDelayDevRatio) => {
                self.slow_in_a_row.saturating_add(1)
            }
            _ => 0,
        };
        result?;
        self.accept(sample, context.prior);
        Ok(Taken::Sample)
    }

    fn check_reply(&self, header: &Header, ours: &Exchange) -> Result<(), Rejection> {
        let version_fits = header.version == ours.version || header.version == 4;
        if header.mode != Mode::Server || !version_fits {
            return Err(Rejection::NotAReply);
        }
        if self
            .reply
            .is_some_and(|last| last.header.transmit == header.transmit && !header.transmit.is_zero())
        {
            return Err(Rejection::Duplicate);
        }
        if header.origin != ours.nonce {
            return Err(Rejection::Bogus);
        }
        if header.receive.is_zero() || header.transmit.is_zero() {
            return Err(Rejection::Invalid);
        }
        Ok(())
    }

    /// With `key` only replies count that are signed with that very key.
    fn check_mac(&self, packet: &Packet, bytes: &[u8], keys: &Keys) -> Result<(), Rejection> {
        let Some(wanted) = self.upstream.key else {
            return if packet.trailer == Trailer::Plain { Ok(()) } else { Err(Rejection::NotAReply) };
        };
        match keys.verify(packet.header.version, bytes, packet.trailer) {
            Ok(number) if number == wanted => Ok(()),
            _ => Err(Rejection::Unauthenticated),
        }
    }
}

fn check_source(header: &Header, sent: Wall, built: Wall) -> Result<(), Rejection> {
    if header.leap == Leap::NotSynchronised || header.stratum == 0 || header.stratum >= 16 {
        return Err(Rejection::Unsynchronised);
    }
    if sent < built {
        return Err(Rejection::BeforeBuild);
    }
    let distance = header.root_delay.seconds() / 2.0 + header.root_dispersion.seconds();
    if distance >= MAX_ROOT_DISTANCE { Err(Rejection::BadHeader) } else { Ok(()) }
}

/// The source follows this host, or it is this host's own server.
fn is_loop(header: &Header, remote: SocketAddr, local: Option<IpAddr>, own_port: u16) -> bool {
    let follows_us = header.stratum > 1 && local.map(RefId::of_address) == Some(header.ref_id);
    let is_us = local == Some(remote.ip()) && remote.port() == own_port;
    follows_us || is_us
}
