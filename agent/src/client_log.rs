//! Who asked how often: one small record for each address in bounded memory, and counters for all of them. What an
//! address may still have is decided here, too.

mod credit;
mod record;
mod stamps;
mod table;

use std::net::IpAddr;

use self::credit::Price;
use self::record::{Key, Tick};
pub use self::stamps::Pair;
use self::stamps::Stamps;
use self::table::{Table, WAYS};
use crate::config::{self, RateLimit};
use crate::time::{Mono, NtpTimestamp, Seconds};

/// Memory that chrony.conf(5) reckons for one address: 524288 bytes are 4096 of them.
const BYTES_PER_ADDRESS: u64 = 128;
/// A client that dropping makes ask more is dropped again after 2 to this power answers, on average.
const SPARED: u8 = 3;
/// More addresses than this are never remembered, whatever the limit.
const MOST_RECORDS: u64 = 1 << 24;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The time.
    Ntp,
    /// The monitoring port.
    Command,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered.
    Answered,
    /// It is dropped by rate limiting.
    Dropped,
    /// It is answered with the kiss code that asks for fewer requests.
    Kissed,
}

/// Counters since the start, over all clients, also those that are forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Valid NTP requests of allowed hosts, dropped ones included.
    pub ntp_hits: u64,
    /// Of them dropped.
    pub ntp_drops: u64,
    /// Command requests over all transports.
    pub command_hits: u64,
    /// Of them dropped.
    pub command_drops: u64,
    /// Records that were lost to make room for others.
    pub records_lost: u64,
}

impl std::ops::Add for Totals {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            ntp_hits: self.ntp_hits + other.ntp_hits,
            ntp_drops: self.ntp_drops + other.ntp_drops,
            command_hits: self.command_hits + other.command_hits,
            command_drops: self.command_drops + other.command_drops,
            records_lost: self.records_lost + other.records_lost,
        }
    }
}

/// What is known of one client and one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests, dropped ones included.
    pub hits: u32,
    /// Dropped ones.
    pub drops: u32,
    /// Average spacing, log2 seconds; `None` until the second request.
    pub interval: Option<i8>,
    /// Whole seconds since the last request; `None` = never.
    pub age: Option<u32>,
}

/// What is known of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub address: IpAddr,
    /// Requests for the time.
    pub ntp: Usage,
    /// Average spacing of NTP requests since some were dropped, log2 seconds.
    pub ntp_limited_interval: Option<i8>,
    /// Monitoring requests.
    pub command: Usage,
}

/// The timestamps that are held for clients in interleaved mode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Held {
    /// How many pairs.
    pub pairs: u64,
    /// From the oldest receive timestamp to the newest.
    pub span: Seconds,
}

/// A part of the log, by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Number of indices in the table.
    pub table_size: u32,
    /// First index that was not looked at.
    pub next_index: u32,
    /// The clients found.
    pub entries: Vec<Entry>,
}

/// The log.
#[derive(Clone, Debug)]
pub struct ClientLog {
    table: Table,
    dice: u64,
    totals: Totals,
    stamps: Stamps,
}

impl ClientLog {
    /// `seed` makes it hard to choose addresses that fall into one set.
    pub fn new(setting: config::ClientLog, seed: u64) -> Self {
        let most_records = match setting {
            config::ClientLog::Off => 0,
            config::ClientLog::Limit { bytes } => power_of_two_below(bytes / BYTES_PER_ADDRESS).max(WAYS),
        };
        let (table, stamps) = (Table::new(most_records, seed), Stamps::new(most_records));
        Self { table, dice: seed, totals: Totals::default(), stamps }
    }

    /// A number for an address that only those can foretell who know the seed.
    pub fn hash(address: IpAddr, seed: u64) -> u64 {
        Key::from(address).hash(seed)
    }

    /// How many addresses can be remembered; 0 = the log is off.
    pub fn capacity(&self) -> usize {
        self.table.most()
    }

    /// Counters over all clients.
    pub fn totals(&self) -> Totals {
        Totals { records_lost: self.table.lost(), ..self.totals }
    }

    /// Counts a command that came over the Unix socket: it has no address.
    pub fn count_local_command(&mut self) {
        self.totals.command_hits += 1;
    }

