//! Samples that outlive the daemon: what was measured of a source, written when it ends, taken up when it starts again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::action::Action;
use crate::history::Sample;
use crate::oscillator::Free;
use crate::report::Leap;
use crate::time::{Moment, Mono, Ppm, Seconds, Wall};

/// A source's samples, told so that another process can use them as long as nobody touches the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// Whose.
    pub address: IpAddr,
    /// What the kernel's clock said when this was written.
    pub wall: Wall,
    /// What the machine's monotonic clock said then, nanoseconds.
    pub uptime: u64,
    /// The frequency correction that the kernel was left with.
    pub frequency: Ppm,
    /// The oldest first.
    pub samples: Vec<DumpedSample>,
}

/// One sample, relative to the moment of writing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DumpedSample {
    /// How long ago it was, by the free-running clock.
    age: Seconds,
    /// The source's time minus what the kernel's clock would have said, had it always been as it was left.
    offset: Seconds,
    wall: Wall,
    measured: Seconds,
    delay: Seconds,
    dispersion: Seconds,
    root_delay: Seconds,
    root_dispersion: Seconds,
    stratum: u8,
    leap: Leap,
}

/// Why samples of an earlier run are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpRefusal {
    /// Everything before is another clock's.
    #[error("the machine was started anew since then")]
    Restarted,
    /// Somebody did, or the machine slept.
    #[error("the clock was set since then, or the machine slept")]
    ClockMoved,
    /// Somebody changed it.
    #[error("the clock runs at another frequency than it was left with")]
    OtherFrequency,
    /// Hours of wander that nobody measured.
    #[error("they are older than a day")]
    Old,
    /// No file of ours says so.
    #[error("there are numbers in it that cannot be")]
    Nonsense,
}

/// Two clocks that are read one after the other, by two processes, may differ by so much.
const CLOCK_NOISE: Seconds = Seconds(0.01);
/// The kernel counts frequency in units of 2^-16 ppm.
const FREQUENCY_NOISE: Ppm = Ppm(1e-4);
/// Older samples say nothing of how the clock runs now.
const OLDEST: Seconds = Seconds(86_400.0);

/// Samples of addresses that no source has yet, on the free-running scale.
pub(super) type Kept = BTreeMap<IpAddr, Vec<Sample>>;

impl Dump {
    /// Is the clock as it was left? `uptime` is the machine's monotonic clock, `frequency` what the kernel applies.
    pub fn check(&self, wall: Wall, uptime: u64, frequency: Ppm) -> Result<(), DumpRefusal> {
        let (by_wall, by_uptime) = (wall - self.wall, Mono(uptime) - Mono(self.uptime));
        if by_uptime < Seconds::ZERO {
            return Err(DumpRefusal::Restarted);
        }
        if (by_wall - by_uptime).abs() > CLOCK_NOISE {
            return Err(DumpRefusal::ClockMoved);
        }
        if (frequency - self.frequency).abs() > FREQUENCY_NOISE {
            return Err(DumpRefusal::OtherFrequency);
        }
        if by_uptime > OLDEST {
            return Err(DumpRefusal::Old);
        }
        let are_right = self.samples.iter().all(|sample| {
            let spans =
                [sample.delay, sample.dispersion, sample.root_delay, sample.root_dispersion, sample.age];
            let are_lengths = spans.iter().all(|span| span.0.is_finite() && *span >= Seconds::ZERO);
            are_lengths && sample.offset.0.is_finite() && sample.measured.0.is_finite() && sample.stratum < 16
        });
        if are_right { Ok(()) } else { Err(DumpRefusal::Nonsense) }
    }
}

impl Engine {
    /// DUMP, and before the end.
    pub(super) fn want_dumps(&mut self) {
        if self.config.dump_dir.is_some() {
            self.actions.push_back(Action::Dump);
        }
    }

