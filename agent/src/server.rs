//! The answer to one client, from a snapshot of what is served.
//!
//! [`Service`] is all that an answer needs besides the clients themselves. It does not change: the engine makes a new
//! one when something did, so that any number of threads can answer from it without waiting for each other.

use std::net::IpAddr;
use std::sync::Arc;

use crate::access::Gate;
use crate::association::{Stamp, StampedBy};
use crate::client_log::{self, Outcome, Pair};
use crate::clients::{Clients, Part};
use crate::config::RateLimit;
use crate::keys::Keys;
use crate::packet::{HEADER_LENGTH, Header, LONGEST_PACKET, Mode, Packet, RefId, Trailer};
use crate::reference::Reference;
use crate::report::Leap;
use crate::smoothing::Smoothing;
use crate::time::{Moment, Mono, NtpShort, NtpTimestamp, Seconds, Wall};

/// Room for the longest answer: the header, and behind it the longest MAC (key number and 64 bytes).
pub const LONGEST_ANSWER: usize = LONGEST_PACKET;

/// True time over what the kernel's clock says: a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// A reading of the kernel's clock.
    pub at: Wall,
    /// What it lacked then.
    pub offset: Seconds,
    /// What it lacks more with each second.
    pub rate: f64,
}

impl Line {
    /// The best estimate of true time when the kernel's clock says `wall`.
    pub fn true_time(&self, wall: Wall) -> Wall {
        let lacking = self.offset + (wall - self.at) * self.rate;
        if lacking == Seconds::ZERO { wall } else { wall + lacking }
    }
}

/// What this host says of its own clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    leap: Leap,
    stratum: u8,
    ref_id: RefId,
    reference: NtpTimestamp,
    root_delay: NtpShort,
    at: Mono,
    root_dispersion: Seconds,
    /// Gained per second.
    dispersion_rate: f64,
    /// There is a source, and so a distance to it that what is served beside the best estimate adds to.
    is_followed: bool,
}

impl Face {
    /// Of a host that follows this.
    pub fn of(reference: &Reference) -> Self {
        let (at, dispersion_rate) = match reference {
            Reference::Source(source) => (source.at, source.dispersion_rate),
            Reference::Unsynchronised | Reference::Local { .. } => (Mono(0), 0.0),
        };
        Self {
            leap: reference.leap(),
            stratum: reference.stratum(),
            ref_id: reference.ref_id(),
            reference: reference.reference_time().map_or(NtpTimestamp::ZERO, Wall::to_ntp),
            root_delay: NtpShort::from_seconds(reference.root_delay()),
            at,
            root_dispersion: reference.root_dispersion(at),
            dispersion_rate,
            is_followed: matches!(reference, Reference::Source(_)),
        }
    }

    fn root_dispersion(&self, now: Mono, beside: Seconds) -> Seconds {
        let beside = if self.is_followed { beside.abs() } else { Seconds::ZERO };
        self.root_dispersion + beside + (now - self.at).max(Seconds::ZERO) * self.dispersion_rate
    }
}

/// What is served, and to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Who may ask.
    pub gate: Arc<Gate>,
    /// Keys that requests may be signed with.
    pub keys: Arc<Keys>,
    /// How often one address is answered.
    pub limit: Option<RateLimit>,
    /// Precision of this host's clock, log2 seconds.
    pub precision: i8,
    /// What is said of the clock.
    pub face: Face,
    /// True time.
    pub line: Line,
    /// What is served beside it on purpose.
    pub smoothing: Option<Smoothing>,
}

/// A datagram that came to the server's socket.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who sent it.
    pub from: IpAddr,
    /// When it came.
    pub received: Stamp,
    /// All of it.
    pub bytes: &'a [u8],
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its length in bytes.
    pub length: usize,
    /// Its receive timestamp, when the client may ask for the time at which it really leaves: whoever learns that time
    /// from the kernel tells it to [`Service::left`].
    pub held: Option<NtpTimestamp>,
}