    /// Counts a request and decides what becomes of it. Whoever is not remembered is not limited either.
    pub fn ask(&mut self, service: Service, from: IpAddr, now: Mono, limit: Option<RateLimit>) -> Outcome {
        let (key, tick) = (Key::from(from), Tick::of(now));
        let outcome = match (limit, self.table.of(key, tick)) {
            (None, Some(record)) => {
                record.hit(service, tick, Outcome::Answered);
                Outcome::Answered
            }
            (_, None) => Outcome::Answered,
            (Some(limit), Some(record)) => {
                let is_paid = record.pay(service, tick, Price::of(limit));
                let is_spared = !is_paid && record.is_driven_by_drops();
                let outcome =
                    if is_paid || is_spared { Outcome::Answered } else { luck(&mut self.dice, limit) };
                record.hit(service, tick, outcome);
                // The limit is only suspended: now and then it is tried again.
                if is_spared && one_in_two_to(roll(&mut self.dice), SPARED) {
                    record.forget_drops();
                }
                outcome
            }
        };
        self.count(service, outcome);
        outcome
    }

    /// Counts a request whose outcome is known.
    pub fn hit(&mut self, service: Service, from: IpAddr, now: Mono, outcome: Outcome) {
        let tick = Tick::of(now);
        if let Some(record) = self.table.of(Key::from(from), tick) {
            record.hit(service, tick, outcome);
        }
        self.count(service, outcome);
    }

    fn count(&mut self, service: Service, outcome: Outcome) {
        let dropped = u64::from(outcome == Outcome::Dropped);
        let totals = &mut self.totals;
        let (hits, drops) = match service {
            Service::Ntp => (&mut totals.ntp_hits, &mut totals.ntp_drops),
            Service::Command => (&mut totals.command_hits, &mut totals.command_drops),
        };
        *hits += 1;
        *drops += dropped;
    }

    /// The timestamps of an earlier answer.
    pub fn stamps_of(&self, receive: NtpTimestamp) -> Option<Pair> {
        self.stamps.find(receive)
    }

    /// Holds the timestamps of an answer; returns the receive timestamp that it must say. Without a log none are held.
    pub fn hold_stamps(&mut self, pair: Pair) -> NtpTimestamp {
        if self.capacity() == 0 { pair.receive } else { self.stamps.hold(pair) }
    }

    /// The kernel saw an answer leave.
    pub fn improve_stamps(&mut self, receive: NtpTimestamp, transmit: NtpTimestamp) {
        self.stamps.improve(receive, transmit);
    }

    /// The clock jumped: no timestamps of answers are held any more.
    pub fn forget_stamps(&mut self) {
        self.stamps.forget();
    }

    /// The pairs of timestamps that are held.
    pub fn held_stamps(&self) -> impl Iterator<Item = &Pair> {
        self.stamps.held()
    }

    /// What is known of one client.
    pub fn entry(&self, of: IpAddr, now: Mono) -> Option<Entry> {
        self.table.find(Key::from(of))?.entry(Tick::of(now))
    }

    /// Up to `count` clients with at least `min_hits` requests of one kind, from index `first` on. With `reset` the
    /// counters of those clients begin anew. `None` when the log is off.
    pub fn page(&mut self, first: u32, count: u32, min_hits: u32, reset: bool, now: Mono) -> Option<Page> {
        if self.table.records().is_empty() {
            return None;
        }
        let table_size = self.table.records().len() as u32;
        let mut page = Page { table_size, next_index: first.min(table_size), entries: Vec::new() };
        for record in self.table.records_mut().iter_mut().skip(first as usize) {
            if page.entries.len() >= count as usize {
                break;
            }
            page.next_index += 1;
            if record.hits() < min_hits {
                continue;
            }
            if let Some(entry) = record.entry(Tick::of(now)) {
                page.entries.push(entry);
                if reset {
                    record.reset();
                }
            }
        }
        Some(page)
    }
}

/// Most of the excess is dropped; some is answered, and some gets the kiss code, at random.
fn luck(dice: &mut u64, limit: RateLimit) -> Outcome {
    let bits = roll(dice);
    if one_in_two_to(bits, limit.leak) {
        Outcome::Answered
    } else if limit.kod > 0 && one_in_two_to(bits >> 32, limit.kod) {
        Outcome::Kissed
    } else {
        Outcome::Dropped
    }
}

