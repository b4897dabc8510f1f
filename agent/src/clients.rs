//! The client log in parts, so that many threads can serve at once: each address belongs to one part, and each part has
//! a lock of its own that is held for the length of one answer.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client_log::{ClientLog, Entry, Held, Outcome, Page, Pair, Service, Totals};
use crate::config::{self, RateLimit};
use crate::time::{Mono, NtpTimestamp};

/// Most parts that a log is cut into.
const MOST_PARTS: usize = 16;
/// A part holds at least this many addresses: smaller ones would fill unevenly.
const SMALLEST_PART: usize = 256;

/// Who took the timestamps of what was served, and what was special about it, for `serverstats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Receive timestamps of the kernel.
    pub kernel_received: u64,
    /// Receive timestamps of the daemon.
    pub daemon_received: u64,
    /// Transmit timestamps of the kernel: answers in interleaved mode.
    pub kernel_sent: u64,
    /// Transmit timestamps of the daemon.
    pub daemon_sent: u64,
    /// Signed requests.
    pub authenticated: u64,
    /// Answers in interleaved mode.
    pub interleaved: u64,
}

/// One part.
#[derive(Debug)]
pub struct Part {
    /// Addresses and timestamps.
    pub log: ClientLog,
    /// What was served to them.
    pub served: Served,
}

/// All clients.
#[derive(Debug)]
pub struct Clients {
    /// A power of two of them.
    parts: Box<[Mutex<Part>]>,
    seed: u64,
}

impl Clients {
    /// `seed` makes it hard to choose addresses that share a place.
    pub fn new(setting: config::ClientLog, seed: u64) -> Self {
        let capacity = ClientLog::new(setting, seed).capacity();
        let parts = (capacity / SMALLEST_PART).clamp(1, MOST_PARTS);
        let share = match setting {
            config::ClientLog::Off => config::ClientLog::Off,
            config::ClientLog::Limit { bytes } => config::ClientLog::Limit { bytes: bytes / parts as u64 },
        };
        let part = |number: u64| {
            let log = ClientLog::new(share, seed.wrapping_add(number));
            Mutex::new(Part { log, served: Served::default() })
        };
        Self { parts: (0..parts as u64).map(part).collect(), seed: !seed }
    }

    /// The part of an address, for as long as it is held.
    pub fn part_of(&self, address: IpAddr) -> Option<MutexGuard<'_, Part>> {
        let parts = self.parts.len();
        let place = if parts == 1 { 0 } else { ClientLog::hash(address, self.seed) as usize & (parts - 1) };
        self.parts.get(place).map(lock)
    }

    /// Counts a command and decides what becomes of it.
    pub fn ask_command(&self, from: IpAddr, now: Mono, limit: Option<RateLimit>) -> Outcome {
        self.part_of(from)
            .map_or(Outcome::Answered, |mut part| part.log.ask(Service::Command, from, now, limit))
    }

    /// Counts a command that came over the Unix socket: it has no address.
    pub fn count_local_command(&self) {
        if let Some(part) = self.parts.first() {
            lock(part).log.count_local_command();
        }
    }

    /// What is known of one client.
    pub fn entry(&self, of: IpAddr, now: Mono) -> Option<Entry> {
        self.part_of(of)?.log.entry(of, now)
    }

    /// Counters over all clients.
    pub fn totals(&self) -> Totals {
        self.parts.iter().fold(Totals::default(), |sum, part| sum + lock(part).log.totals())
    }

    /// What was served to all of them.
    pub fn served(&self) -> Served {
        self.parts.iter().map(|part| lock(part).served).fold(Served::default(), |sum, part| Served {
            kernel_received: sum.kernel_received + part.kernel_received,
            daemon_received: sum.daemon_received + part.daemon_received,
            kernel_sent: sum.kernel_sent + part.kernel_sent,
            daemon_sent: sum.daemon_sent + part.daemon_sent,
            authenticated: sum.authenticated + part.authenticated,
            interleaved: sum.interleaved + part.interleaved,
        })
    }

    /// The kernel saw an answer leave.
    pub fn improve_stamps(&self, to: IpAddr, receive: NtpTimestamp, transmit: NtpTimestamp) {
        if let Some(mut part) = self.part_of(to) {
            part.log.improve_stamps(receive, transmit);
        }
    }

    /// The clock jumped: no timestamps of answers are held any more.
    pub fn forget_stamps(&self) {
        self.parts.iter().for_each(|part| lock(part).log.forget_stamps());
    }

    /// What is held for clients in interleaved mode.
    pub fn held_stamps(&self) -> Held {
        let parts: Vec<_> = self.parts.iter().map(lock).collect();
        let pairs: Vec<&Pair> = parts.iter().flat_map(|part| part.log.held_stamps()).collect();
        let Some(first) = pairs.first() else { return Held::default() };
        let distance = |pair: &&Pair| pair.receive.0.wrapping_sub(first.receive.0).cast_signed();
        let (oldest, newest) =
            pairs.iter().map(distance).fold((0, 0), |(low, high), at| (at.min(low), at.max(high)));
        Held { pairs: pairs.len() as u64, span: NtpTimestamp::span(newest.wrapping_sub(oldest)) }
    }

    /// Up to `count` clients with at least `min_hits` requests of one kind, from index `first` on. With `reset` the
    /// counters of those clients begin anew. `None` when the log is off. Every part has as many indices as it may ever
    /// hold addresses, so that an index means the same while parts grow.
    pub fn page(&self, first: u32, count: u32, min_hits: u32, reset: bool, now: Mono) -> Option<Page> {
        let stride = u32::try_from(lock(self.parts.first()?).log.capacity()).unwrap_or(u32::MAX).max(1);
        let table_size = stride.saturating_mul(self.parts.len() as u32);
        let mut page = Page { table_size, next_index: first.min(table_size), entries: Vec::new() };
        while page.next_index < table_size {
            let (number, place) = (page.next_index / stride, page.next_index % stride);
            let missing = count.saturating_sub(page.entries.len() as u32);
            let mut part = lock(self.parts.get(number as usize)?);
            let found = part.log.page(place, missing, min_hits, reset, now)?;
            page.entries.extend(found.entries);
            let is_through = found.next_index >= found.table_size;
            page.next_index =
                if is_through { (number + 1) * stride } else { number * stride + found.next_index };
            if !is_through {
                break;
            }
        }
        Some(page)
    }
}

