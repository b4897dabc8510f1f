//! The answer to one client.

use crate::packet::{Header, Mode};
use crate::reference::Reference;
use crate::time::{Mono, NtpShort, NtpTimestamp, Wall};

/// What is true of this host at the moment of answering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// For the growth of the root dispersion.
    pub mono: Mono,
    /// When the request came, by this host's best estimate of true time.
    pub received: Wall,
    /// When the answer goes out, by the same estimate.
    pub transmit: Wall,
    /// Precision of this host's clock, log2 seconds.
    pub precision: i8,
}

/// Answers a request; `None` when it is none. A MAC has been looked at before.
pub fn answer(asked: &Header, reference: &Reference, moments: Moments) -> Option<Header> {
    let mode = match (asked.mode, asked.version) {
        (Mode::Client, _) | (Mode::Reserved, 1) => Mode::Server,
        (Mode::SymmetricActive, _) => Mode::SymmetricPassive,
        _ => return None,
    };
    Some(Header {
        leap: reference.leap(),
        version: asked.version,
        mode,
        stratum: reference.stratum(),
        poll: asked.poll,
        precision: moments.precision,
        root_delay: NtpShort::from_seconds(reference.root_delay()),
        root_dispersion: NtpShort::from_seconds(reference.root_dispersion(moments.mono)),
        ref_id: reference.ref_id(),
        reference: reference.reference_time().map_or(NtpTimestamp::ZERO, Wall::to_ntp),
        origin: asked.transmit,
        receive: moments.received.to_ntp(),
        transmit: moments.transmit.to_ntp(),
    })
}
