//! The agent's mind: `handle_*` in, `poll_*` out. The only room of the library that sees all the others.
//!
//! The daemon calls a `handle_*`, then drains [`Engine::poll_action`], then sleeps until [`Engine::poll_timeout`] or
//! until a socket has something. No call blocks, reads a clock or draws luck of its own.

mod action;
mod authentication;
mod commands;
mod desk;
mod drift;
mod dump;
mod fallback;
mod judging;
mod leaping;
mod local;
mod manual;
mod model;
mod names;
mod options;
mod records;
mod serving;
mod smooth;
mod sources;
mod steering;
mod update;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use self::action::{Action, Correction, Drift, Level, LookupId, Setup, Standing, Transport};
pub use self::dump::{Dump, DumpRefusal, DumpedSample};
use self::fallback::Fallback;
use self::leaping::Leaping;
use self::local::Standby;
use self::manual::Manual;
use self::model::Model;
use self::names::Name;
use self::records::Records;
use self::sources::LineId;
use self::update::Updates;
use crate::access::{Access, Gate};
use crate::association::{Arrival, Asking, Association, Context, Taken};
pub use crate::association::{ExchangeId, Stamp, StampedBy};
use crate::chronyc;
use crate::clients::Clients;
use crate::config::{Config, Family, Upstream};
use crate::discipline::Discipline;
use crate::filter::Rejection;
use crate::keys::Keys;
use crate::luck::Luck;
use crate::oscillator::Oscillator;
use crate::reference::Reference;
use crate::regression::SlopePrior;
use crate::report::ClockControl;
use crate::select::Verdict;
pub use crate::server::LONGEST_ANSWER;
use crate::server::Service;
use crate::smoothing::Smoothing;
use crate::time::{Moment, Mono, Ppm, Seconds, Wall};

/// The engine. See the module's words for how it is driven.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    family: Option<Family>,
    built: Wall,
    control: ClockControl,
    precision: i8,
    luck: Luck,
    keys: Arc<Keys>,
    oscillator: Oscillator,
    prior: SlopePrior,
    model: Option<Model>,
    discipline: Discipline,
    reference: Reference,
    updates: Updates,
    slew_until: Option<Mono>,
    /// Frequency correction that the kernel was last told, slewing included.
    wished: Ppm,
    leaping: Leaping,
    fallback: Fallback,
    manual: Manual,
    records: Records,
    smoothing: Option<Smoothing>,
    standby: Standby,
    next_drift: Mono,
    next_look: Mono,
    sources: Vec<Source>,
    selected: Option<usize>,
    /// The first update was made, or tried.
    has_begun: bool,
    /// The selection that was last logged.
    announced: Option<Option<usize>>,
    /// Sources that make up the estimate, with their weights.
    combined: Vec<(usize, f64)>,
    names: Vec<Name>,
    /// Lines of the files of sources, as they were last read.
    file_lines: Vec<(Upstream, LineId)>,
    /// Samples of earlier runs, of addresses that no source has yet.
    kept: dump::Kept,
    last_line: u64,
    last_source_id: u32,
    last_lookup: u64,
    last_exchange: u64,
    access: Access,
    gate: Arc<Gate>,
    command_access: Access,
    clients: Arc<Clients>,
    service: Option<Arc<Service>>,
    actions: VecDeque<Action>,
    shutdown: bool,
}

/// One place in the list of sources: an address we talk to, or a name that has none yet.
#[derive(Clone, Debug)]
struct Source {
    upstream: Upstream,
    /// Number by which chronyc names it while it has no address.
    id: u32,
    /// The line that it comes from: all places of one name have the same.
    line: LineId,
    association: Option<Association>,
    verdict: Verdict,
    judged_at: Mono,
    /// Since when it has been judged to be one that another address of its name may replace.
    bad_since: Option<Mono>,
}

impl Source {
    fn new(upstream: Upstream, id: u32, line: LineId) -> Self {
        let verdict = Verdict::TooFewSamples;
        Self { upstream, id, line, association: None, verdict, judged_at: Mono(0), bad_since: None }
    }

    fn display_name(&self) -> String {
        self.association.as_ref().map_or_else(|| self.upstream.name.clone(), |a| a.address.ip().to_string())
    }

    /// Why it is not followed, in words.
    fn reason(&self) -> &'static str {
        match &self.association {
            None => "has no address yet",
            Some(association) if association.refused.is_some() => "refuses to be asked (kiss-o'-death)",
            Some(association) if association.counters.received == 0 => "has not answered",
            Some(association) if association.last_rejection == Some(Rejection::BeforeBuild) => {
                "says a time before this agent was built"
            }
            Some(_) => self.verdict.reason(),
        }
    }

    fn is_followed(&self) -> bool {
        matches!(self.verdict, Verdict::Selected | Verdict::Combined)
    }

    /// The last reply said that the source itself is not synchronised, or a time that cannot be.
    fn is_unsynchronised(&self) -> bool {
        let rejection = self.association.as_ref().and_then(|association| association.last_rejection);
        matches!(rejection, Some(Rejection::Unsynchronised | Rejection::BeforeBuild))
    }
}

