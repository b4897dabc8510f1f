//! One client in 48 bytes: how often it asked, when last, and how fast on average.

use std::net::{IpAddr, Ipv6Addr};

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
pub(super) struct Tick(u64);

impl Tick {
    const PER_SECOND: u64 = 256;

    pub(super) fn of(mono: Mono) -> Self {
        Self((u128::from(mono.0) * u128::from(Self::PER_SECOND) / 1_000_000_000) as u64)
    }
}

/// One client: 48 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) address: Key,
    ntp: Track,
    command: Track,
    ntp_pace: Pace,
    ntp_limited_pace: Pace,
    command_pace: Pace,
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
}

impl Track {
    const EMPTY: Self = Self { hits: 0, drops: 0, last: 0 };

    fn last(self, fraction: u8) -> Option<Tick> {
        let seconds = self.last.checked_sub(1)?;
        Some(Tick(u64::from(seconds) * Tick::PER_SECOND + u64::from(fraction)))
    }

    fn usage(self, fraction: u8, pace: Pace, now: Tick) -> Usage {
        let age = self.last(fraction).map(|last| (now.0.saturating_sub(last.0) / Tick::PER_SECOND) as u32);
        Usage { hits: self.hits, drops: self.drops, interval: pace.interval(), age }
    }
}

impl Record {
    pub(super) const EMPTY: Self = Self {
        address: Key::NOBODY,
        ntp: Track::EMPTY,
        command: Track::EMPTY,
        ntp_pace: Pace::UNKNOWN,
        ntp_limited_pace: Pace::UNKNOWN,
        command_pace: Pace::UNKNOWN,
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

    /// The last request of any kind.
    pub(super) fn last(&self) -> Option<Tick> {
        self.ntp.last(self.ntp_fraction).max(self.command.last(self.command_fraction))
    }

    pub(super) fn hit(&mut self, service: Service, now: Tick, outcome: Outcome) {
        let (track, fraction, pace) = match service {
            Service::Ntp => (&mut self.ntp, &mut self.ntp_fraction, &mut self.ntp_pace),
            Service::Command => (&mut self.command, &mut self.command_fraction, &mut self.command_pace),
        };
        if let Some(last) = track.last(*fraction) {
            let spacing = now.0.saturating_sub(last.0);
            pace.follow(spacing);
            if service == Service::Ntp && track.drops > 0 {
                self.ntp_limited_pace.follow(spacing);
            }
        }
        track.hits = track.hits.saturating_add(1);
        track.drops = track.drops.saturating_add(u32::from(outcome == Outcome::Dropped));
        track.last = u32::try_from(now.0 / Tick::PER_SECOND).unwrap_or(u32::MAX).saturating_add(1);
        *fraction = (now.0 % Tick::PER_SECOND) as u8;
    }

    pub(super) fn entry(&self, now: Tick) -> Option<Entry> {
        (!self.is_empty()).then(|| Entry {
            address: self.address.address(),
            ntp: self.ntp.usage(self.ntp_fraction, self.ntp_pace, now),
            ntp_limited_interval: self.ntp_limited_pace.interval(),
            command: self.command.usage(self.command_fraction, self.command_pace, now),
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
        self.ntp_limited_pace = Pace::UNKNOWN;
    }
}

/// The running average of the spacing of requests: log2 of the ticks, in 1/256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace(i16);

impl Pace {
    const UNKNOWN: Self = Self(i16::MIN);
    /// Weight of the newest spacing.
    const GAIN: f64 = 0.25;
    /// Faster is not told apart: 1/32 s, as chronyd shows it.
    const FASTEST: i8 = -5;

    fn follow(&mut self, spacing: u64) {
        // No spacing at all is half a tick, the middle of what it can have been.
        let spacing = (spacing as f64).max(0.5);
        let average = match *self {
            Self::UNKNOWN => spacing,
            Self(log) => {
                let old = (f64::from(log) / 256.0).exp2();
                old + (spacing - old) * Self::GAIN
            }
        };
        *self = Self((average.log2() * 256.0).round() as i16);
    }

    /// The power of two in whose reach the average is: from 2/3 to 4/3 of it.
    fn interval(self) -> Option<i8> {
        if self == Self::UNKNOWN {
            return None;
        }
        let ticks_per_second = (Tick::PER_SECOND as f64).log2();
        let log = f64::from(self.0) / 256.0 - ticks_per_second;
        let nearest = (log - (4.0_f64 / 3.0).log2()).ceil();
        Some((nearest as i8).max(Self::FASTEST))
    }
}
