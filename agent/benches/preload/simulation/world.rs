//! Virtual time: nobody's clock goes on while anybody computes, and when all wait, it is the next event's time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use super::host::Host;
use super::link::Link;
use super::luck::Luck;
use super::wire::{self, Answer, Datagram, Request};

const SECOND: i64 = 1_000_000_000;
const NTP: u16 = 123;
/// 192.168.123.0.
const NETWORK: u32 = 0xC0A8_7B00;

/// A simulation could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    #[error("host {host} ended at {seconds} s; its last words:\n{words}")]
    Ended { host: usize, seconds: i64, words: String },
    #[error("host {host} at {seconds} s: {source}; its last words:\n{words}")]
    Talk { host: usize, seconds: i64, source: io::Error, words: String },
}

/// The last host's clock, at the end of a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds ahead of true time.
    pub(crate) time: f64,
    /// How much too fast.
    pub(crate) frequency: f64,
}

/// What happens to the last host's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upset {
    /// The oscillator gets faster by this.
    Frequency(f64),
    /// Somebody sets the clock forward, seconds.
    Step(f64),
}

/// Hosts and the network between them.
pub(crate) struct World {
    now: i64,
    hosts: Vec<Host>,
    link: Link,
    /// One stream of luck for each direction between two hosts.
    weather: Vec<Vec<Luck>>,
    /// When it arrives, its number, where, and what.
    flying: BinaryHeap<Reverse<(i64, u64, usize, Datagram)>>,
    flown: u64,
    room: Vec<u8>,
}

impl World {
    pub(crate) fn new(hosts: Vec<Host>, link: Link, seed: u64) -> Self {
        let count = hosts.len();
        let weather = (0..count)
            .map(|from| (0..count).map(|to| Luck::new(seed, "link", from * count + to)).collect())
            .collect();
        let room = vec![0; wire::ROOM];
        Self { now: 0, hosts, link, weather, flying: BinaryHeap::new(), flown: 0, room }
    }

    /// Runs for so many seconds and looks at the last host's clock after each.
    pub(crate) fn run(&mut self, seconds: i64, upsets: &[(i64, Upset)]) -> Result<Vec<Sample>, WorldError> {
        let mut samples = Vec::new();
        for second in 1..=seconds {
            self.run_until(second * SECOND)?;
            for host in &mut self.hosts {
                host.clock.advance(self.now);
                host.clock.wander();
            }
            let Some(client) = self.hosts.last_mut() else { continue };
            samples.push(Sample { time: client.clock.error(), frequency: client.clock.rate_error() });
            for (_, upset) in upsets.iter().filter(|(when, _)| *when == second) {
                match upset {
                    Upset::Frequency(by) => client.clock.jump(*by),
                    Upset::Step(by) => client.clock.step(*by),
                }
            }
        }
        Ok(samples)
    }

    /// Requests that the last host has sent.
    pub(crate) fn requests(&self) -> u32 {
        self.hosts.last().map_or(0, |host| host.requests)
    }

    fn run_until(&mut self, end: i64) -> Result<(), WorldError> {
        loop {
            for index in 0..self.hosts.len() {
                self.listen(index)?;
            }
            let timer = self
                .hosts
                .iter()
                .enumerate()
                .filter_map(|(index, host)| Some((host.clock.when(host.waiting??), index)))
                .min();
            let arrival = self.flying.peek().map(|Reverse((when, ..))| *when);
            let due = timer.map(|(when, _)| when).into_iter().chain(arrival).min();
            let Some(due) = due.filter(|due| *due < end) else {
                self.now = end;
                return Ok(());
            };
            self.now = due.max(self.now);
            if arrival == Some(due) {
                if let Some(Reverse((_, _, index, datagram))) = self.flying.pop() {
                    self.wake(index, &Answer::Came(&datagram))?;
                }
            } else if let Some((_, index)) = timer {
                self.wake(index, &Answer::Clocks)?;
            }
        }
    }

    fn wake(&mut self, index: usize, answer: &Answer<'_>) -> Result<(), WorldError> {
        let Some(host) = self.hosts.get_mut(index) else { return Ok(()) };
        host.waiting = None;
        host.clock.advance(self.now);
        let told = wire::answer(&host.wire, host.clock.reading(), answer);
        told.map_err(|source| self.broken(index, source))
    }

    /// Does what a host wants, until it waits.
    fn listen(&mut self, index: usize) -> Result<(), WorldError> {
        while let Some(host) = self.hosts.get_mut(index)
            && host.waiting.is_none()
        {
            let request = wire::receive(&host.wire, &mut self.room);
            host.clock.advance(self.now);
            let told = match request {
                Ok(Some(Request::Wait(span))) => {
                    host.waiting = Some(span.map(|span| host.clock.reading().monotonic + span));
                    Ok(())
                }
                Ok(Some(Request::Now)) => wire::answer(&host.wire, host.clock.reading(), &Answer::Clocks),
                Ok(Some(Request::Set(real))) => {
                    host.clock.set(real);
                    wire::answer(&host.wire, host.clock.reading(), &Answer::Clocks)
                }
                Ok(Some(Request::Adjust(mut wish))) => {
                    let answer = match host.clock.adjust(&mut wish) {
                        Ok(state) => Answer::Adjusted(state, &wish),
                        Err(error) => Answer::Refused(error),
                    };
                    wire::answer(&host.wire, host.clock.reading(), &answer)
                }
                Ok(Some(Request::Send(datagram))) => {
                    self.send(index, datagram);
                    Ok(())
                }
                Ok(None) => {
                    let words = host.last_words();
                    return Err(WorldError::Ended { host: index + 1, seconds: self.now / SECOND, words });
                }
                Err(source) => Err(source),
            };
            told.map_err(|source| self.broken(index, source))?;
        }
        Ok(())
    }

    fn send(&mut self, from: usize, datagram: Datagram) {
        let is_up = datagram.port == NTP;
        if let Some(host) = self.hosts.get_mut(from).filter(|_| is_up) {
            host.requests += 1;
        }
        let to = (datagram.address ^ NETWORK).wrapping_sub(1) as usize;
        let Some(luck) = self.weather.get_mut(from).and_then(|row| row.get_mut(to)) else { return };
        let Some(delay) = self.link.carry(self.now, is_up, luck) else { return };
        let arriving = Datagram {
            address: NETWORK | (from as u32 + 1),
            port: datagram.local_port,
            local_port: datagram.port,
            bytes: datagram.bytes,
        };
        self.flown += 1;
        self.flying.push(Reverse((self.now + delay, self.flown, to, arriving)));
    }

    fn broken(&self, index: usize, source: io::Error) -> WorldError {
        let words = self.hosts.get(index).map(Host::last_words).unwrap_or_default();
        WorldError::Talk { host: index + 1, seconds: self.now / SECOND, source, words }
    }
}
