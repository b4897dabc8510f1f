//! What this host follows, and what it therefore tells others: stratum, leap, root delay, root dispersion.

use std::net::IpAddr;

use crate::packet::RefId;
use crate::report::Leap;
use crate::time::{Mono, Seconds, Wall};

/// What the host's clock follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reference {
    /// Nothing yet.
    Unsynchronised,
    /// One or several sources.
    Source(SourceReference),
    /// Its own clock (`local`).
    Local {
        /// Stratum that is served.
        stratum: u8,
        /// Refreshed about once a minute, so that clients see a living server.
        reference_time: Wall,
        /// By the list of leap seconds, if there is one.
        leap: Leap,
    },
}

/// The last clock update from a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceReference {
    /// The selected source.
    pub address: IpAddr,
    /// What is served as reference in place of that address: the source's own, with `copy`.
    pub copied: Option<RefId>,
    /// Its stratum plus one, or with `copy` its stratum.
    pub stratum: u8,
    /// Its leap status.
    pub leap: Leap,
    /// When the update was made.
    pub at: Mono,
    /// The same on the corrected clock.
    pub reference_time: Wall,
    /// Up to the primary server.
    pub root_delay: Seconds,
    /// Up to the primary server, at the update.
    pub root_dispersion: Seconds,
    /// Dispersion gained per second since.
    pub dispersion_rate: f64,
}

impl Reference {
    /// Leap status that is served.
    pub fn leap(&self) -> Leap {
        match self {
            Self::Unsynchronised => Leap::NotSynchronised,
            Self::Source(source) => source.leap,
            Self::Local { leap, .. } => *leap,
        }
    }

    /// Something happened that may have cost `more` of the accuracy.
    pub fn doubt(&mut self, more: Seconds) {
        if let Self::Source(source) = self {
            source.root_dispersion += more;
        }
    }

    /// The leap second that is announced.
    pub fn leap_second(&self) -> Leap {
        match self.leap() {
            Leap::NotSynchronised => Leap::Normal,
            leap => leap,
        }
    }

    /// Changes the leap second that is announced; false = it was that already, or there is nothing to announce it with.
    pub fn announce(&mut self, announced: Leap) -> bool {
        let leap = match self {
            Self::Unsynchronised => return false,
            Self::Source(source) => &mut source.leap,
            Self::Local { leap, .. } => leap,
        };
        std::mem::replace(leap, announced) != announced
    }

    /// Stratum that is served; 0 = unsynchronised.
    pub fn stratum(&self) -> u8 {
        match self {
            Self::Unsynchronised => 0,
            // 16 means unsynchronised, and is written as 0 (RFC 5905, figure 11).
            Self::Source(source) => {
                if source.stratum < 16 {
                    source.stratum
                } else {
                    0
                }
            }
            Self::Local { stratum, .. } => *stratum,
        }
    }

    /// Reference ID that is served.
    pub fn ref_id(&self) -> RefId {
        match self {
            Self::Unsynchronised => RefId(0),
            Self::Source(source) => source.copied.unwrap_or_else(|| RefId::of_address(source.address)),
            Self::Local { .. } => RefId::LOCAL,
        }
    }

    /// When the clock was last set by its reference; `None` = never.
    pub fn reference_time(&self) -> Option<Wall> {
        match self {
            Self::Unsynchronised => None,
            Self::Source(source) => Some(source.reference_time),
            Self::Local { reference_time, .. } => Some(*reference_time),
        }
    }

    /// Root delay that is served (1 s when unsynchronised, as chronyd does).
    pub fn root_delay(&self) -> Seconds {
        match self {
            Self::Unsynchronised => Seconds(1.0),
            Self::Source(source) => source.root_delay,
            Self::Local { .. } => Seconds::ZERO,
        }
    }

    /// Root dispersion that is served: grows between updates.
    pub fn root_dispersion(&self, now: Mono) -> Seconds {
        match self {
            Self::Unsynchronised => Seconds(1.0),
            Self::Source(source) => {
                source.root_dispersion + (now - source.at).max(Seconds::ZERO) * source.dispersion_rate
            }
            Self::Local { .. } => Seconds::ZERO,
        }
    }

    /// Root delay / 2 + root dispersion.
    pub fn root_distance(&self, now: Mono) -> Seconds {
        self.root_delay() / 2.0 + self.root_dispersion(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_over_has_a_growing_bound() {
        let reference = Reference::Source(SourceReference {
            address: "192.0.2.1".parse().unwrap(),
            copied: None,
            stratum: 3,
            leap: Leap::Normal,
            at: Mono(0),
            reference_time: Wall(0),
            root_delay: Seconds(0.010),
            root_dispersion: Seconds(0.002),
            dispersion_rate: 2e-6,
        });
        assert_eq!(reference.root_distance(Mono(0)), Seconds(0.007));
        let day = Mono(0) + Seconds(86_400.0);
        assert!((reference.root_distance(day).0 - 0.1798).abs() < 1e-9);
    }

    #[test]
    fn nobody_is_told_a_time_that_was_never_set() {
        let reference = Reference::Unsynchronised;
        assert_eq!((reference.stratum(), reference.leap()), (0, Leap::NotSynchronised));
        assert_eq!(reference.ref_id(), RefId(0));
        assert_eq!(reference.root_delay(), Seconds(1.0));
    }
}
