//! The engine as chronyc sees it.

use std::net::IpAddr;
use std::sync::Arc;

use super::options::Options;
use super::{Action, Engine, Level, Source, Transport};
use crate::association::{Association, StampedBy};
use crate::chronyc;
use crate::chronyc::desk::{Asker, Desk, Manual, SourceOption, Table};
use crate::chronyc::wire::{self, Address};
use crate::client_log::Outcome;
use crate::config::{AccessRule, Local, MakeStep, OpenCommand};
use crate::history::Sample;
use crate::packet::{Mode, RefId, leap_bits};
use crate::reference::Reference;
use crate::report::Leap;
use crate::select::Verdict;
use crate::time::{Moment, NtpTimestamp, Ppm, Seconds, Wall};

/// Shown as standard deviation where it is not known, as chronyd does.
const UNKNOWN_DEVIATION: Seconds = Seconds(4.0);
/// Shown as skew where it is not known, as chronyd does.
const UNKNOWN_SKEW: Ppm = Ppm(2000.0);

/// The engine at one moment, behind the counter where chronyc asks.
pub(super) struct EngineDesk<'a> {
    engine: &'a mut Engine,
    now: Moment,
}

impl From<Transport> for Asker {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp(from) => Self::Udp(from.ip()),
            Transport::Unix => Self::Unix,
        }
    }
}

impl<'a> EngineDesk<'a> {
    pub(super) fn new(engine: &'a mut Engine, now: Moment) -> Self {
        Self { engine, now }
    }

    fn place(&self, index: u32) -> Option<&Source> {
        self.engine.sources.get(usize::try_from(index).ok()?)
    }

    fn place_of(&self, address: Address) -> Option<&Source> {
        self.engine.sources.iter().find(|source| address_of(source) == address)
    }

    /// Offset of a sample as it is now, and as it was measured; positive = local clock ahead.
    fn offsets(&self, sample: &Sample) -> (Seconds, Seconds) {
        let lead = self.engine.oscillator.lead(self.now.wall);
        let slope = self.engine.model.map_or(0.0, |model| model.slope);
        let since = self.engine.oscillator.free(self.now.wall) - sample.at;
        (lead - sample.offset - since * slope, -sample.measured)
    }
}

fn address_of(source: &Source) -> Address {
    source.association.as_ref().map_or(Address::Id(source.id), |association| association.address.ip().into())
}

fn ref_id_of(source: &Source) -> u32 {
    source.association.as_ref().map_or(0, |association| RefId::of_address(association.address.ip()).0)
}

pub(super) fn whole_seconds(span: Seconds) -> u32 {
    span.0.clamp(0.0, f64::from(u32::MAX - 1)) as u32
}

fn time_of(wall: Wall) -> wire::Time {
    let (seconds, nanos) = wall.parts();
    wire::Time { seconds: u64::try_from(seconds).unwrap_or(0), nanos }
}

fn state_of(verdict: Verdict) -> wire::SourceState {
    match verdict {
        Verdict::Selected => wire::SourceState::Selected,
        Verdict::Combined => wire::SourceState::Combined,
        Verdict::Falseticker => wire::SourceState::Falseticker,
        Verdict::Jittery => wire::SourceState::TooVariable,
        Verdict::Waiting | Verdict::NotPreferred | Verdict::NotCombined => wire::SourceState::Unused,
        Verdict::NoSelect
        | Verdict::Unsynchronised
        | Verdict::TooFewSamples
        | Verdict::Distant
        | Verdict::Unreachable
        | Verdict::Orphan
        | Verdict::Untrusted => wire::SourceState::NotSelectable,
    }
}

fn stamp_letter(by: StampedBy) -> u8 {
    match by {
        StampedBy::Daemon => b'D',
        StampedBy::Kernel => b'K',
    }
}