impl Service {
    /// Answers a datagram; `None` = nothing is said. `now` is when the answer leaves, as well as it is known before.
    pub fn answer(
        &self,
        clients: &Clients,
        now: Moment,
        asked: &Asked<'_>,
        answer: &mut [u8; LONGEST_ANSWER],
    ) -> Option<Answered> {
        if !self.gate.allows(asked.from) {
            return None;
        }
        let packet = Packet::parse(asked.bytes).ok()?;
        let mode = mode_of_answer(&packet.header)?;
        let key = self.key_of(&packet, asked.bytes)?;
        let mut header = self.header(&packet.header, mode, now, asked.received);
        let held = {
            let mut part = clients.part_of(asked.from)?;
            let outcome = part.log.ask(client_log::Service::Ntp, asked.from, now.mono, self.limit);
            let served = &mut part.served;
            match outcome {
                Outcome::Dropped => return None,
                Outcome::Answered | Outcome::Kissed => {}
            }
            served.authenticated += u64::from(key.is_some());
            match asked.received.by {
                StampedBy::Daemon => served.daemon_received += 1,
                StampedBy::Kernel => served.kernel_received += 1,
            }
            if outcome == Outcome::Kissed {
                served.daemon_sent += 1;
                kiss(&mut header);
                None
            } else {
                interleave(&mut part, &packet.header, &mut header)
            }
        };
        answer.first_chunk_mut::<HEADER_LENGTH>()?.copy_from_slice(&header.to_bytes());
        let length = match key {
            None => HEADER_LENGTH,
            Some(key) => self.keys.sign(key, header.version, answer, HEADER_LENGTH)?,
        };
        Some(Answered { length, held })
    }

    /// What is told to those who ask for the time at this moment.
    pub fn served_time(&self, now: Moment) -> Wall {
        self.line.true_time(now.wall) + self.smoothed(now.mono)
    }

    /// How far served time is from the best estimate.
    fn smoothed(&self, now: Mono) -> Seconds {
        self.smoothing.as_ref().map_or(Seconds::ZERO, |smoothing| smoothing.at(now).offset)
    }

    /// The kernel saw an answer leave. The monotonic time may be one of a little later.
    pub fn left(&self, clients: &Clients, to: IpAddr, held: NtpTimestamp, at: Moment) {
        clients.improve_stamps(to, held, self.served_time(at).to_ntp());
    }

    /// The key that a request is signed with, if any; `None` = a signature that is not to be answered.
    fn key_of(&self, packet: &Packet, bytes: &[u8]) -> Option<Option<u32>> {
        match packet.trailer {
            Trailer::Plain => Some(None),
            Trailer::Mac { .. } => {
                self.keys.verify(packet.header.version, bytes, packet.trailer).ok().map(Some)
            }
        }
    }

    fn header(&self, asked: &Header, mode: Mode, now: Moment, received: Stamp) -> Header {
        let (face, smoothed) = (&self.face, self.smoothed(now.mono));
        let served = |wall| (self.line.true_time(wall) + smoothed).to_ntp();
        Header {
            leap: face.leap,
            version: asked.version,
            mode,
            stratum: face.stratum,
            poll: asked.poll,
            precision: self.precision,
            root_delay: face.root_delay,
            root_dispersion: NtpShort::from_seconds(face.root_dispersion(now.mono, smoothed)),
            ref_id: face.ref_id,
            reference: face.reference,
            origin: asked.transmit,
            receive: served(received.wall),
            transmit: served(now.wall),
        }
    }
}

/// `None` = nothing that a server answers.
fn mode_of_answer(asked: &Header) -> Option<Mode> {
    match (asked.mode, asked.version) {
        (Mode::Client, _) | (Mode::Reserved, 1) => Some(Mode::Server),
        (Mode::SymmetricActive, _) => Some(Mode::SymmetricPassive),
        _ => None,
    }
}

/// Turns an answer into the request to ask less (RFC 5905 section 7.4). The times in it are true all the same.
fn kiss(answer: &mut Header) {
    answer.leap = Leap::NotSynchronised;
    answer.stratum = 0;
    answer.ref_id = RefId::RATE;
    answer.root_delay = NtpShort(0);
    answer.root_dispersion = NtpShort(0);
}