fn one_in_two_to(bits: u64, power: u8) -> bool {
    bits.trailing_zeros() >= u32::from(power)
}

/// Random enough to choose by: a Weyl sequence, mixed. The state is not given away by what is done with it.
fn roll(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*dice ^ (*dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn power_of_two_below(limit: u64) -> usize {
    let limit = limit.clamp(1, MOST_RECORDS);
    1 << limit.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Mono {
        Mono(((1_000.0 + seconds) * 1e9) as u64)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn log(addresses: u64) -> ClientLog {
        ClientLog::new(config::ClientLog::Limit { bytes: addresses * BYTES_PER_ADDRESS }, 7)
    }

    fn ask_at(log: &mut ClientLog, address: &str, at: f64) {
        log.hit(Service::Ntp, ip(address), seconds(at), Outcome::Answered);
    }

    #[test]
    fn a_record_is_small_and_the_default_limit_holds_4096_addresses() {
        assert_eq!(size_of::<record::Record>(), 64);
        assert_eq!(ClientLog::new(config::ClientLog::Limit { bytes: 524_288 }, 0).capacity(), 4096);
        assert_eq!(ClientLog::new(config::ClientLog::Limit { bytes: 1_000_000 }, 0).capacity(), 4096);
        assert_eq!(ClientLog::new(config::ClientLog::Limit { bytes: 0 }, 0).capacity(), WAYS);
        assert_eq!(ClientLog::new(config::ClientLog::Limit { bytes: u64::MAX }, 0).capacity(), 1 << 24);
    }

    #[test]
    fn a_client_is_counted_by_service_and_ages() {
        let mut log = log(64);
        ask_at(&mut log, "192.0.2.1", 0.0);
        ask_at(&mut log, "::ffff:192.0.2.1", 64.0);
        log.hit(Service::Command, ip("192.0.2.1"), seconds(70.0), Outcome::Answered);
        log.count_local_command();
        let entry = log.entry(ip("192.0.2.1"), seconds(100.9)).unwrap();
        assert_eq!(entry.address, ip("192.0.2.1"));
        assert_eq!(entry.ntp, Usage { hits: 2, drops: 0, interval: Some(6), age: Some(36) });
        assert_eq!(entry.command, Usage { hits: 1, drops: 0, interval: None, age: Some(30) });
        assert_eq!(log.entry(ip("192.0.2.2"), seconds(100.0)), None);
        assert_eq!(log.totals(), Totals { ntp_hits: 2, command_hits: 2, ..Totals::default() });
    }

    /// The figures are those observed on chronyd.
    #[test]
    fn even_spacing_shows_the_interval_that_chronyd_shows() {
        let table = [
            (1.30, 0),
            (1.35, 1),
            (3.0, 2),
            (6.0, 3),
            (12.0, 4),
            (0.7, 0),
            (0.35, -1),
            (64.0, 6),
            (1024.0, 10),
            (0.01, -5),
            (0.005, -5),
            (0.0, -5),
        ];
        for (spacing, expected) in table {
            let mut log = log(64);
            ask_at(&mut log, "192.0.2.1", 0.0);
            assert_eq!(log.entry(ip("192.0.2.1"), seconds(0.0)).unwrap().ntp.interval, None);
            for count in 1..20 {
                ask_at(&mut log, "192.0.2.1", spacing * f64::from(count));
                let interval = log.entry(ip("192.0.2.1"), seconds(1e6)).unwrap().ntp.interval;
                assert_eq!(interval, Some(expected), "request {count} every {spacing} s");
            }
        }
    }

    #[test]
    fn the_interval_follows_a_client_that_changes_its_pace() {
        let mut log = log(64);
        for count in 0..4 {
            ask_at(&mut log, "192.0.2.1", f64::from(count) * 2.0);
        }
        assert_eq!(log.entry(ip("192.0.2.1"), seconds(6.0)).unwrap().ntp.interval, Some(1));
        for count in 1..20 {
            ask_at(&mut log, "192.0.2.1", 6.0 + f64::from(count) * 64.0);
        }
        assert_eq!(log.entry(ip("192.0.2.1"), seconds(6.0)).unwrap().ntp.interval, Some(6));
    }

    #[test]
    fn the_limited_interval_begins_with_the_first_drop() {
        let mut log = log(64);
        let client = ip("192.0.2.1");
        ask_at(&mut log, "192.0.2.1", 0.0);
        log.hit(Service::Ntp, client, seconds(16.0), Outcome::Dropped);
        let entry = log.entry(client, seconds(16.0)).unwrap();
        assert_eq!((entry.ntp.hits, entry.ntp.drops, entry.ntp_limited_interval), (2, 1, None));
        ask_at(&mut log, "192.0.2.1", 18.0);
        let entry = log.entry(client, seconds(18.0)).unwrap();
        assert_eq!((entry.ntp.interval, entry.ntp_limited_interval), (Some(4), Some(1)));
        assert_eq!(log.totals(), Totals { ntp_hits: 3, ntp_drops: 1, ..Totals::default() });
    }

    #[test]
    fn memory_is_bounded_and_those_who_were_idle_longest_make_room() {
        let mut log = log(256);
        for client in 0..10_000_u32 {
            let address = IpAddr::V4((0x0A00_0000 + client).into());
            log.hit(Service::Ntp, address, seconds(f64::from(client)), Outcome::Answered);
            // Who keeps asking stays.
            ask_at(&mut log, "2001:db8::1", f64::from(client) + 0.5);
        }
        assert_eq!(log.table.records().len(), 256);
        let known = log.table.records().iter().filter(|record| !record.is_empty()).count() as u64;
        assert_eq!(known + log.totals().records_lost, 10_001);
        assert_eq!(log.entry(ip("2001:db8::1"), seconds(10_000.0)).unwrap().ntp.hits, 10_000);
        assert!(log.entry(ip("10.0.39.15"), seconds(10_000.0)).is_some(), "the newest is known");
        assert!(log.entry(ip("10.0.0.0"), seconds(10_000.0)).is_none(), "the oldest is not");
    }

    #[test]
    fn a_table_three_quarters_full_has_lost_nobody() {
        let mut log = log(4096);
        for client in 0..3_072_u32 {
            log.hit(Service::Ntp, IpAddr::V4(client.into()), seconds(0.0), Outcome::Answered);
        }
        assert_eq!(log.totals().records_lost, 0);
        for client in 0..3_072_u32 {
            let entry = log.entry(IpAddr::V4(client.into()), seconds(0.0));
            assert_eq!(entry.map(|entry| entry.ntp.hits), Some(1), "client {client}");
        }
    }

    #[test]
    fn pages_show_everybody_once_and_reset_what_they_showed() {
        let mut log = log(4096);
        for client in 1..=100_u32 {
            for _ in 0..=client % 2 {
                log.hit(Service::Ntp, IpAddr::V4(client.into()), seconds(0.0), Outcome::Answered);
            }
        }
        let mut seen = Vec::new();
        let mut first = 0;
        loop {
            let page = log.page(first, 8, 2, true, seconds(0.0)).unwrap();
            seen.extend(page.entries.iter().map(|entry| entry.address));
            first = page.next_index;
            if first >= page.table_size {
                break;
            }
        }
        seen.sort();
        let twice: Vec<IpAddr> = (1..=100_u32).filter(|n| n % 2 == 1).map(|n| IpAddr::V4(n.into())).collect();
        assert_eq!(seen, twice);
        let page = log.page(0, 1_000, 1, false, seconds(0.0)).unwrap();
        assert_eq!(page.entries.len(), 50, "those that were shown count from zero again");
        assert_eq!(log.page(99_999, 8, 0, false, seconds(0.0)).unwrap().entries, []);
        assert_eq!(log.page(3, 0, 0, false, seconds(0.0)).unwrap().next_index, 3);
    }

    #[test]
    fn a_log_that_is_off_counts_but_remembers_nobody() {
        let mut log = ClientLog::new(config::ClientLog::Off, 7);
        ask_at(&mut log, "192.0.2.1", 0.0);
        assert_eq!(log.totals().ntp_hits, 1);
        assert_eq!(log.entry(ip("192.0.2.1"), seconds(0.0)), None);
        assert_eq!(log.page(0, 8, 0, false, seconds(0.0)), None);
    }
}
