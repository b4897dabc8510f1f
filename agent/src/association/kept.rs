//! Interleaved mode (RFC 9769): a reply tells when the reply before it really left, which no reply can tell of itself.
//!
//! Each request still leaves from a port of its own with a transmit timestamp that nobody can guess. The server knows us by
//! the receive timestamp of its last reply, which comes back to it as the origin timestamp; its answer shows by the
//! origin timestamp which of our two random numbers it copied, and so which mode it chose.

use super::instants::Instants;
use super::request::Exchange;
use crate::packet::Header;
use crate::time::NtpTimestamp;

/// The last exchange that was answered, of which the next reply may say more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Names the exchange to the server: when it received the request.
    pub(super) receive: NtpTimestamp,
    /// When request and reply left and came.
    instants: Instants,
    /// A measurement was already made of it, with what its own reply said.
    pub(super) is_measured: bool,
    /// Requests since then that nobody answered.
    unanswered: u32,
}

/// How a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By the request's transmit timestamp: it is about this exchange.
    Basic,
    /// By the request's receive timestamp: it is about the exchange before.
    Interleaved,
}

/// RFC 9769, section 2: after so many lost exchanges a server is not asked about what is long past.
const MOST_UNANSWERED: u32 = 3;

impl Kept {
    pub(super) fn new(header: &Header, instants: Instants, is_measured: bool) -> Self {
        Self { receive: header.receive, instants, is_measured, unanswered: 0 }
    }

    /// One more exchange was lost; false = this one is of no use any more.
    pub(super) fn outlives_a_loss(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_add(1);
        self.unanswered < MOST_UNANSWERED
    }

    /// The exchange's timestamps, now that the server has told when its reply really left.
    pub(super) fn completed(&self, header: &Header) -> Instants {
        Instants { source_sent: header.transmit.near(self.instants.received.wall), ..self.instants }
    }
}

impl Form {
    /// Which of a request's two numbers came back; `None` = neither.
    pub(super) fn of(header: &Header, ours: &Exchange) -> Option<Self> {
        if header.origin == ours.nonce {
            Some(Self::Basic)
        } else if ours.second_nonce == Some(header.origin) {
            Some(Self::Interleaved)
        } else {
            None
        }
    }
}