impl Engine {
    /// Starts; [`Engine::poll_action`] may already have something.
    pub fn new(setup: Setup, now: Moment) -> Self {
        let Setup { config, family, control, kernel_frequency, drift, keys, seed, precision, built } = setup;
        // A clock that others steer is taken as it runs: what they do to it counts as its own error.
        let applied = if control == ClockControl::Steered { kernel_frequency } else { Ppm::ZERO };
        let drift = drift.map(|drift| drift.within(config.max_drift));
        let mut luck = Luck::new(seed);
        let clients = Arc::new(Clients::new(config.client_log, luck.bits()));
        let access = Access::new(&config.access);
        let mut engine = Self {
            family,
            built,
            control,
            precision,
            luck,
            keys: Arc::default(),
            oscillator: Oscillator::new(now, applied),
            prior: model::prior(drift, applied),
            model: None,
            discipline: Discipline::new(&config),
            reference: Reference::Unsynchronised,
            updates: Updates::default(),
            slew_until: None,
            wished: applied,
            leaping: Leaping::default(),
            fallback: Fallback::new(config.fallback_drift),
            manual: Manual::new(config.manual),
            records: Records::new(config.logs),
            smoothing: config.smooth_time.map(|limits| Smoothing::new(limits, now.mono)),
            standby: Standby::default(),
            next_drift: now.mono + Seconds(60.0),
            next_look: now.mono,
            sources: Vec::new(),
            selected: None,
            has_begun: false,
            announced: None,
            combined: Vec::new(),
            names: Vec::new(),
            file_lines: Vec::new(),
            kept: dump::Kept::new(),
            last_line: 0,
            last_source_id: 0,
            last_lookup: 0,
            last_exchange: 0,
            gate: Arc::new(access.gate()),
            access,
            command_access: Access::new(&config.command_access),
            clients,
            service: None,
            actions: VecDeque::new(),
            shutdown: false,
            config,
        };
        for upstream in engine.config.upstreams.clone() {
            engine.add_upstream(upstream, now);
        }
        engine.handle_keys(keys);
        engine.start_frequency(drift);
        engine.handle_timeout(now);
        engine
    }

    /// A learned frequency is used from the first second on.
    fn start_frequency(&mut self, drift: Option<Drift>) {
        if drift.is_some() && self.is_steered() {
            self.wished = Ppm::from_ratio(self.prior.mean);
            self.actions.push_back(Action::Correct(Correction {
                frequency: self.wished,
                step: None,
                leap: self.reference.leap(),
                tai_offset: None,
                max_error: Seconds(16.0),
                estimated_error: Seconds(16.0),
            }));
        }
    }