/// A thread that died while it held a part has left it as good as it was: every change is whole.
fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn clients(addresses: u64) -> Clients {
        Clients::new(config::ClientLog::Limit { bytes: addresses * 128 }, 7)
    }

    fn ask(clients: &Clients, number: u32) {
        let address = IpAddr::V4(number.into());
        let outcome =
            clients.part_of(address).unwrap().log.ask(Service::Ntp, address, Mono(1_000_000_000), None);
        assert_eq!(outcome, Outcome::Answered);
    }

    fn everybody(clients: &Clients) -> Vec<IpAddr> {
        let (mut seen, mut first) = (Vec::new(), 0);
        loop {
            let page = clients.page(first, 8, 0, false, Mono(2_000_000_000)).unwrap();
            seen.extend(page.entries.iter().map(|entry| entry.address));
            assert!(page.entries.len() <= 8 && page.next_index > first);
            first = page.next_index;
            if first >= page.table_size {
                return seen;
            }
        }
    }

    #[test]
    fn pages_show_everybody_once_over_all_parts() {
        for limit in [16, 256, 4096, 1_000_000] {
            let clients = clients(limit);
            let asking = (limit as u32).min(2_000) * 3 / 4;
            (1..=asking).for_each(|number| ask(&clients, number));
            let seen = everybody(&clients);
            let known = clients.totals().ntp_hits - clients.totals().records_lost;
            assert_eq!(seen.len() as u64, known, "limit {limit}");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "limit {limit}");
            if limit >= 256 {
                assert_eq!(clients.totals().records_lost, 0, "limit {limit}");
            }
        }
    }

    #[test]
    fn many_threads_count_every_request_once() {
        let clients = clients(4096);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|turn| ask(&clients, 1 + turn % 100)));
            }
        });
        assert_eq!(clients.totals().ntp_hits, 40_000);
        for number in 1..=100_u32 {
            let entry = clients.entry(IpAddr::V4(number.into()), Mono(2_000_000_000)).unwrap();
            assert_eq!(entry.ntp.hits, 400);
        }
    }

    #[test]
    fn a_log_that_is_off_counts_and_limits_nobody() {
        let clients = Clients::new(config::ClientLog::Off, 7);
        let limit = Some(RateLimit { burst: 1, ..RateLimit::COMMANDS });
        for _ in 0..10 {
            let outcome = clients.ask_command("192.0.2.1".parse().unwrap(), Mono(1), limit);
            assert_eq!(outcome, Outcome::Answered);
        }
        clients.count_local_command();
        assert_eq!(clients.totals().command_hits, 11);
        assert_eq!(clients.page(0, 8, 0, false, Mono(1)), None);
    }
}
