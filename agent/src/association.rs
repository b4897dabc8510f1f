//! The talk with one upstream address: when to ask, what came back, and what all of it says.

use std::net::{IpAddr, SocketAddr};

use crate::config::Upstream;
use crate::filter::{self, Rejection};
use crate::history::{Estimate, History, Sample};
use crate::oscillator::Oscillator;
use crate::packet::{Header, Mode, Packet, RefId, Trailer};
use crate::regression::SlopePrior;
use crate::report::Leap;
use crate::time::{Mono, NtpTimestamp, Seconds, Wall};

/// Who took a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedBy {
    /// The daemon, after the system call.
    Daemon,
    /// The kernel.
    Kernel,
}

/// When a datagram came or went, and who looked at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The kernel's real-time clock at that moment.
    pub wall: Wall,
    /// Who looked.
    pub by: StampedBy,
}

/// One request to one source, from sending to the reply or to giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

#[derive(Clone, Copy, Debug)]
struct Exchange {
    id: ExchangeId,
    nonce: NtpTimestamp,
    /// Stamp, and how far the kernel's clock was ahead of the free-running one then.
    sent: Option<(Stamp, Seconds)>,
    deadline: Mono,
}

/// Requests in quick succession: `iburst`, or chronyc's `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Burst {
    good_left: u32,
    tries_left: u32,
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
    /// Test bits.
    pub flags: u16,
    /// Who stamped the request.
    pub sent_by: StampedBy,
    /// Who stamped the reply.
    pub received_by: StampedBy,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent.
    pub sent: u32,
    /// Datagrams received.
    pub received: u32,
    /// Of them valid replies.
    pub valid: u32,
    /// Of them used.
    pub good: u32,
    /// Requests stamped by the kernel.
    pub kernel_sent: u32,
    /// Replies stamped by the kernel.
    pub kernel_received: u32,
}

/// The talk with one upstream address.
#[derive(Clone, Debug)]
pub struct Association {
    /// The configuration line it comes from.
    pub upstream: Upstream,
    /// Whom we ask.
    pub address: SocketAddr,
    /// Polling is on.
    pub online: bool,
    /// Current polling interval, log2 seconds.
    pub poll: i8,
    /// The last eight polls, newest in the lowest bit.
    pub reach: u8,
    /// Why the last reply was not used, if it was not.
    pub last_rejection: Option<Rejection>,
    /// The last valid reply.
    pub reply: Option<Reply>,
    /// Counters.
    pub counters: Counters,
    history: History,
    estimate: Option<Estimate>,
    exchange: Option<Exchange>,
    burst: Option<Burst>,
    next_poll: Mono,
    /// Above 1 the interval doubles, below -1 it halves.
    poll_score: f64,
    /// Samples thrown away one after the other because of their delay.
    slow_in_a_row: u32,
}

/// Samples a source needs before it can be selected (unless `maxsamples` allows fewer).
const FEWEST_SAMPLES: usize = 3;
/// Spacing of the requests of a burst.
const BURST_SPACING: Seconds = Seconds(2.0);
/// Valid replies that end an initial burst, and the most requests it takes.
const INITIAL_BURST: Burst = Burst { good_left: 4, tries_left: 8 };
/// A reply that takes longer than this is lost (the sockets of lost ones must not pile up).
const REPLY_TIMEOUT: Seconds = Seconds(4.0);
/// No server holds a request longer than this.
const LONGEST_HOLD: Seconds = Seconds(4.0);
/// What two honest clocks may disagree about within one exchange: both are read by programs, and both may be slewed.
const CLOCK_NOISE: Seconds = Seconds(0.002);
/// A reply is waited for at least this long, however short the polling interval is: the path may be longer.
const SHORTEST_WAIT: Seconds = Seconds(1.0);
/// RFC 5905: a root distance of 16 s or more is no measure of anything.
const MAX_ROOT_DISTANCE: Seconds = Seconds(16.0);

impl Association {
    /// The first poll is due at `first`.
    pub fn new(upstream: Upstream, address: SocketAddr, first: Mono) -> Self {
        Self {
            address,
            online: !upstream.offline,
            poll: upstream.min_poll,
            reach: 0,
            last_rejection: None,
            reply: None,
            counters: Counters::default(),
            history: History::new(upstream.min_samples, upstream.max_samples),
            estimate: None,
            exchange: None,
            burst: upstream.iburst.then_some(INITIAL_BURST),
            next_poll: first,
            poll_score: 0.0,
            slow_in_a_row: 0,
            upstream,
        }
    }

    /// When [`Association::poll`] or [`Association::expire`] is due; `None` = offline and nothing under way.
    pub fn timeout(&self) -> Option<Mono> {
        let deadline = self.exchange.map(|exchange| exchange.deadline);
        deadline.or_else(|| self.is_polling().then_some(self.next_poll))
    }

    /// True when requests are sent: online, or in a burst.
    pub fn is_polling(&self) -> bool {
        self.online || self.burst.is_some()
    }

