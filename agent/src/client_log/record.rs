//! One client in 64 bytes: how often it asked, when last, how fast on average, and what it may still have.

use std::net::{IpAddr, Ipv6Addr};

use super::credit::{Credit, Price};
use super::{Entry, Outcome, Service, Usage};
use crate::time::Mono;

/// An address as 16 bytes, IPv4 wrapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key([u8; 16]);

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        })
    }
}

impl Key {
    /// `::`, which no client has.
    pub(super) const NOBODY: Self = Self([0; 16]);

    fn address(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self.0)).to_canonical()
    }

    /// Mixes by multiplying and folding, twice over each half, so that each bit of the address and of the seed moves
    /// each bit of the result.
    pub(super) fn hash(self, seed: u64) -> u64 {
        let bits = u128::from_be_bytes(self.0);
        let mut hash = seed;
        for half in [(bits >> 64) as u64, bits as u64, seed] {
            hash = (hash ^ half).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            hash ^= hash >> 32;
            hash = hash.wrapping_mul(0xD6E8_FEB8_6659_FD93);
            hash ^= hash >> 32;
        }
        hash
    }
}

/// A moment in 1/256 s: 32 bits of seconds and 8 of fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(pub(super) u64);

impl Tick {
    pub(super) const PER_SECOND: u64 = 256;

    fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    pub(super) fn of(mono: Mono) -> Self {
        let (seconds, nanos) = (mono.0 / 1_000_000_000, mono.0 % 1_000_000_000);
        Self(seconds * Self::PER_SECOND + nanos * Self::PER_SECOND / 1_000_000_000)
    }
}

/// One client: 64 bytes, a line of the processor's cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) address: Key,
    ntp: Track,
    command: Track,
    /// Of NTP requests that follow a dropped one.
    limited_pace: Pace,
    /// The last NTP request was dropped.
    was_dropped: bool,
    ntp_fraction: u8,
    command_fraction: u8,
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug)]
struct Track {
    hits: u32,
    drops: u32,
    /// Whole seconds of the last request, plus one; 0 = none yet. The fraction is kept apart for the sake of size.
    last: u32,
    pace: Pace,
    credit: Credit,
}

impl Track {
    const EMPTY: Self = Self { hits: 0, drops: 0, last: 0, pace: Pace::UNKNOWN, credit: Credit::FULL };

    fn last(&self, fraction: u8) -> Option<Tick> {
        let seconds = self.last.checked_sub(1)?;
        Some(Tick(u64::from(seconds) * Tick::PER_SECOND + u64::from(fraction)))
    }

    fn usage(&self, fraction: u8, now: Tick) -> Usage {
        let age = self.last(fraction).map(|last| (now.since(last) / Tick::PER_SECOND) as u32);
        Usage { hits: self.hits, drops: self.drops, interval: self.pace.interval(), age }
    }
}

impl Record {
    pub(super) const EMPTY: Self = Self {
        address: Key::NOBODY,
        ntp: Track::EMPTY,
        command: Track::EMPTY,
        limited_pace: Pace::UNKNOWN,
        was_dropped: false,
        ntp_fraction: 0,
        command_fraction: 0,
    };

    /// Of a client that never asked yet.
    pub(super) fn of(address: Key) -> Self {
        Self { address, ..Self::EMPTY }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.address == Key::NOBODY
    }

    /// Is a request paid for? One that is not is an excess over the limit.
    pub(super) fn pay(&mut self, service: Service, now: Tick, price: Price) -> bool {
        let (track, fraction) = match service {
            Service::Ntp => (&mut self.ntp, self.ntp_fraction),
            Service::Command => (&mut self.command, self.command_fraction),
        };
        let idle = track.last(fraction).map_or(0, |last| now.since(last));
        track.credit.pay(price, idle)
    }

    /// Does it ask more than twice as fast when it gets no answer? Then dropping makes for more traffic, not less.
    pub(super) fn is_driven_by_drops(&self) -> bool {
        self.limited_pace.is_known() && self.limited_pace.0 * 2.0 < self.ntp.pace.0
    }

    /// Until it is dropped the next time, nothing is known of how it takes that.
    pub(super) fn forget_drops(&mut self) {
        self.limited_pace = self.ntp.pace;
    }

    pub(super) fn hit(&mut self, service: Service, now: Tick, outcome: Outcome) {
        let (track, fraction) = match service {
            Service::Ntp => (&mut self.ntp, &mut self.ntp_fraction),
            Service::Command => (&mut self.command, &mut self.command_fraction),
        };
        if let Some(last) = track.last(*fraction) {
            let spacing = now.since(last);
            track.pace.follow(spacing);
            if service == Service::Ntp && self.was_dropped {
                self.limited_pace.follow(spacing);
            }
        }
        if service == Service::Ntp {
            self.was_dropped = outcome == Outcome::Dropped;
        }
        track.hits = track.hits.saturating_add(1);
        track.drops = track.drops.saturating_add(u32::from(outcome == Outcome::Dropped));
        track.last = u32::try_from(now.0 / Tick::PER_SECOND).unwrap_or(u32::MAX).saturating_add(1);
        *fraction = (now.0 % Tick::PER_SECOND) as u8;
    }

    pub(super) fn entry(&self, now: Tick) -> Option<Entry> {
        (!self.is_empty()).then(|| Entry {
            address: self.address.address(),
            ntp: self.ntp.usage(self.ntp_fraction, now),
            ntp_limited_interval: self.limited_pace.interval(),
            command: self.command.usage(self.command_fraction, now),
        })
    }

    /// The larger of the two counts of requests.
    pub(super) fn hits(&self) -> u32 {
        self.ntp.hits.max(self.command.hits)
    }

    /// Hits and drops begin anew; when the client was last seen, and how often it comes, stays known.
    pub(super) fn reset(&mut self) {
        for track in [&mut self.ntp, &mut self.command] {
            track.hits = 0;
            track.drops = 0;
        }
        self.limited_pace = Pace::UNKNOWN;
    }
}

/// The running average of the spacing of requests, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace(f32);

impl Pace {
    const UNKNOWN: Self = Self(0.0);
    /// Weight of the newest spacing.
    const GAIN: f32 = 0.25;
    /// Faster is not told apart: 1/32 s, as chronyd shows it.
    const FASTEST: i8 = -5;

    fn is_known(self) -> bool {
        self.0 > 0.0
    }

    fn follow(&mut self, spacing: u64) {
        // No spacing at all is half a tick, the middle of what it can have been.
        let spacing = (spacing as f32).max(0.5);
        self.0 = if self.is_known() { self.0 + (spacing - self.0) * Self::GAIN } else { spacing };
    }

    /// The power of two in whose reach the average is: from 2/3 to 4/3 of it.
    fn interval(self) -> Option<i8> {
        if !self.is_known() {
            return None;
        }
        let seconds = f64::from(self.0) / Tick::PER_SECOND as f64;
        let nearest = (seconds * 0.75).log2().ceil();
        Some((nearest as i8).max(Self::FASTEST))
    }
}