/// The interleaved mode (RFC 9769). A client in it puts the receive timestamp of an earlier answer where its own
/// transmit timestamp would come back from, and something else than that into its receive timestamp. It gets the time
/// at which that earlier answer left; from then on the timestamps of its answers are held.
fn interleave(part: &mut Part, asked: &Header, answer: &mut Header) -> Option<NtpTimestamp> {
    let wants = asked.mode == Mode::Client
        && !asked.origin.is_zero()
        && !asked.receive.is_zero()
        && asked.receive != asked.transmit;
    if !wants {
        part.served.daemon_sent += 1;
        return None;
    }
    let earlier = part.log.stamps_of(asked.origin);
    let pair = Pair { receive: answer.receive, transmit: answer.transmit, by_kernel: false };
    answer.receive = part.log.hold_stamps(pair);
    match earlier {
        None => part.served.daemon_sent += 1,
        Some(earlier) => {
            answer.origin = asked.receive;
            answer.transmit = earlier.transmit;
            part.served.interleaved += 1;
            part.served.kernel_sent += u64::from(earlier.by_kernel);
            part.served.daemon_sent += u64::from(!earlier.by_kernel);
        }
    }
    Some(answer.receive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::config::{AccessRule, ClientLog, SmoothTime, Subnet};
    use crate::reference::SourceReference;
    use crate::time::Ppm;

    #[test]
    fn what_is_served_beside_the_best_estimate_is_in_the_times_and_in_their_error() {
        let limits = SmoothTime { max_rate: Ppm(400.0), max_wander: Ppm(0.01), leap_only: false };
        let mut smoothing = Smoothing::new(limits, Mono(0));
        smoothing.activate(Mono(0));
        smoothing.correct(Mono(0), Seconds(0.25), 0.0);
        let followed = Reference::Source(SourceReference {
            address: "192.0.2.1".parse().unwrap(),
            copied: None,
            stratum: 3,
            leap: Leap::Normal,
            at: Mono(0),
            reference_time: Wall(0),
            root_delay: Seconds(0.010),
            root_dispersion: Seconds(0.5),
            dispersion_rate: 0.0,
        });
        let wall = Wall(1_800_000_000_000_000_000);
        let now = Moment { mono: Mono(0), wall };
        let received = Stamp { wall: wall + Seconds(-0.5), by: StampedBy::Kernel };
        let answer = |smoothing: Option<Smoothing>, reference: &Reference| {
            let everybody = AccessRule { allow: true, all: false, subnet: Subnet::Any };
            let service = Service {
                gate: Access::new(&[everybody]).gate().into(),
                keys: Arc::default(),
                limit: None,
                precision: -25,
                face: Face::of(reference),
                line: Line { at: wall, offset: Seconds(0.25), rate: 0.0 },
                smoothing,
            };
            let request = Header::request(4, 6, NtpTimestamp(1)).to_bytes();
            let asked = Asked { from: "192.0.2.9".parse().unwrap(), received, bytes: &request };
            let mut answer = [0; LONGEST_ANSWER];
            service.answer(&Clients::new(ClientLog::Off, 1), now, &asked, &mut answer).unwrap();
            Packet::parse(&answer[..HEADER_LENGTH]).unwrap().header
        };
        let plain = answer(None, &followed);
        let smoothed = answer(Some(smoothing.clone()), &followed);
        assert_eq!(plain.transmit, (wall + Seconds(0.25)).to_ntp());
        assert_eq!(plain.root_dispersion.seconds(), Seconds(0.5));
        assert_eq!(smoothed.transmit, wall.to_ntp());
        assert_eq!(smoothed.receive, received.wall.to_ntp());
        assert_eq!(smoothed.root_dispersion.seconds(), Seconds(0.75));
        let local = Reference::Local { stratum: 8, reference_time: wall, leap: Leap::Normal };
        assert_eq!(answer(Some(smoothing), &local).root_dispersion.seconds(), Seconds::ZERO);
    }
}