    /// True when the source answers and its first burst is not over: it will have a say soon.
    pub fn is_gathering(&self) -> bool {
        self.burst.is_some() && self.reach != 0 && !self.has_enough_samples()
    }

    /// True when there are enough samples for a say in the selection.
    pub fn has_enough_samples(&self) -> bool {
        self.history.len() >= self.history.most().min(FEWEST_SAMPLES)
    }

    /// True during a burst.
    pub fn in_burst(&self) -> bool {
        self.burst.is_some()
    }

    /// The exchange under way.
    pub fn exchange(&self) -> Option<ExchangeId> {
        self.exchange.map(|exchange| exchange.id)
    }

    /// What the samples say.
    pub fn estimate(&self) -> Option<&Estimate> {
        self.estimate.as_ref()
    }

    /// The samples.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Starts asking (ONLINE).
    pub fn go_online(&mut self, now: Mono) {
        if !self.online {
            self.online = true;
            self.next_poll = now;
            if self.upstream.iburst && self.reach == 0 {
                self.burst = Some(INITIAL_BURST);
            }
        }
    }

    /// Starts a burst (chronyc's `burst GOOD/TOTAL`).
    pub fn start_burst(&mut self, now: Mono, good: u32, total: u32) {
        self.burst = Some(Burst { good_left: good.max(1), tries_left: total.max(1) });
        self.next_poll = now;
    }

    /// Forgets all samples: the clock they were taken with is gone.
    pub fn reset_samples(&mut self, now: Mono) {
        self.history.clear();
        self.estimate = None;
        self.poll = self.upstream.min_poll;
        self.poll_score = 0.0;
        if self.upstream.iburst {
            self.burst = Some(INITIAL_BURST);
            self.next_poll = now;
        }
    }

    /// The exchange whose reply did not come in time, if any: it is over.
    pub fn expire(&mut self, now: Mono) -> Option<ExchangeId> {
        self.exchange.take_if(|exchange| exchange.deadline <= now).map(|exchange| exchange.id)
    }

    /// Makes a request if one is due. `luck` spreads the polls of a fleet (0..1).
    pub fn poll(&mut self, now: Mono, id: ExchangeId, nonce: NtpTimestamp, luck: f64) -> Option<Header> {
        if !self.is_polling() || now < self.next_poll || self.exchange.is_some() {
            return None;
        }
        self.reach <<= 1;
        self.counters.sent = self.counters.sent.wrapping_add(1);
        if let Some(burst) = &mut self.burst {
            burst.tries_left = burst.tries_left.saturating_sub(1);
            if burst.tries_left == 0 {
                self.burst = None;
            }
        }
        let spacing = self.spacing();
        self.next_poll = now + spacing * (1.0 + 0.02 * luck);
        self.exchange = Some(Exchange {
            id,
            nonce,
            sent: None,
            deadline: now + spacing.min(REPLY_TIMEOUT).max(SHORTEST_WAIT),
        });
        Some(Header::request(self.upstream.version, self.poll, nonce))
    }

    fn spacing(&self) -> Seconds {
        let interval = self.interval();
        if self.burst.is_some() { interval.min(BURST_SPACING) } else { interval }
    }

