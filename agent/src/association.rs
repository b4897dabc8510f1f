//! The talk with one upstream address: when to ask, what came back, and what all of it says.

mod burst;
mod instants;
mod kept;
mod kiss;
mod pace;
mod quantile;
mod reply;
mod request;
mod sieve;

use std::net::SocketAddr;

use self::burst::{BURST_SPACING, Burst};
use self::instants::Instants;
use self::kept::Kept;
pub use self::kiss::Kiss;
use self::quantile::Delays;
pub use self::reply::{Arrival, Context, Reply, Taken};
use self::request::Exchange;
pub use self::request::{Asking, ExchangeId};
use self::sieve::Sieve;
use crate::config::Upstream;
use crate::filter::Rejection;
use crate::history::{Estimate, History, Sample};
use crate::packet::{Header, RefId};
use crate::regression::SlopePrior;
use crate::time::{Mono, Seconds, Wall};

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
    /// Why the last reply that was one to us was not used, if it was not.
    pub last_rejection: Option<Rejection>,
    /// The last valid reply.
    pub reply: Option<Reply>,
    /// Counters.
    pub counters: Counters,
    /// It does not want to be asked, and is not.
    pub refused: Option<Kiss>,
    history: History,
    estimate: Option<Estimate>,
    exchange: Option<Exchange>,
    burst: Option<Burst>,
    next_poll: Mono,
    /// Above 1 the interval doubles, below -1 it halves.
    poll_score: f64,
    /// Samples thrown away one after the other because of their delay.
    slow_in_a_row: u32,
    /// The exchange before, whose socket may still have something.
    finished: Option<ExchangeId>,
    /// `xleave`: what the next reply may tell more of.
    kept: Option<Kept>,
    /// `presend`: requests sent ahead of the coming measurement.
    sent_ahead: u32,
    /// `filter`.
    sieve: Option<Sieve>,
    /// `maxdelayquant`.
    delays: Option<Delays>,
    /// The shortest polling interval that the source puts up with since it said RATE, log2 seconds.
    slowed_to: Option<i8>,
    /// Polls since the source became unreachable.
    polls_unreachable: u32,
}

/// Samples a source needs before it can be selected (unless `maxsamples` allows fewer).
const FEWEST_SAMPLES: usize = 3;

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
            refused: None,
            history: History::new(upstream.max_samples).with_min_delay(upstream.min_delay),
            estimate: None,
            exchange: None,
            burst: (upstream.iburst && !upstream.offline).then_some(Burst::INITIAL),
            next_poll: first,
            poll_score: 0.0,
            slow_in_a_row: 0,
            finished: None,
            kept: None,
            sent_ahead: 0,
            sieve: upstream.filter.map(Sieve::new),
            delays: upstream.max_delay_quantile.map(Delays::new),
            slowed_to: None,
            polls_unreachable: 0,
            upstream,
        }
    }

    /// When [`Association::poll`] or [`Association::expire`] is due; `None` = offline and nothing under way.
    pub fn timeout(&self) -> Option<Mono> {
        let deadline = self.exchange.map(|exchange| exchange.deadline);
        deadline.or_else(|| self.is_polling().then_some(self.next_poll))
    }

    /// How near the polling interval is to its next change: it doubles at 1.
    pub fn poll_score(&self) -> f64 {
        self.poll_score
    }

    /// True when it is to be asked, and wants to be.
    pub fn is_online(&self) -> bool {
        self.online && self.refused.is_none()
    }

    /// True when requests are sent: online, or in a burst, and not refused.
    pub fn is_polling(&self) -> bool {
        (self.online || self.burst.is_some()) && self.refused.is_none()
    }

    /// True when it answers. One that is followed counts for some polls more as if it did (`maxunreach`).
    pub fn is_reachable(&self, is_followed: bool) -> bool {
        let patience = self.upstream.max_unreach.filter(|_| is_followed).unwrap_or(0);
        let is_patient = self.refused.is_none() && self.polls_unreachable <= patience && patience > 0;
        self.reach != 0 || is_patient
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

    /// `copy`: the source's own reference, which is ours, too.
    pub fn copied_reference(&self) -> Option<RefId> {
        self.reply.filter(|_| self.upstream.copy).map(|reply| reply.header.ref_id)
    }

    /// True for the exchange under way and for the one before it.
    pub fn knows(&self, exchange: ExchangeId) -> bool {
        self.exchange() == Some(exchange) || self.finished == Some(exchange)
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
        self.forgive(now);
        if !self.online {
            self.online = true;
            self.next_poll = now;
            if self.upstream.iburst && self.reach == 0 {
                self.burst = Some(Burst::INITIAL);
            }
        }
    }

    /// Forgets all samples: the clock they were taken with is gone.
    pub fn reset_samples(&mut self, now: Mono) {
        self.history.clear();
        self.estimate = None;
        self.forget_exchanges();
        self.poll = self.upstream.min_poll;
        self.keep_pace();
        self.poll_score = 0.0;
        if self.upstream.iburst && self.online {
            self.burst = Some(Burst::INITIAL);
            self.next_poll = now;
        }
    }

    /// Samples of an earlier run, the oldest first; whoever has some of its own needs none.
    pub fn take_up(&mut self, samples: Vec<Sample>, prior: SlopePrior) {
        if self.history.is_empty() {
            for sample in samples {
                self.estimate = self.history.add(sample, prior);
            }
        }
    }

    /// Current polling interval.
    pub fn interval(&self) -> Seconds {
        Seconds::from_log2(self.poll)
    }

    /// RFC 5905 section 8: offset and delay from the four timestamps (and the source's holding time, and the whole round
    /// trip), on the free-running scale, so that a slew or a
    /// step between request and reply does no harm.
    fn measure(
        &self,
        header: &Header,
        instants: &Instants,
        context: &Context<'_>,
    ) -> (Sample, Seconds, Seconds) {
        let Instants { sent, sent_lead, received, received_lead, .. } = *instants;
        let there = (instants.source_received - sent.wall) + sent_lead;
        let back = (instants.source_sent - received.wall) + received_lead;
        let response_time = instants.source_sent - instants.source_received;
        let elapsed = (received.wall - sent.wall) - (received_lead - sent_lead);
        let offset = (there + back) / 2.0 + self.upstream.offset;
        let precision =
            Seconds::from_log2(context.precision) + Seconds::from_log2(header.precision.clamp(-32, 0));
        let sample = Sample {
            at: instants.at,
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
        self.estimate = self.history.add(sample, prior);
        self.adapt_poll();
    }
}
