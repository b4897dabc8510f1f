//! What `log` wants written down, made at the moments at which it happens.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::action::Action;
use super::desk::EngineDesk;
use super::options::Options;
use super::{Engine, Source};
use crate::association::{Association, StampedBy};
use crate::chronyc::desk::Desk;
use crate::config::Logs;
use crate::filter::{self, Rejection};
use crate::history::Estimate;
use crate::oscillator::Free;
use crate::packet::{Header, Packet, RefId};
use crate::record::{Believed, Measurement, Record, Selection, Statistics, Tracking};
use crate::reference::Reference;
use crate::time::{Moment, Ppm, Seconds, Wall};

/// Shown as skew where it is not known, as chronyd does.
const UNKNOWN_SKEW: Ppm = Ppm(1e6);

/// What is wanted, and what must be kept to tell what changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    wanted: Logs,
    /// What each source's samples said last.
    before: BTreeMap<IpAddr, Before>,
    /// Nobody was followed when the last line of tracking was written.
    told_lost: bool,
}

#[derive(Clone, Copy, Debug)]
struct Before {
    rate: f64,
    rate_error: f64,
    samples: u32,
}

/// The clock as it was just before an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outset {
    pub(super) remaining: Seconds,
    distance: Seconds,
    /// `None` = nothing was known.
    pub(super) slope: Option<f64>,
}

impl Records {
    pub(super) fn new(wanted: Logs) -> Self {
        Self { wanted, ..Self::default() }
    }
}

impl Engine {
    fn record(&mut self, record: Record) {
        self.actions.push_back(Action::Record(record));
    }

    /// A datagram came from a source; `rejection` = why it was not used.
    pub(super) fn record_measurement(
        &mut self,
        now: Moment,
        index: usize,
        rejection: Option<Rejection>,
        bytes: &[u8],
    ) {
        let wanted = self.records.wanted;
        if !(wanted.raw_measurements || wanted.measurements) {
            return;
        }
        let Some(association) = self.sources.get(index).and_then(|source| source.association.as_ref()) else {
            return;
        };
        let time = self.ntp_time(now.wall);
        let record = match rejection {
            Some(early) if !is_measured(early) => unmeasured(association, time, early, bytes),
            _ => measured(association, time),
        };
        if let Some(record) = record.filter(|one| wanted.raw_measurements || is_valid(one.tests)) {
            self.record(Record::Measurement(record));
        }
    }

    /// A source has one sample more.
    pub(super) fn record_statistics(&mut self, now: Moment, index: usize) {
        if !self.records.wanted.statistics {
            return;
        }
        let (free, lead) = (self.oscillator.free(now.wall), self.oscillator.lead(now.wall));
        let Some(association) = self.sources.get(index).and_then(|source| source.association.as_ref()) else {
            return;
        };
        let Some(estimate) = association.estimate().copied() else { return };
        let address = association.address.ip();
        let fresh = Before { rate: estimate.slope(), rate_error: estimate.skew(), samples: estimate.samples };
        let before = self.records.before.insert(address, fresh);
        self.forget_gone_sources();
        if !association_has_enough(&estimate) {
            return;
        }
        let clock = self.model.map_or(lead, |model| model.offset(free));
        let slope = self.model.map_or(self.prior.mean, |model| model.slope);
        let stress =
            before.map_or(0.0, |before| (before.rate - fresh.rate).abs() / before.rate_error.max(1e-12));
        self.record(Record::Statistics(Statistics {
            time: self.ntp_time(now.wall),
            address,
            std_dev: estimate.std_dev,
            offset: clock - estimate.offset(free),
            offset_deviation: estimate.offset_deviation(free),
            rate: slope - estimate.slope(),
            rate_error: estimate.skew(),
            stress,
            samples: estimate.samples,
            dropped: before.map_or(0, |before| (before.samples + 1).saturating_sub(estimate.samples)),
            runs: estimate.runs,
            asymmetry: estimate.asymmetry(),
        }));
    }

    fn forget_gone_sources(&mut self) {
        if self.records.before.len() > self.sources.len() {
            let sources = &self.sources;
            let is_there = |address: &IpAddr| {
                sources.iter().filter_map(|it| it.association.as_ref()).any(|it| it.address.ip() == *address)
            };
            self.records.before.retain(|address, _| is_there(address));
        }
    }

    /// How the clock is, before an update.
    pub(super) fn outset(&self, now: Moment) -> Outset {
        Outset {
            remaining: self.correction(now.wall),
            distance: self.reference.root_distance(now.mono),
            slope: self.model.map(|model| model.slope),
        }
    }

    /// The clock was updated by the followed sources.
    pub(super) fn record_update(&mut self, now: Moment, outset: Outset) {
        let (by, free) = match &self.reference {
            Reference::Source(source) => (Believed::Source(source.address), self.oscillator.free(now.wall)),
            Reference::Unsynchronised | Reference::Local { .. } => return,
        };
        self.records.told_lost = false;
        let combined = u32::try_from(self.combined.len()).unwrap_or(u32::MAX);
        self.record_tracking(now, outset, by, combined, self.deviation(free));
    }

    /// The clock was updated by somebody's watch.
    pub(super) fn record_entry(&mut self, now: Moment, outset: Outset) {
        self.record_tracking(now, outset, Believed::Person, 1, Seconds::ZERO);
    }