    /// Answers [`Action::Dump`]: the samples of every source that has some. `uptime` is the machine's monotonic clock.
    pub fn dumps(&self, now: Moment, uptime: u64) -> Vec<Dump> {
        let (free, lead) = (self.oscillator.free(now.wall), self.oscillator.lead(now.wall));
        let dumped = |sample: &Sample| DumpedSample {
            age: free - sample.at,
            offset: sample.offset - lead,
            wall: sample.wall,
            measured: sample.measured,
            delay: sample.delay,
            dispersion: sample.dispersion,
            root_delay: sample.root_delay,
            root_dispersion: sample.root_dispersion,
            stratum: sample.stratum,
            leap: sample.leap,
        };
        let associations = self.sources.iter().filter_map(|source| source.association.as_ref());
        associations
            .filter(|association| !association.history().is_empty())
            .map(|association| Dump {
                address: association.address.ip(),
                wall: now.wall,
                uptime,
                frequency: self.oscillator.applied(),
                samples: association.history().samples().map(dumped).collect(),
            })
            .collect()
    }

    /// Takes up what an earlier run measured (`-r`). To be called before anything else is done with a new engine, which
    /// has not touched the clock yet. Returns how many samples there are.
    ///
    /// # Errors
    /// When the clock is not as it was left: then they say nothing about it.
    pub fn handle_dump(&mut self, now: Moment, uptime: u64, dump: &Dump) -> Result<usize, DumpRefusal> {
        dump.check(now.wall, uptime, self.oscillator.applied())?;
        let elapsed = now.wall - dump.wall;
        let ratio = dump.frequency.ratio();
        let (free, lead) = (self.oscillator.free(now.wall), self.oscillator.lead(now.wall));
        let (ran, gained) = (elapsed / (1.0 + ratio), elapsed * (ratio / (1.0 + ratio)));
        let taken_up = |sample: &DumpedSample| Sample {
            at: Free((Seconds(free.0) - ran - sample.age).0),
            wall: sample.wall,
            offset: sample.offset - gained + lead,
            measured: sample.measured,
            delay: sample.delay,
            dispersion: sample.dispersion,
            root_delay: sample.root_delay,
            root_dispersion: sample.root_dispersion,
            stratum: sample.stratum,
            leap: sample.leap,
        };
        self.kept.insert(dump.address, dump.samples.iter().map(taken_up).collect());
        for place in 0..self.sources.len() {
            self.take_up(place);
        }
        Ok(dump.samples.len())
    }

    /// Gives a source that has just got its address what is kept of it.
    pub(super) fn take_up(&mut self, place: usize) {
        let prior = self.prior;
        let association = self.sources.get_mut(place).and_then(|source| source.association.as_mut());
        let Some(association) = association else { return };
        if let Some(samples) = self.kept.remove(&association.address.ip()) {
            association.take_up(samples, prior);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_used_only_on_a_clock_that_is_as_it_was_left() {
        let second = 1_000_000_000;
        let dump = Dump {
            address: "192.0.2.1".parse().unwrap(),
            wall: Wall(100 * second),
            uptime: 50 * 1_000_000_000,
            frequency: Ppm(-12.5),
            samples: vec![DumpedSample {
                age: Seconds(10.0),
                offset: Seconds(1e-3),
                wall: Wall(90 * second),
                measured: Seconds(1e-3),
                delay: Seconds(1e-3),
                dispersion: Seconds(1e-6),
                root_delay: Seconds::ZERO,
                root_dispersion: Seconds::ZERO,
                stratum: 1,
                leap: Leap::Normal,
            }],
        };
        let check = |wall: f64, uptime: f64, ppm: f64| {
            dump.check(Wall(0) + Seconds(wall), (uptime * 1e9) as u64, Ppm(ppm))
        };
        assert_eq!(check(130.0, 80.0, -12.500_01), Ok(()));
        assert_eq!(check(130.0, 20.0, -12.5), Err(DumpRefusal::Restarted));
        assert_eq!(check(130.5, 80.0, -12.5), Err(DumpRefusal::ClockMoved));
        assert_eq!(check(90.0, 80.0, -12.5), Err(DumpRefusal::ClockMoved));
        assert_eq!(check(130.0, 80.0, 0.0), Err(DumpRefusal::OtherFrequency));
        assert_eq!(check(100_100.0, 100_050.0, -12.5), Err(DumpRefusal::Old));
        let mut wrong = dump.clone();
        wrong.samples[0].delay = Seconds(f64::NAN);
        assert_eq!(wrong.check(dump.wall, dump.uptime, dump.frequency), Err(DumpRefusal::Nonsense));
    }
}
