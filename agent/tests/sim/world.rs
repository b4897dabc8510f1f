//! A small world on virtual time: machines with imperfect clocks, links with delay and loss, the production engine.

#[path = "desk.rs"]
mod desk;
#[path = "life.rs"]
mod life;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use timefleet_agent::config;
use timefleet_agent::engine::{
    Action, Correction, Engine, ExchangeId, LONGEST_ANSWER, Level, Stamp, StampedBy,
};
use timefleet_agent::packet::{Header, Packet};
use timefleet_agent::report::Leap;
use timefleet_agent::time::{Moment, NtpTimestamp, Ppm, Seconds};

use crate::chance::Chance;
use crate::kernel::Kernel;
use crate::link::Link;
use crate::node::{Machine, Node};
use crate::oddity::Oddities;

/// 2026-01-01, when a world begins unless its story says otherwise.
pub(crate) const START: i64 = 1_767_225_600;
/// 2025-01-01, when every agent of the world was built.
const BUILT: i64 = 1_735_689_600;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A machine's sleep is over.
    Wake(usize),
    /// A node's timer; the number tells a timer that was set anew meanwhile.
    Timeout(usize, u64),
    Request {
        from: usize,
        to: usize,
        exchange: u64,
        bytes: Vec<u8>,
    },
    Reply {
        from: usize,
        to: usize,
        exchange: u64,
        bytes: Vec<u8>,
    },
}

/// The world.
pub(crate) struct World {
    now: i64,
    /// Unix seconds.
    start: i64,
    /// World time of a leap second, and by how much UTC goes back there.
    leap: Option<(i64, f64)>,
    chance: Chance,
    nodes: Vec<Node>,
    link: Link,
    links: BTreeMap<(usize, usize), Link>,
    /// Pairs of nodes that cannot reach each other.
    cuts: Vec<(usize, usize)>,
    queue: BinaryHeap<Reverse<(i64, u64, Event)>>,
    sequence: u64,
    names: BTreeMap<String, Vec<IpAddr>>,
    liars: BTreeMap<usize, fn(&mut [u8])>,
    pub(crate) oddities: Oddities,
}

impl World {
    pub(crate) fn new(seed: u8) -> Self {
        // Shown when a story fails.
        println!("seed {seed}");
        Self {
            now: 0,
            start: START,
            leap: None,
            chance: Chance::new(seed.into()),
            nodes: Vec::new(),
            link: Link::USUAL,
            links: BTreeMap::new(),
            cuts: Vec::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            names: BTreeMap::new(),
            liars: BTreeMap::new(),
            oddities: Oddities::default(),
        }
    }