    /// Nobody is followed (any more): that is a line, too.
    pub(super) fn record_loss(&mut self, now: Moment) {
        let is_lost = matches!(self.reference, Reference::Unsynchronised);
        if is_lost && !self.records.told_lost {
            self.records.told_lost = true;
            let outset = self.outset(now);
            self.record_tracking(now, outset, Believed::Nobody, 0, Seconds::ZERO);
        }
    }

    /// Standard deviation of the combined offset.
    fn deviation(&self, free: Free) -> Seconds {
        let variance: f64 = self
            .combined
            .iter()
            .filter_map(|(index, weight)| {
                let estimate = self.sources.get(*index)?.association.as_ref()?.estimate()?;
                Some((weight * estimate.offset_deviation(free).0).powi(2))
            })
            .sum();
        Seconds(variance.sqrt())
    }

    fn record_tracking(
        &mut self,
        now: Moment,
        outset: Outset,
        by: Believed,
        combined: u32,
        deviation: Seconds,
    ) {
        if !self.records.wanted.tracking {
            return;
        }
        let reference = &self.reference;
        let (drift, skew) =
            self.drift().map_or((Ppm::ZERO, UNKNOWN_SKEW), |drift| (drift.frequency, drift.skew));
        let offset = if by == Believed::Nobody { Seconds::ZERO } else { self.updates.last_offset };
        let record = Tracking {
            time: self.ntp_time(now.wall),
            by,
            stratum: if by == Believed::Person { 1 } else { reference.stratum() },
            frequency: drift,
            skew,
            offset,
            leap: reference.leap(),
            combined,
            offset_deviation: deviation,
            remaining: outset.remaining,
            root_delay: reference.root_delay(),
            root_dispersion: reference.root_dispersion(now.mono),
            max_error: offset.abs() + outset.remaining.abs() + outset.distance,
        };
        self.record(Record::Tracking(record));
    }

    /// The sources were judged: a line for each.
    pub(super) fn record_selection(&mut self, now: Moment) {
        if !self.records.wanted.selection {
            return;
        }
        for index in 0..self.sources.len() {
            if let Some(record) = self.selection_of(now, index) {
                self.record(Record::Selection(record));
            }
        }
    }

    fn selection_of(&mut self, now: Moment, index: usize) -> Option<Selection> {
        let data = EngineDesk::new(self, now).select_data(u32::try_from(index).ok()?)?;
        let source = self.sources.get(index)?;
        let association = source.association.as_ref();
        let newest = association.and_then(|association| association.history().newest());
        let Options { no_select, prefer, trust, require } = self.options(&source.upstream, self.kinds());
        Some(Selection {
            time: self.ntp_time(now.wall),
            name: name_of(source),
            state: char::from(data.state),
            no_select,
            prefer,
            trust,
            require,
            reach: association.map_or(0, |association| association.reach),
            score: data.score,
            age: newest.map_or(Seconds::ZERO, |sample| self.oscillator.free(now.wall) - sample.at),
            low: data.low,
            high: data.high,
        })
    }
}

fn name_of(source: &Source) -> String {
    match &source.association {
        Some(association) => association.address.ip().to_string(),
        None => format!("ID#{:010}", source.id),
    }
}

/// A line needs three samples before its deviation means anything.
fn association_has_enough(estimate: &Estimate) -> bool {
    estimate.samples > 2
}

/// Tests 1 to 3 and 5 to 7 are passed.
fn is_valid(tests: u16) -> bool {
    tests & VALID == VALID
}

/// Bits of the tests that a reply of a synchronised source passes.
const VALID: u16 = 0x3F0;

/// Was it found out only after the measurement?
fn is_measured(rejection: Rejection) -> bool {
    !matches!(
        rejection,
        Rejection::Duplicate
            | Rejection::Bogus
            | Rejection::Invalid
            | Rejection::NotAReply
            | Rejection::Unauthenticated
            | Rejection::RateKiss
    )
}

fn stamp_letter(by: StampedBy) -> char {
    match by {
        StampedBy::Daemon => 'D',
        StampedBy::Kernel => 'K',
    }
}

fn measured(association: &Association, time: Wall) -> Option<Measurement> {
    let reply = association.reply?;
    let sample = &reply.sample;
    Some(Measurement {
        offset: sample.measured,
        delay: sample.delay,
        dispersion: sample.dispersion,
        sent_by: stamp_letter(reply.sent_by),
        received_by: stamp_letter(reply.received_by),
        ..said(association, time, &reply.header, reply.flags & filter::ALL_PASSED)
    })
}

fn unmeasured(
    association: &Association,
    time: Wall,
    rejection: Rejection,
    bytes: &[u8],
) -> Option<Measurement> {
    let header = Packet::parse(bytes).ok()?.header;
    Some(said(association, time, &header, rejection.flags() & filter::ALL_PASSED))
}

/// What the reply says of itself.
fn said(association: &Association, time: Wall, header: &Header, tests: u16) -> Measurement {
    let RefId(ref_id) = header.ref_id;
    Measurement {
        time,
        address: association.address.ip(),
        leap: header.leap,
        stratum: header.stratum,
        tests,
        poll: association.poll,
        remote_poll: header.poll,
        score: association.poll_score(),
        offset: Seconds::ZERO,
        delay: Seconds::ZERO,
        dispersion: Seconds::ZERO,
        root_delay: header.root_delay.seconds(),
        root_dispersion: header.root_dispersion.seconds(),
        ref_id,
        mode: header.mode.bits(),
        interleaved: false,
        sent_by: 'D',
        received_by: 'D',
    }
}
