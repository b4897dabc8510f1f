//! Asking: a request for any socket, and what a datagram that came back means. Works with chronyd 4.3 to 4.8.
//!
//! The caller owns the socket, the clock and the luck: it sends [`Request::encode`] with a sequence number of its own
//! (a new random one for every try), waits [`FIRST_TIMEOUT`], twice as long after each further try, and gives every
//! datagram to [`parse_reply`].

use std::time::Duration;

use super::reply::{REPLY, VERSION};
use super::wire::{BodyError, Reply, ReplyHeader, Request, Status};

/// How long to wait for the first reply; doubled for every further try.
pub const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a request is sent before the daemon is given up.
pub const TRIES: u16 = 3;
/// The oldest version whose complaint about ours is believed.
const OLDEST_BELIEVED_VERSION: u8 = 4;

/// Why a datagram is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Not a reply to this request: go on waiting.
    #[error("{request}: a datagram that is no reply to it")]
    NotOurs {
        /// What was asked.
        request: &'static str,
    },
    /// Cut short: ask again.
    #[error("{request}: the reply was cut short; ask again")]
    Short {
        /// What was asked.
        request: &'static str,
    },
    /// The daemon will not or cannot; in chronyc's words.
    #[error("{request}: {}", status.words())]
    Refused {
        /// What was asked.
        request: &'static str,
        /// What the daemon said.
        status: Status,
    },
    /// Success, but with something else than was asked for.
    #[error("{request}: 508 Bad reply from daemon (reply number {number})")]
    BadReply {
        /// What was asked.
        request: &'static str,
        /// What came.
        number: u16,
    },
}

/// What a datagram means that came after `request` was sent with `sequence`.
pub fn parse_reply(request: &Request, sequence: u32, datagram: &[u8]) -> Result<Reply, AskError> {
    let name = request.name();
    let header = ReplyHeader::take(datagram).ok_or(AskError::NotOurs { request: name })?;
    let speaks_ours = header.version == VERSION
        || (header.version >= OLDEST_BELIEVED_VERSION && header.status == Status::BadVersion);
    if !speaks_ours
        || header.packet_type != REPLY
        || header.reserved != 0
        || header.request != request.number()
        || header.sequence != sequence
    {
        return Err(AskError::NotOurs { request: name });
    }
    let reply = Reply::decode(header.number, datagram);
    if reply == Err(BodyError::Short) {
        return Err(AskError::Short { request: name });
    }
    if !header.status.is_answer() {
        return Err(AskError::Refused { request: name, status: header.status });
    }
    match reply {
        // An access check answers with its status alone; a denial is an answer that must not look like consent.
        Ok(Reply::Null) if header.status == Status::AccessDenied => {
            Err(AskError::Refused { request: name, status: header.status })
        }
        Ok(reply) if fits(request, &reply) => Ok(reply),
        _ => Err(AskError::BadReply { request: name, number: header.number }),
    }
}

/// Is this the kind of reply that the request asks for?
fn fits(request: &Request, reply: &Reply) -> bool {
    match request {
        Request::Tracking => matches!(reply, Reply::Tracking(_)),
        Request::SourceCount => matches!(reply, Reply::SourceCount(_)),
        Request::SourceData(_) => matches!(reply, Reply::SourceData(_)),
        Request::SourceStats(_) => matches!(reply, Reply::SourceStats(_)),
        Request::SelectData(_) => matches!(reply, Reply::SelectData(_)),
        Request::NtpData(_) => matches!(reply, Reply::NtpData(_) | Reply::ShortNtpData(_)),
        Request::AuthData(_) => matches!(reply, Reply::AuthData(_)),
        Request::SourceName(_) => matches!(reply, Reply::SourceName(_)),
        Request::Activity => matches!(reply, Reply::Activity(_)),
        Request::ServerStats => matches!(reply, Reply::ServerStats(_) | Reply::ShortServerStats(_)),
        Request::Clients(_) => matches!(reply, Reply::Clients(_)),
        Request::RtcReport => matches!(reply, Reply::Rtc(_)),
        Request::Smoothing => matches!(reply, Reply::Smoothing(_)),
        Request::SetTime(_) => matches!(reply, Reply::ManualTimestamp(_)),
        Request::ManualList => matches!(reply, Reply::ManualSamples(_)),
        _ => matches!(reply, Reply::Null),
    }
}