    /// Something is due; safe to call at any time.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.notice_step(now);
        self.watch_leap(now);
        self.look_up(now);
        for index in 0..self.sources.len() {
            self.expire(now, index);
            self.poll_source(now, index);
        }
        self.begin(now);
        self.end_slew(now);
        self.fall_back(now);
        self.record_loss(now);
        self.refresh_reference(now);
        self.save_drift(now);
    }

    fn expire(&mut self, now: Moment, index: usize) {
        let Some(association) = self.sources.get_mut(index).and_then(|source| source.association.as_mut())
        else {
            return;
        };
        if let Some(exchange) = association.expire(now.mono) {
            self.actions.push_back(Action::Close { exchange });
            self.reselect(now);
        }
    }

    fn poll_source(&mut self, now: Moment, index: usize) {
        let Some(association) = self.sources.get_mut(index).and_then(|source| source.association.as_mut())
        else {
            return;
        };
        if association.timeout().is_none_or(|due| due > now.mono) {
            return;
        }
        let exchange = ExchangeId(self.last_exchange + 1);
        let asking = Asking { now: now.mono, id: exchange, keys: &self.keys, luck: &mut self.luck };
        let Some(bytes) = association.poll(asking) else { return };
        self.last_exchange += 1;
        self.actions.push_back(Action::Send { exchange, to: association.address, bytes });
    }

    /// Whose exchange that is, or was until its reply came.
    fn source_of(&mut self, exchange: ExchangeId) -> Option<(usize, &mut Association)> {
        self.sources
            .iter_mut()
            .enumerate()
            .filter_map(|(index, source)| Some((index, source.association.as_mut()?)))
            .find(|(_, association)| association.knows(exchange))
    }

    /// A request went out. Called with a daemon stamp right after sending, again when the kernel's stamp is known.
    pub fn handle_sent(&mut self, exchange: ExchangeId, stamp: Stamp) {
        let oscillator = self.oscillator.clone();
        if let Some((_, association)) = self.source_of(exchange) {
            association.sent(exchange, stamp, &oscillator);
        }
    }

    /// A request could not be sent, or its socket reported an error (ICMP).
    pub fn handle_send_failed(&mut self, now: Moment, exchange: ExchangeId, why: &str) {
        let Some((_, association)) = self.source_of(exchange) else { return };
        if association.exchange() != Some(exchange) {
            return;
        }
        let address = association.address;
        let is_off = association.send_failed(exchange);
        self.log(Level::Debug, format!("no request to {address} possible: {why}"));
        if is_off {
            self.log(Level::Info, format!("source {} is offline: {why} (auto_offline)", address.ip()));
        }
        self.actions.push_back(Action::Close { exchange });
        self.reselect(now);
    }

    /// A datagram came to an exchange's socket.
    pub fn handle_reply(
        &mut self,
        now: Moment,
        exchange: ExchangeId,
        from: SocketAddr,
        local: Option<IpAddr>,
        received: Stamp,
        bytes: &[u8],
    ) {
        self.notice_step(now);
        let is_leap_close = self.is_leap_close(now);
        let context = Context {
            oscillator: &self.oscillator.clone(),
            prior: self.prior,
            precision: self.precision,
            own_port: self.served_port(),
            keys: &self.keys.clone(),
            built: self.built,
        };
        let Some((index, association)) = self.source_of(exchange) else { return };
        if association.address != from {
            return;
        }
        if is_leap_close {
            association.send_failed(exchange);
            association.forget_exchanges();
            self.actions.push_back(Action::Close { exchange });
            self.log(Level::Debug, format!("reply from {from} not used: a leap second is near"));
            return;
        }
        let result = association.receive(&Arrival { exchange, local, stamp: received, bytes }, &context);
        let interval = association.interval();
        if association.exchange() != Some(exchange) {
            self.actions.push_back(Action::Close { exchange });
        }
        self.record_measurement(now, index, result.err(), bytes);
        match result {
            Ok(Taken::Sample) => self.take_sample(now, index),
            Ok(Taken::Nothing) => self.reselect(now),
            Err(rejection) => {
                self.log(Level::Debug, format!("reply from {from} not used: {rejection}"));
                self.tell_of_kiss(from.ip(), rejection, interval);
                self.reselect(now);
            }
        }
    }

    fn tell_of_kiss(&mut self, from: IpAddr, rejection: Rejection, interval: Seconds) {
        match rejection {
            Rejection::RateKiss => {
                let seconds = interval.0;
                let text = format!(
                    "source {from} asks for fewer requests (RATE): from now on every {seconds} s at most"
                );
                self.log(Level::Info, text);
            }
            Rejection::DenyKiss | Rejection::RestrictKiss => {
                let text = format!(
                    "source {from} is not asked any more: {rejection}; 'online' in chronyc asks again"
                );
                self.log(Level::Warning, text);
            }
            _ => {}
        }
    }

    /// Where this host serves time; 0 = nowhere. Who has allowed nobody when the sockets were opened has no server's.
    fn served_port(&self) -> u16 {
        if self.config.access.iter().any(|rule| rule.allow) { self.config.port } else { 0 }
    }

    /// A monitoring request came; returns the reply's datagram. A command may leave actions to be polled.
    pub fn handle_command(&mut self, now: Moment, transport: Transport, bytes: &[u8]) -> Option<Vec<u8>> {
        chronyc::answer::answer(&mut desk::EngineDesk::new(self, now), transport.into(), bytes)
    }

    /// A lookup ended.
    pub fn handle_resolved(&mut self, now: Moment, lookup: LookupId, result: Result<Vec<IpAddr>, String>) {
        self.resolved(now, lookup, result);
    }

    /// A correction was made: `done` is what the kernel took (its limits may have changed the wish); on an error the
    /// daemon passes why. `now` was read after the system call.
    pub fn handle_corrected(&mut self, now: Moment, done: Result<Correction, String>) {
        self.corrected(now, done);
    }

    /// The daemon is about to exit: leaves as the last actions what must outlive it: an [`Action::Correct`] with the
    /// frequency that stays without slewing (never a step), and [`Action::SaveDrift`].
    pub fn handle_shutdown(&mut self, now: Moment) {
        self.slew_until = None;
        if self.is_steered() && self.model.is_some() {
            self.correct(None, Ppm::ZERO, now);
        }
        if let Some(drift) = self.drift() {
            self.actions.push_back(Action::SaveDrift(drift));
        }
        self.want_dumps();
    }

    /// The next thing to do, until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Engine::handle_timeout`] wants to be called; `None` = never.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let sources = self.sources.iter().filter_map(|source| source.association.as_ref()?.timeout());
        let others = [
            self.next_lookup(),
            self.slew_until,
            self.next_refresh(),
            self.leaping.due(),
            self.fallback.due(),
        ];
        let drift = self.drift().map(|_| self.next_drift);
        sources.chain(others.into_iter().flatten()).chain(drift).chain([self.next_look]).min()
    }

    /// SHUTDOWN came over the monitoring protocol's Unix socket.
    pub fn wants_shutdown(&self) -> bool {
        self.shutdown
    }

    /// How the clock stands.
    pub fn standing(&self, now: Moment) -> Standing {
        Standing {
            synchronised: self.discipline.updates() > 0,
            correction: self.correction(now.wall),
            updates: self.discipline.updates(),
            drift: self.drift(),
            frequency: self.base_frequency(),
        }
    }

    fn log(&mut self, level: Level, text: String) {
        self.actions.push_back(Action::Log { level, text });
    }
}