impl Desk for EngineDesk<'_> {
    fn tracking(&self) -> wire::Tracking {
        let engine = &*self.engine;
        let reference = &engine.reference;
        let selected = match reference {
            Reference::Source(source) => Address::from(source.address),
            Reference::Unsynchronised | Reference::Local { .. } => Address::Unspecified,
        };
        let follows = matches!(reference, Reference::Source(_));
        let model = engine.model.filter(|_| follows);
        let estimate = engine
            .selected
            .and_then(|index| engine.sources.get(index)?.association.as_ref()?.estimate().copied());
        let residual = model.zip(estimate).map_or(0.0, |(model, estimate)| model.slope - estimate.slope());
        wire::Tracking {
            ref_id: reference.ref_id().0,
            address: selected,
            stratum: u16::from(reference.stratum()),
            leap: u16::from(leap_bits(reference.leap())),
            ref_time: reference.reference_time().map(time_of).unwrap_or_default(),
            correction: engine.correction(self.now.wall),
            last_offset: engine.updates.last_offset,
            rms_offset: engine.updates.rms_offset,
            frequency: engine.drift().map_or(Ppm::ZERO, |drift| drift.frequency),
            residual_frequency: Ppm::from_ratio(residual),
            skew: model.map_or(Ppm::ZERO, |model| Ppm::from_ratio(model.skew)),
            root_delay: reference.root_delay(),
            root_dispersion: reference.root_dispersion(self.now.mono),
            update_interval: engine.updates.interval,
        }
    }

    fn source_count(&self) -> u32 {
        u32::try_from(self.engine.sources.len()).unwrap_or(u32::MAX)
    }

    fn source(&self, index: u32) -> Option<wire::SourceData> {
        let source = self.place(index)?;
        let association = source.association.as_ref();
        let newest = association.and_then(|association| association.history().newest());
        let (adjusted, measured) = newest.map(|sample| self.offsets(sample)).unwrap_or_default();
        let age = newest.map(|sample| whole_seconds(self.engine.oscillator.free(self.now.wall) - sample.at));
        Some(wire::SourceData {
            address: address_of(source),
            poll: i16::from(association.map_or(source.upstream.min_poll, |association| association.poll)),
            stratum: newest.map_or(0, |sample| u16::from(sample.stratum)),
            state: state_of(source.verdict),
            mode: wire::SourceMode::Client,
            flags: 0,
            reach: association.map_or(0, |association| u16::from(association.reach)),
            last_sample_age: age,
            measured_offset: measured,
            adjusted_offset: adjusted,
            error_bound: newest.map(Sample::root_distance).unwrap_or_default(),
        })
    }

    fn source_stats(&self, index: u32) -> Option<wire::SourceStats> {
        let source = self.place(index)?;
        let estimate = source.association.as_ref().and_then(Association::estimate);
        let free = self.engine.oscillator.free(self.now.wall);
        let lead = self.engine.oscillator.lead(self.now.wall);
        let slope = self.engine.model.map_or(0.0, |model| model.slope);
        let enough = estimate.filter(|estimate| estimate.samples > 1);
        Some(wire::SourceStats {
            ref_id: ref_id_of(source),
            address: address_of(source),
            samples: estimate.map_or(0, |estimate| estimate.samples),
            runs: estimate.map_or(0, |estimate| estimate.runs),
            span: estimate.map_or(0, |estimate| whole_seconds(estimate.span)),
            std_dev: enough.map_or(UNKNOWN_DEVIATION, |estimate| estimate.std_dev),
            residual_frequency: enough.map_or(Ppm::ZERO, |e| Ppm::from_ratio(slope - e.slope())),
            skew: enough.map_or(UNKNOWN_SKEW, |estimate| Ppm::from_ratio(estimate.skew())),
            offset: estimate.map_or(Seconds::ZERO, |estimate| lead - estimate.offset(free)),
            offset_error: estimate.map_or(UNKNOWN_DEVIATION, |estimate| estimate.offset_deviation(free)),
        })
    }

    fn select_data(&self, index: u32) -> Option<wire::SelectData> {
        let source = self.place(index)?;
        let upstream = &source.upstream;
        let effective = self.engine.options(upstream, self.engine.kinds());
        let association = source.association.as_ref();
        let estimate = association.and_then(Association::estimate);
        let free = self.engine.oscillator.free(self.now.wall);
        let offset =
            estimate.map_or(Seconds::ZERO, |e| self.engine.oscillator.lead(self.now.wall) - e.offset(free));
        let distance = self.engine.root_distance(source, self.now).unwrap_or_default();
        let age = association
            .and_then(|association| association.history().newest())
            .map_or(0, |sample| whole_seconds(free - sample.at));
        let leap = association
            .and_then(|association| association.reply)
            .map_or(Leap::NotSynchronised, |reply| reply.header.leap);
        Some(wire::SelectData {
            ref_id: ref_id_of(source),
            address: address_of(source),
            state: source.verdict.letter() as u8,
            authenticated: u8::from(upstream.key.is_some()),
            leap: leap_bits(leap),
            configured: Options::configured(upstream).bits(),
            effective: effective.bits(),
            sample_age: age,
            score: 1.0,
            low: offset - distance,
            high: offset + distance,
        })
    }

    fn ntp_data(&self, address: Address) -> Option<wire::NtpData> {
        let source = self.place_of(address)?;
        let association = source.association.as_ref();
        let counters = association.map(|association| association.counters).unwrap_or_default();
        let reply = association.and_then(|association| association.reply);
        let mut data = wire::NtpData {
            remote_address: address_of(source),
            remote_port: source.upstream.port,
            tx_total: counters.sent,
            rx_total: counters.received,
            rx_valid: counters.valid,
            rx_good: counters.good,
            kernel_tx: Some(counters.kernel_sent),
            kernel_rx: Some(counters.kernel_received),
            hw_tx: Some(0),
            hw_rx: Some(0),
            ..wire::NtpData::default()
        };
        if let Some(reply) = reply {
            let header = &reply.header;
            data.local_address = reply.local.map_or(Address::Unspecified, Address::from);
            data.leap = leap_bits(header.leap);
            data.version = header.version;
            data.mode = Mode::Server.bits();
            data.stratum = header.stratum;
            data.poll = header.poll;
            data.precision = header.precision;
            data.root_delay = header.root_delay.seconds();
            data.root_dispersion = header.root_dispersion.seconds();
            data.ref_id = header.ref_id.0;
            data.ref_time = ntp_time(header.reference, reply.sample.wall);
            data.offset = reply.sample.measured;
            data.peer_delay = reply.sample.delay;
            data.peer_dispersion = reply.sample.dispersion;
            data.response_time = reply.response_time;
            data.flags = reply.flags;
            data.jitter_asymmetry = source.upstream.asymmetry.unwrap_or(0.0);
            data.tx_stamp = stamp_letter(reply.sent_by);
            data.rx_stamp = stamp_letter(reply.received_by);
        }
        Some(data)
    }

    fn source_name(&self, address: Address) -> Option<String> {
        self.place_of(address).map(|source| source.upstream.name.clone())
    }

    fn auth_data(&self, address: Address) -> Option<wire::AuthData> {
        let upstream = &self.place_of(address)?.upstream;
        let Some(number) = upstream.key else { return Some(wire::AuthData::default()) };
        let key = self.engine.keys.get(number);
        Some(wire::AuthData {
            mode: 1,
            key_type: key.map_or(0, |key| key.kind().number()),
            key_id: number,
            key_bits: key.map_or(0, |key| u16::try_from(key.bits()).unwrap_or(u16::MAX)),
            ..wire::AuthData::default()
        })
    }

    fn activity(&self) -> wire::Activity {
        let mut activity = wire::Activity::default();
        for source in &self.engine.sources {
            match &source.association {
                None => activity.unresolved += 1,
                Some(association) => match (association.in_burst(), association.is_online()) {
                    (true, true) => activity.burst_online += 1,
                    (true, false) => activity.burst_offline += 1,
                    (false, true) => activity.online += 1,
                    (false, false) => activity.offline += 1,
                },
            }
        }
        activity
    }

    fn server_stats(&self) -> wire::ServerStats {
        self.engine.server_stats()
    }

    fn clients(&mut self, page: wire::ClientsPage) -> Option<wire::Clients> {
        chronyc::clients::clients(&self.engine.clients, page, self.now.mono)
    }

    fn access(&self, table: Table, address: IpAddr) -> bool {
        match table {
            Table::Ntp => self.engine.access.allows(address),
            Table::Commands => self.engine.command_access.allows(address),
        }
    }

    fn admit_command(&mut self, asker: Asker) -> bool {
        let clients = &self.engine.clients;
        match asker {
            Asker::Udp(from) => {
                let limit = self.engine.config.command_rate_limit.filter(|_| !asker.is_loopback());
                clients.ask_command(from, self.now.mono, limit) != Outcome::Dropped
            }
            Asker::Unix => {
                clients.count_local_command();
                true
            }
        }
    }

    fn open_commands(&self) -> &[OpenCommand] {
        &self.engine.config.open_commands
    }

    fn make_step(&mut self) -> bool {
        self.engine.step_now(self.now)
    }

    fn set_make_step(&mut self, threshold: Seconds, limit: Option<u32>) {
        self.engine.discipline.set_make_step(MakeStep { threshold, limit });
    }

    fn set_online(&mut self, online: bool, sources: wire::SourceMatch) -> u32 {
        let matched = self.places(sources);
        for place in &matched {
            self.engine.switch(*place, online, self.now);
        }
        if online {
            self.engine.look_up_missing(self.now);
            self.engine.look_up(self.now);
        }
        u32::try_from(matched.len()).unwrap_or(u32::MAX)
    }

    fn burst(&mut self, sources: wire::SourceMatch, good: u32, total: u32) -> u32 {
        let matched = self.places(sources);
        for place in &matched {
            let source = self.engine.sources.get_mut(*place);
            if let Some(association) = source.and_then(|source| source.association.as_mut()) {
                association.start_burst(self.now.mono, good, total);
            }
        }
        u32::try_from(matched.len()).unwrap_or(u32::MAX)
    }

    fn rekey(&mut self) -> wire::Status {
        self.engine.actions.push_back(Action::ReadKeys);
        wire::Status::Success
    }

    fn refresh(&mut self) {
        self.engine.look_up_again(self.now);
        self.engine.look_up(self.now);
    }

    fn reselect(&mut self) {
        self.engine.selected = None;
        self.engine.reselect(self.now);
    }

    fn shutdown(&mut self) {
        self.engine.actions.push_back(Action::Log { level: Level::Info, text: "asked to end".to_owned() });
        self.engine.shutdown = true;
    }

    fn add_access_rule(&mut self, table: Table, rule: AccessRule) -> wire::Status {
        match table {
            Table::Ntp => {
                self.engine.access.add(rule);
                self.engine.gate = Arc::new(self.engine.access.gate());
            }
            Table::Commands => self.engine.command_access.add(rule),
        }
        wire::Status::Success
    }

    fn set_source_option(&mut self, source: Address, option: SourceOption) -> wire::Status {
        let Some(place) = self.position_of(source) else { return wire::Status::NoSuchSource };
        self.engine.set_option(place, option, self.now);
        wire::Status::Success
    }

    fn add_source(&mut self, source: &wire::AddSource) -> wire::Status {
        match source.name.text() {
            Some(name) => self.engine.add_described(source, name, self.now),
            None => wire::Status::InvalidName,
        }
    }

    fn delete_source(&mut self, source: Address) -> wire::Status {
        let Some(place) = self.position_of(source) else { return wire::Status::NoSuchSource };
        self.engine.delete_source(place, self.now);
        wire::Status::Success
    }

    fn set_local(&mut self, local: Option<Local>) -> wire::Status {
        self.engine.set_local(local, self.now);
        wire::Status::Success
    }

    fn set_max_update_skew(&mut self, skew: Ppm) -> wire::Status {
        self.engine.set_max_update_skew(skew);
        wire::Status::Success
    }

    fn set_reselect_distance(&mut self, distance: Seconds) -> wire::Status {
        self.engine.set_reselect_distance(distance, self.now);
        wire::Status::Success
    }

    fn switch_by_reachability(&mut self) -> wire::Status {
        self.engine.look_for_routes();
        wire::Status::Success
    }

    fn reset_sources(&mut self) -> wire::Status {
        self.engine.reset_sources(self.now);
        wire::Status::Success
    }

    fn reload_sources(&mut self) -> wire::Status {
        self.engine.actions.push_back(Action::ReloadSources);
        wire::Status::Success
    }

    fn smoothing(&self) -> Option<wire::Smoothing> {
        self.engine.smoothing_report(self.now)
    }

    fn order_smoothing(&mut self, activate: bool) -> wire::Status {
        self.engine.order_smoothing(self.now, activate)
    }

    fn set_manual(&mut self, manual: Manual) -> wire::Status {
        self.engine.set_manual(manual);
        wire::Status::Success
    }

    fn set_time(&mut self, time: wire::Time) -> Result<wire::ManualTimestamp, wire::Status> {
        self.engine.set_time(self.now, time)
    }

    fn manual_samples(&self) -> wire::ManualSamples {
        self.engine.list_entries()
    }

    fn delete_manual_sample(&mut self, index: u32) -> wire::Status {
        self.engine.delete_entry(self.now, index)
    }

    /// Without `dumpdir` there is nowhere to write to, and nothing to do: chronyd says the same.
    fn dump(&mut self) -> wire::Status {
        self.engine.want_dumps();
        wire::Status::Success
    }

    fn cycle_logs(&mut self) -> wire::Status {
        self.engine.actions.push_back(Action::CycleLogs);
        wire::Status::Success
    }
}

impl EngineDesk<'_> {
    /// Places in the list of sources that are meant.
    fn places(&self, sources: wire::SourceMatch) -> Vec<usize> {
        let all = self.engine.sources.iter().enumerate();
        all.filter(|(_, source)| sources.matches(address_of(source))).map(|(place, _)| place).collect()
    }

    /// The place of the source with this address or ID.
    fn position_of(&self, address: Address) -> Option<usize> {
        self.engine.sources.iter().position(|source| address_of(source) == address)
    }
}

fn ntp_time(stamp: NtpTimestamp, near: Wall) -> wire::Time {
    if stamp.is_zero() { wire::Time::default() } else { time_of(stamp.near(near)) }
}
