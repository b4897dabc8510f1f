//! The four timestamps of one exchange.

use super::Stamp;
use super::request::Exchange;
use crate::oscillator::{Free, Oscillator};
use crate::packet::Header;
use crate::time::{Seconds, Wall};

/// When request and reply left and came, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instants {
    /// The request left here.
    pub(super) sent: Stamp,
    /// How far the kernel's clock was ahead of the free-running one then.
    pub(super) sent_lead: Seconds,
    /// The source received it.
    pub(super) source_received: Wall,
    /// The source sent the reply.
    pub(super) source_sent: Wall,
    /// The reply came.
    pub(super) received: Stamp,
    /// How far the kernel's clock was ahead then.
    pub(super) received_lead: Seconds,
    /// Free-running time then.
    pub(super) at: Free,
}

impl Instants {
    /// `None` when nobody knows when the request left.
    pub(super) fn new(
        exchange: &Exchange,
        header: &Header,
        received: Stamp,
        oscillator: &Oscillator,
    ) -> Option<Self> {
        let (sent, sent_lead) = exchange.sent?;
        Some(Self {
            sent,
            sent_lead,
            source_received: header.receive.near(received.wall),
            source_sent: header.transmit.near(received.wall),
            received,
            received_lead: oscillator.lead(received.wall),
            at: oscillator.free(received.wall),
        })
    }
}
