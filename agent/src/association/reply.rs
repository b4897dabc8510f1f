//! Replies: which are answers to our requests, which of them can be believed, and what they said.

use std::net::{IpAddr, SocketAddr};

use super::instants::Instants;
use super::kept::{Form, Kept};
use super::kiss::Kiss;
use super::request::{Exchange, Purpose};
use super::{Association, ExchangeId, Stamp, StampedBy};
use crate::filter::{self, Rejection};
use crate::history::{Estimate, Sample};
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
    /// It will be part of one, or was not meant to become one.
    Nothing,
}

/// A reply, and what its exchange was for.
#[derive(Clone, Copy, Debug)]
struct Taking {
    /// Of the reply's own exchange.
    instants: Instants,
    form: Form,
    purpose: Purpose,
}

impl From<Kiss> for Rejection {
    fn from(kiss: Kiss) -> Self {
        match kiss {
            Kiss::Rate => Self::RateKiss,
            Kiss::Deny => Self::DenyKiss,
            Kiss::Restrict => Self::RestrictKiss,
        }
    }
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
        if let (Err(rejection), Some(reply)) = (result, &mut self.reply) {
            let how = reply.flags & (filter::AUTHENTICATED | filter::INTERLEAVED);
            reply.flags = rejection.flags() | if rejection == Rejection::Unauthenticated { 0 } else { how };
        }
        result
    }

    fn try_receive(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Result<Taken, Rejection> {
        let packet = Packet::parse(arrival.bytes).map_err(|_| Rejection::NotAReply)?;
        let header = packet.header;
        if self.is_duplicate(&header) {
            return Err(Rejection::Duplicate);
        }
        let ours =
            self.exchange.filter(|exchange| exchange.id == arrival.exchange).ok_or(Rejection::Bogus)?;
        let form = check_reply(&header, &ours)?;
        self.check_mac(&packet, arrival.bytes, context.keys)?;
        let instants =
            Instants::new(&ours, &header, arrival.stamp, context.oscillator).ok_or(Rejection::Bogus)?;
        self.exchange = None;
        self.finished = Some(ours.id);
        let taking = Taking { instants, form, purpose: ours.purpose };
        let result = self.take_reply(arrival, context, &header, &taking);
        self.last_rejection = result.err();
        result
    }

    /// A reply to us and from whom we asked.
    fn take_reply(
        &mut self,
        arrival: &Arrival<'_>,
        context: &Context<'_>,
        header: &Header,
        taking: &Taking,
    ) -> Result<Taken, Rejection> {
        let before = self.kept.take();
        let is_interleaved = taking.form == Form::Interleaved;
        // Without what is kept, an interleaved reply tells of an exchange that is forgotten.
        let told_of =
            if is_interleaved { before.map(|kept| kept.completed(header)) } else { Some(taking.instants) };
        let is_new = taking.purpose == Purpose::Measurement
            && (!is_interleaved || before.is_some_and(|kept| !kept.is_measured));
        let instants = told_of.unwrap_or(taking.instants);
        let (sample, response_time, round_trip) = self.measure(header, &instants, context);
        self.reply = Some(Reply {
            header: *header,
            local: arrival.local,
            sample,
            response_time,
            flags: filter::ALL_PASSED
                | if self.upstream.key.is_some() { filter::AUTHENTICATED } else { 0 }
                | if is_interleaved { filter::INTERLEAVED } else { 0 },
            sent_by: instants.sent.by,
            received_by: instants.received.by,
        });
        if let Some(kiss) = Kiss::of(header) {
            self.obey(kiss);
            return Err(kiss.into());
        }
        check_source(header, taking.instants.source_sent, context.built)?;
        self.reach |= 1;
        self.polls_unreachable = 0;
        self.counters.valid = self.counters.valid.wrapping_add(1);
        if self.upstream.interleaved && taking.purpose != Purpose::Void {
            self.kept = Some(Kept::new(header, taking.instants, is_new && !is_interleaved));
        }
        if !self.upstream.copy && is_loop(header, self.address, arrival.local, context.own_port) {
            return Err(Rejection::Loop);
        }
        if !is_new {
            return Ok(Taken::Nothing);
        }
        // Taken at its word, such a reply would look like a perfect measurement of a wrong time.
        let slack = CLOCK_NOISE + sample.dispersion;
        if response_time > LONGEST_HOLD || response_time < -slack || response_time > round_trip + slack {
            return Err(Rejection::HoldingTime);
        }
        self.judge(&sample, context.prior)?;
        self.count_good();
        Ok(self.sift(self.without_asymmetry(sample), context.prior))
    }

    fn judge(&mut self, sample: &Sample, prior: SlopePrior) -> Result<(), Rejection> {
        let is_short = self.delays.as_mut().is_none_or(|delays| delays.take(sample.delay));
        let result = filter::judge(&self.upstream, &self.history, prior, self.slow_in_a_row, sample);
        self.slow_in_a_row = match result {
            Err(Rejection::MaxDelayRatio | Rejection::MaxDelayDevRatio) => {
                self.slow_in_a_row.saturating_add(1)
            }
            _ => 0,
        };
        result?;
        if is_short { Ok(()) } else { Err(Rejection::MaxDelayQuantile) }
    }

    /// `asymmetry`: what the queues on one way have added more than those on the other.
    fn without_asymmetry(&self, sample: Sample) -> Sample {
        let (Some(asymmetry), Some(shortest)) = (self.upstream.asymmetry, self.history.min_delay()) else {
            return sample;
        };
        let queued = (sample.delay - shortest).max(Seconds::ZERO);
        let correction = queued * asymmetry;
        Sample { offset: sample.offset + correction, measured: sample.measured + correction, ..sample }
    }

    /// `filter`: samples of several polls make one, as soon as there are enough for a say: the first are not waited for.
    fn sift(&mut self, sample: Sample, prior: SlopePrior) -> Taken {
        let is_begun = self.has_enough_samples();
        let slope = self.estimate.as_ref().map_or(prior.mean, Estimate::slope);
        let sifted = match &mut self.sieve {
            Some(sieve) if is_begun => sieve.take(sample, slope),
            Some(sieve) => {
                sieve.clear();
                Some(sample)
            }
            None => Some(sample),
        };
        let Some(sample) = sifted else { return Taken::Nothing };
        self.accept(sample, prior);
        Taken::Sample
    }

    /// The last reply came once more.
    fn is_duplicate(&self, header: &Header) -> bool {
        self.reply.is_some_and(|last| {
            let stamps = |header: &Header| (header.origin, header.receive, header.transmit);
            stamps(&last.header) == stamps(header) && !header.transmit.is_zero()
        })
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

/// An answer to our request, and by which of its numbers. Servers answer in the version that they were asked in; some of old
/// only know their own.
fn check_reply(header: &Header, ours: &Exchange) -> Result<Form, Rejection> {
    if header.mode != Mode::Server || !(header.version == ours.version || matches!(header.version, 3 | 4)) {
        return Err(Rejection::NotAReply);
    }
    let form = Form::of(header, ours).ok_or(Rejection::Bogus)?;
    if header.receive.is_zero() || header.transmit.is_zero() {
        return Err(Rejection::Invalid);
    }
    Ok(form)
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