    pub(crate) fn links(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Begins at another time than 2026 (Unix seconds).
    pub(crate) fn beginning(mut self, unix: i64) -> Self {
        self.start = unix;
        self
    }

    /// UTC has a leap second so many seconds after the beginning.
    pub(crate) fn leap_second(mut self, after: i64, leap: Leap) -> Self {
        let back = if leap == Leap::InsertSecond { 1.0 } else { -1.0 };
        self.leap = Some((after * 1_000_000_000, back));
        self
    }

    /// The way from one node to another; the way back stays as it was.
    pub(crate) fn way(&mut self, from: usize, to: usize, link: Link) {
        self.links.insert((from, to), link);
    }

    /// `name` resolves to the addresses of these nodes.
    pub(crate) fn name(&mut self, name: &str, nodes: &[usize]) {
        self.names.insert(name.to_owned(), nodes.iter().map(|node| address(*node)).collect());
    }

    /// Adds a machine; the first has the address 10.0.0.1, the next 10.0.0.2 and so on.
    pub(crate) fn add(&mut self, machine: Machine, configuration: &str) -> usize {
        let index = self.nodes.len();
        let start = self.start * 1_000_000_000;
        let mut kernel = Kernel::new(start, self.now, machine.ahead, machine.fast.ratio(), machine.wander);
        let moment = kernel.advance(self.now, &mut self.chance);
        let engine = self.agent(machine, configuration, Ppm::ZERO, moment);
        self.nodes.push(Node {
            steered: machine.steered,
            engine,
            kernel,
            timer: 0,
            asleep_until: self.now,
            steps: Vec::new(),
            sent: 0,
            saved: None,
            log: Vec::new(),
            records: Vec::new(),
            has_dumped: false,
            gave_up: false,
        });
        self.settle(index);
        index
    }

    fn push(&mut self, at: i64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, event)));
    }

    /// Lets `seconds` pass.
    pub(crate) fn run(&mut self, seconds: f64) {
        let end = self.now + (seconds * 1e9) as i64;
        while let Some(Reverse((at, _, _))) = self.queue.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse((at, _, event))) = self.queue.pop() else { break };
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = end;
        for index in 0..self.nodes.len() {
            self.advance(index);
        }
    }

    /// Lets `seconds` pass in steps of one second, collecting a node's error after each.
    pub(crate) fn errors(&mut self, node: usize, seconds: u32) -> Vec<f64> {
        (0..seconds)
            .map(|_| {
                self.run(1.0);
                self.error(node)
            })
            .collect()
    }

    /// Seconds the node's clock is ahead of true time.
    pub(crate) fn error(&mut self, node: usize) -> f64 {
        self.advance(node);
        let leapt = self.leap.filter(|(at, _)| *at <= self.now).map_or(0.0, |(_, back)| back);
        self.nodes[node].kernel.ahead() + leapt
    }

    /// Seconds that the time served by the node is ahead of true time.
    pub(crate) fn served_error(&mut self, node: usize) -> f64 {
        let moment = self.advance(node);
        let stamp = Stamp { wall: moment.wall, by: StampedBy::Daemon };
        let request = Header::request(4, 6, NtpTimestamp(1)).to_bytes();
        let from = SocketAddr::new(address(250), 4000);
        let mut answer = [0; LONGEST_ANSWER];
        let engine = &mut self.nodes[node].engine;
        let length = engine.handle_request(moment, from, stamp, &request, &mut answer).unwrap();
        let served = Packet::parse(&answer[..length]).unwrap().header.transmit.near(moment.wall);
        self.error(node) + (served - moment.wall).0
    }

    /// The steps made by the node itself.
    pub(crate) fn steps(&self, node: usize) -> &[f64] {
        &self.nodes[node].steps
    }

    pub(crate) fn sent(&self, node: usize) -> u32 {
        self.nodes[node].sent
    }

    pub(crate) fn log(&self, node: usize) -> Vec<String> {
        self.nodes[node]
            .log
            .iter()
            .filter(|(level, _)| *level > Level::Debug)
            .map(|(_, text)| text.clone())
            .collect()
    }

    /// The messages with what only `-d` shows.
    pub(crate) fn whole_log(&self, node: usize) -> Vec<String> {
        self.nodes[node].log.iter().map(|(_, text)| text.clone()).collect()
    }

    /// What the node answers is changed on its way out.
    pub(crate) fn lies(&mut self, node: usize, how: fn(&mut [u8])) {
        self.liars.insert(node, how);
    }

    /// Nobody's datagrams pass between these two.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.cuts.push((a, b));
    }

    /// They can reach each other again.
    pub(crate) fn heal(&mut self, a: usize, b: usize) {
        self.cuts.retain(|cut| *cut != (a, b) && *cut != (b, a));
    }

    /// Somebody else sets the node's clock.
    pub(crate) fn step_by_hand(&mut self, node: usize, seconds: f64) {
        self.advance(node);
        self.nodes[node].kernel.step(Seconds(seconds));
    }

    /// The node's oscillator suddenly runs faster.
    pub(crate) fn warm(&mut self, node: usize, by: f64) {
        self.advance(node);
        self.nodes[node].kernel.warm(by);
    }

    /// The machine sleeps: its monotonic clock stands still, and what is sent to it is lost.
    pub(crate) fn suspend(&mut self, node: usize, seconds: f64) {
        self.advance(node);
        self.nodes[node].asleep_until = self.now + (seconds * 1e9) as i64;
        self.push(self.nodes[node].asleep_until, Event::Wake(node));
    }

    /// The node's kernel clock.
    pub(crate) fn kernel(&mut self, node: usize) -> &mut Kernel {
        &mut self.nodes[node].kernel
    }

    /// The node's agent has ended because it could not go on.
    pub(crate) fn gave_up(&self, node: usize) -> bool {
        self.nodes[node].gave_up
    }

    /// The files of sources of a node say this.
    pub(crate) fn source_files(&mut self, node: usize, lines: &str) {
        let upstreams = config::parse("sources", lines).unwrap().upstreams;
        let moment = self.advance(node);
        self.nodes[node].engine.handle_file_sources(moment, upstreams);
        self.settle(node);
    }

    /// The true time.
    pub(crate) fn unix(&self) -> f64 {
        self.start as f64 + self.now as f64 / 1e9
    }

    /// Throws bytes at the node: at its server's socket and at the socket of every exchange under way.
    pub(crate) fn throw(&mut self, node: usize, from: usize, bytes: &[u8]) {
        let moment = self.advance(node);
        let stamp = Stamp { wall: moment.wall, by: StampedBy::Daemon };
        let engine = &mut self.nodes[node].engine;
        engine.handle_request(
            moment,
            SocketAddr::new(address(from), 4000),
            stamp,
            bytes,
            &mut [0; LONGEST_ANSWER],
        );
        for exchange in 1..20 {
            let source = SocketAddr::new(address(from), 123);
            engine.handle_reply(moment, ExchangeId(exchange), source, None, stamp, bytes);
        }
        self.settle(node);
    }

    fn advance(&mut self, index: usize) -> Moment {
        let node = &mut self.nodes[index];
        // A sleeping machine's clocks go on when it wakes.
        let now = if node.asleep_until > self.now { node.kernel.at() } else { self.now };
        node.kernel.advance(now, &mut self.chance)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(index) => {
                let node = &mut self.nodes[index];
                node.kernel.sleep(self.now, &mut self.chance);
                self.turn(index, |engine, moment| engine.handle_timeout(moment));
            }
            Event::Timeout(index, set) if set == self.nodes[index].timer && !self.sleeps(index) => {
                self.turn(index, |engine, moment| engine.handle_timeout(moment));
            }
            Event::Timeout(..) => {}
            Event::Request { from, to, exchange, bytes } if !self.sleeps(to) => {
                let moment = self.advance(to);
                let stamp = Stamp { wall: moment.wall, by: StampedBy::Kernel };
                let mut answer = [0; LONGEST_ANSWER];
                let source = SocketAddr::new(address(from), 40_000);
                let length = self.nodes[to].engine.handle_request(moment, source, stamp, &bytes, &mut answer);
                if let Some(length) = length {
                    let answer = &mut answer[..length];
                    let late = self.oddities.answer(to, &bytes, answer, moment.wall, &mut self.chance);
                    if let Some(lie) = self.liars.get(&to) {
                        lie(answer);
                    }
                    let reply = Event::Reply { from: to, to: from, exchange, bytes: answer.to_vec() };
                    self.transmit(to, from, late, &reply);
                }
            }
            Event::Reply { from, to, exchange, bytes } if !self.sleeps(to) => {
                let (source, local) = (SocketAddr::new(address(from), 123), Some(address(to)));
                self.turn(to, |engine, moment| {
                    let stamp = Stamp { wall: moment.wall, by: StampedBy::Kernel };
                    engine.handle_reply(moment, ExchangeId(exchange), source, local, stamp, &bytes);
                });
            }
            Event::Request { .. } | Event::Reply { .. } => {}
        }
    }

    fn sleeps(&self, index: usize) -> bool {
        self.nodes[index].asleep_until > self.now
    }

    /// Tells a node's engine something and does what it then wants.
    fn turn(&mut self, index: usize, tell: impl FnOnce(&mut Engine, Moment)) {
        let moment = self.advance(index);
        if !self.nodes[index].gave_up {
            tell(&mut self.nodes[index].engine, moment);
            self.settle(index);
        }
    }

    fn transmit(&mut self, from: usize, to: usize, late: f64, event: &Event) {
        if self.is_cut(from, to) {
            return;
        }
        let link = self.links.get(&(from, to)).unwrap_or(&self.link);
        for delay in link.carry(&mut self.chance) {
            self.push(self.now + ((late + delay) * 1e9) as i64, event.clone());
        }
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cuts.contains(&(a, b)) || self.cuts.contains(&(b, a))
    }

    /// Does what a node's engine wants, until it wants nothing more.
    fn settle(&mut self, index: usize) {
        while let Some(action) = self.nodes[index].engine.poll_action() {
            self.act(index, action);
        }
        let Some(due) = self.nodes[index].engine.poll_timeout() else { return };
        let moment = self.advance(index);
        let wait = (due - moment.mono).max(Seconds(1e-6));
        // Clocks are a little wrong; a timer that is early by that much just comes again.
        self.nodes[index].timer += 1;
        let timer = self.nodes[index].timer;
        self.push(self.now + wait.nanos().max(1000), Event::Timeout(index, timer));
    }

    fn act(&mut self, index: usize, action: Action) {
        match action {
            Action::Send { exchange, to, bytes } => {
                let moment = self.advance(index);
                let node = &mut self.nodes[index];
                if let Some(why) = self.oddities.why_not_sent(index) {
                    node.engine.handle_send_failed(moment, exchange, why);
                    return;
                }
                node.sent += 1;
                node.engine.handle_sent(exchange, Stamp { wall: moment.wall, by: StampedBy::Kernel });
                if let Some(why) = node_of(to.ip()).and_then(|to| self.oddities.why_not_taken(to)) {
                    node.engine.handle_send_failed(moment, exchange, why);
                    return;
                }
                self.oddities.note_request(index, moment, &bytes);
                if let Some(to) = node_of(to.ip()).filter(|to| *to < self.nodes.len()) {
                    let exchange = exchange.0;
                    self.transmit(index, to, 0.0, &Event::Request { from: index, to, exchange, bytes });
                }
            }
            Action::Correct(correction) => self.correct(index, correction),
            Action::Resolve { lookup, name, .. } => {
                self.oddities.note_lookup(index);
                let moment = self.advance(index);
                let result = self.names.get(&name).cloned().ok_or_else(|| "no such name".to_owned());
                self.nodes[index].engine.handle_resolved(moment, lookup, result);
            }
            Action::SaveDrift(drift) => self.nodes[index].saved = Some(drift),
            Action::Log { level, text } => self.nodes[index].log.push((level, text)),
            Action::Record(record) => self.nodes[index].records.push(record),
            Action::Dump => self.nodes[index].has_dumped = true,
            Action::Close { .. } | Action::ReadKeys | Action::ReloadSources | Action::CycleLogs => {}
            Action::GiveUp { reason } => {
                self.nodes[index].log.push((Level::Error, reason));
                self.nodes[index].gave_up = true;
            }
            Action::LookForRoute { to } => {
                let moment = self.advance(index);
                let is_there = node_of(to.ip()).is_some_and(|to| !self.is_cut(index, to));
                self.nodes[index].engine.handle_route(moment, to, is_there);
            }
        }
    }

    fn correct(&mut self, index: usize, correction: Correction) {
        self.advance(index);
        let node = &mut self.nodes[index];
        assert!(node.steered, "a clock that is not ours was touched: {correction:?}");
        node.kernel.correct(&correction);
        node.steps.extend(correction.step.map(|step| step.0));
        let moment = self.advance(index);
        self.nodes[index].engine.handle_corrected(moment, Ok(correction));
    }
}

pub(crate) fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(node + 1).unwrap()))
}

fn node_of(address: IpAddr) -> Option<usize> {
    match address {
        IpAddr::V4(v4) if v4.octets()[..3] == [10, 0, 0] => usize::from(v4.octets()[3]).checked_sub(1),
        _ => None,
    }
}
