//! Kiss-o'-death (RFC 5905, section 7.4): what a server says to clients that it does not want, or not so often.

use super::Association;
use crate::packet::{Header, RefId};
use crate::report::Leap;
use crate::time::Mono;

/// What a server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kiss {
    /// Fewer requests.
    Rate,
    /// No requests: access is denied.
    Deny,
    /// No requests: access is restricted.
    Restrict,
}

/// However often a server asks for fewer requests, it is asked this often: every 1024 s, as by default.
const SLOWEST: i8 = 10;

impl Kiss {
    /// `None` for any other reply. The code alone proves nothing: it is also the reference ID of somebody's clock.
    pub(super) fn of(header: &Header) -> Option<Self> {
        if header.leap != Leap::NotSynchronised || header.stratum != 0 {
            return None;
        }
        match header.ref_id {
            RefId::RATE => Some(Self::Rate),
            RefId::DENY => Some(Self::Deny),
            RefId::RESTRICT => Some(Self::Restrict),
            _ => None,
        }
    }

    /// The four letters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rate => "RATE",
            Self::Deny => "DENY",
            Self::Restrict => "RSTR",
        }
    }
}

impl Association {
    /// Does what the server asks for.
    pub(super) fn obey(&mut self, kiss: Kiss) {
        match kiss {
            Kiss::Rate => self.slow_down(),
            Kiss::Deny | Kiss::Restrict => {
                self.refused = Some(kiss);
                self.burst = None;
                self.reach = 0;
            }
        }
    }

    /// RATE: ends a burst for good and waits longer (the reply's poll field could be forged and is not followed). What was
    /// too often once is not tried again, whatever `maxpoll` says.
    fn slow_down(&mut self) {
        let slowest = SLOWEST.max(self.upstream.max_poll).max(self.poll);
        let slower = if self.burst.take().is_some() { self.poll } else { self.poll.saturating_add(1) };
        self.slowed_to = Some(slower.min(slowest));
        self.keep_pace();
        self.poll_score = 0.0;
        self.next_poll = self.next_poll + self.interval();
    }

    /// The interval is never shorter than the server once asked for.
    pub(super) fn keep_pace(&mut self) {
        self.poll = self.slowed_to.map_or(self.poll, |shortest| self.poll.max(shortest));
    }

    /// Asks again whoever refused to be asked (ONLINE).
    pub(super) fn forgive(&mut self, now: Mono) {
        if self.refused.take().is_some() {
            self.next_poll = now;
        }
    }
}