    /// Current polling interval.
    pub fn interval(&self) -> Seconds {
        Seconds::from_log2(self.poll)
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

    /// A datagram came to the exchange's socket; `Ok` = it became a sample and the exchange is over.
    pub fn receive(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Result<(), Rejection> {
        self.counters.received = self.counters.received.wrapping_add(1);
        if arrival.stamp.by == StampedBy::Kernel {
            self.counters.kernel_received = self.counters.kernel_received.wrapping_add(1);
        }
        let result = self.try_receive(arrival, context);
        self.last_rejection = result.err();
        result
    }

    fn try_receive(&mut self, arrival: &Arrival<'_>, context: &Context<'_>) -> Result<(), Rejection> {
        let packet = Packet::parse(arrival.bytes).map_err(|_| Rejection::NotAReply)?;
        let header = packet.header;
        let ours = self.exchange.filter(|exchange| exchange.id == arrival.exchange);
        self.check_reply(&packet, ours.map(|exchange| exchange.nonce))?;
        let (sent, sent_lead) = ours.and_then(|exchange| exchange.sent).ok_or(Rejection::Bogus)?;
        self.exchange = None;
        if header.leap == Leap::NotSynchronised && header.stratum == 0 && header.ref_id == RefId::RATE {
            self.slow_down();
            return Err(Rejection::RateKiss);
        }
        let (sample, response_time, round_trip) =
            self.measure(&header, (sent, sent_lead), arrival.stamp, context);
        self.reply = Some(Reply {
            header,
            local: arrival.local,
            sample,
            response_time,
            flags: filter::ALL_PASSED,
            sent_by: sent.by,
            received_by: arrival.stamp.by,
        });
        let result = check_source(&header).and_then(|()| {
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
        if let (Err(rejection), Some(reply)) = (result, &mut self.reply) {
            reply.flags = rejection.flags();
        }
        self.slow_in_a_row = match result {
            Err(Rejection::MaxDelayRatio | Rejection::MaxDelayDevRatio) => {
                self.slow_in_a_row.saturating_add(1)
            }
            _ => 0,
        };
        result?;
        self.accept(sample, context.prior);
        Ok(())
    }

    fn check_reply(&self, packet: &Packet, nonce: Option<NtpTimestamp>) -> Result<(), Rejection> {
        let header = &packet.header;
        let version_fits = header.version == self.upstream.version || header.version == 4;
        if header.mode != Mode::Server || packet.trailer != Trailer::Plain || !version_fits {
            return Err(Rejection::NotAReply);
        }
        if self
            .reply
            .is_some_and(|last| last.header.transmit == header.transmit && !header.transmit.is_zero())
        {
            return Err(Rejection::Duplicate);
        }
        if nonce != Some(header.origin) {
            return Err(Rejection::Bogus);
        }
        if header.receive.is_zero() || header.transmit.is_zero() {
            return Err(Rejection::Invalid);
        }
        Ok(())
    }

    /// RFC 5905 section 8: offset and delay from the four timestamps (and the source's holding time, and the whole round
    /// trip), on the free-running scale, so that a slew or a
    /// step between request and reply does no harm.
    fn measure(
        &self,
        header: &Header,
        (sent, sent_lead): (Stamp, Seconds),
        received: Stamp,
        context: &Context<'_>,
    ) -> (Sample, Seconds, Seconds) {
        let oscillator = context.oscillator;
        let received_lead = oscillator.lead(received.wall);
        let source_received = header.receive.near(received.wall);
        let source_sent = header.transmit.near(received.wall);
        let there = (source_received - sent.wall) + sent_lead;
        let back = (source_sent - received.wall) + received_lead;
        let response_time = source_sent - source_received;
        let elapsed = (received.wall - sent.wall) - (received_lead - sent_lead);
        let offset = (there + back) / 2.0 + self.upstream.offset;
        let precision =
            Seconds::from_log2(context.precision) + Seconds::from_log2(header.precision.clamp(-32, 0));
        let sample = Sample {
            at: oscillator.free(received.wall),
            wall: received.wall,
            offset,
            measured: offset - received_lead,
            delay: (elapsed - response_time).max(precision),
            dispersion: precision + elapsed.abs() * context.prior.deviation.min(1e-5),
            root_delay: header.root_delay.seconds(),
            root_dispersion: header.root_dispersion.seconds(),
            stratum: header.stratum.max(self.upstream.min_stratum),
            leap: header.leap,
        };
        (sample, response_time, elapsed)
    }

    fn accept(&mut self, sample: Sample, prior: SlopePrior) {
        self.counters.good = self.counters.good.wrapping_add(1);
        let is_steady = self.history.add(sample, prior);
        self.estimate = self.history.estimate(prior);
        if let Some(burst) = &mut self.burst {
            burst.good_left = burst.good_left.saturating_sub(1);
            if burst.good_left == 0 {
                // The burst's spacing ends with it: the next request comes a whole interval after the last.
                self.next_poll = self.next_poll + (self.interval() - self.interval().min(BURST_SPACING));
                self.burst = None;
            }
        }
        self.adapt_poll(is_steady);
    }

    /// Long histories mean that the clock is steady: ask less often. Short ones mean that it wanders: ask more often.
    fn adapt_poll(&mut self, is_steady: bool) {
        if self.burst.is_some() {
            return;
        }
        let target = f64::from(self.upstream.poll_target.max(1));
        self.poll_score +=
            if is_steady { self.history.len() as f64 / target - 1.0 } else { -1.0 }.clamp(-1.0, 1.0);
        if self.poll_score >= 1.0 {
            self.poll = self.poll.saturating_add(1);
            self.poll_score = 0.0;
        } else if self.poll_score <= -1.0 {
            self.poll = self.poll.saturating_sub(1);
            self.poll_score = 0.0;
        }
        self.poll =
            self.poll.clamp(self.upstream.min_poll, self.upstream.max_poll.max(self.upstream.min_poll));
    }

    /// RATE: end a burst and wait longer (the reply's poll field could be forged and is not followed).
    fn slow_down(&mut self) {
        self.burst = None;
        let slowest = self.upstream.max_poll.max(self.upstream.min_poll);
        self.poll = self.poll.saturating_add(1).min(slowest.max(self.poll));
        self.poll_score = 0.0;
        self.next_poll = self.next_poll + self.interval();
    }
}

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
}

fn check_source(header: &Header) -> Result<(), Rejection> {
    if header.leap == Leap::NotSynchronised || header.stratum == 0 || header.stratum >= 16 {
        return Err(Rejection::Unsynchronised);
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
