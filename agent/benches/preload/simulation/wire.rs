//! What the preloaded library asks and what it is told; `shim/shim.h` has the same layout.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

/// Longest datagram.
const LONGEST: usize = 1500;
const REQUEST_HEAD: usize = 24;
const ANSWER_HEAD: usize = 40;
/// Room for the longest request.
pub(crate) const ROOM: usize = REQUEST_HEAD + LONGEST;

/// The clocks of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) real: i64,
    pub(crate) monotonic: i64,
    pub(crate) raw: i64,
}

/// The parts of struct timex that matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjustment {
    pub(crate) modes: i64,
    pub(crate) offset: i64,
    pub(crate) freq: i64,
    pub(crate) maxerror: i64,
    pub(crate) esterror: i64,
    pub(crate) status: i64,
    pub(crate) constant: i64,
    pub(crate) tick: i64,
    pub(crate) seconds: i64,
    pub(crate) fraction: i64,
}

/// A datagram as the network sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Datagram {
    /// The other end: receiver of one that leaves, sender of one that comes.
    pub(crate) address: u32,
    pub(crate) port: u16,
    pub(crate) local_port: u16,
    pub(crate) bytes: Vec<u8>,
}

/// What a host wants.
#[derive(Debug)]
pub(crate) enum Request {
    /// Only to know what time it is.
    Now,
    /// To sleep so long, or until a datagram comes.
    Wait(Option<i64>),
    Send(Datagram),
    Adjust(Adjustment),
    Set(i64),
}

/// The library said something that nobody understands: it is another version.
#[derive(Debug, thiserror::Error)]
#[error("the preloaded library and the bench do not speak the same language")]
pub(crate) struct Garbled;

/// Reads what a host wants; `None` when it has gone.
pub(crate) fn receive(fd: &OwnedFd, room: &mut [u8]) -> io::Result<Option<Request>> {
    let length = loop {
        match recv(fd.as_raw_fd(), room, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            Err(Errno::ECONNRESET) | Ok(0) => return Ok(None),
            other => break other?,
        }
    };
    room.get(..length).and_then(parse).map(Some).ok_or_else(|| io::Error::other(Garbled))
}

fn parse(message: &[u8]) -> Option<Request> {
    let (head, bytes) = message.split_at_checked(REQUEST_HEAD)?;
    let (what, rest) = head.split_first_chunk()?;
    let (_length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_first_chunk()?;
    let (address, rest) = rest.split_first_chunk()?;
    let (port, rest) = rest.split_first_chunk()?;
    let value = i64::from_ne_bytes(*value);
    match u32::from_ne_bytes(*what) {
        1 => Some(Request::Now),
        2 => Some(Request::Wait((value >= 0).then_some(value))),
        3 => Some(Request::Send(Datagram {
            address: u32::from_ne_bytes(*address),
            port: u16::from_ne_bytes(*port),
            local_port: u16::from_ne_bytes(*rest.first_chunk()?),
            bytes: bytes.to_vec(),
        })),
        4 => Adjustment::parse(bytes).map(Request::Adjust),
        5 => Some(Request::Set(value)),
        _ => None,
    }
}

impl Adjustment {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| i64::from_ne_bytes(*word));
        Some(Self {
            modes: words.next()?,
            offset: words.next()?,
            freq: words.next()?,
            maxerror: words.next()?,
            esterror: words.next()?,
            status: words.next()?,
            constant: words.next()?,
            tick: words.next()?,
            seconds: words.next()?,
            fraction: words.next()?,
        })
    }

    fn bytes(&self) -> Vec<u8> {
        let words = [
            self.modes,
            self.offset,
            self.freq,
            self.maxerror,
            self.esterror,
            self.status,
            self.constant,
            self.tick,
            self.seconds,
            self.fraction,
        ];
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

/// What a host is told besides the time.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// Nothing else.
    Clocks,
    Came(&'a Datagram),
    /// The clock's state, and what is in force.
    Adjusted(i32, &'a Adjustment),
    /// Refused with this error number.
    Refused(i32),
}

/// Answers a host.
pub(crate) fn answer(fd: &OwnedFd, clocks: Reading, answer: &Answer<'_>) -> io::Result<()> {
    let empty = Datagram { address: 0, port: 0, local_port: 0, bytes: Vec::new() };
    let (result, datagram, adjusted) = match answer {
        Answer::Clocks => (0, &empty, None),
        Answer::Came(datagram) => (1, *datagram, None),
        Answer::Adjusted(state, adjustment) => (*state, &empty, Some(adjustment.bytes())),
        Answer::Refused(error) => (-error, &empty, None),
    };
    let bytes = adjusted.as_ref().unwrap_or(&datagram.bytes);
    let mut message = Vec::with_capacity(ANSWER_HEAD + bytes.len());
    for clock in [clocks.real, clocks.monotonic, clocks.raw] {
        message.extend(clock.to_ne_bytes());
    }
    message.extend(i32::to_ne_bytes(result));
    message.extend((bytes.len() as u32).to_ne_bytes());
    message.extend(datagram.address.to_ne_bytes());
    message.extend(datagram.port.to_ne_bytes());
    message.extend(datagram.local_port.to_ne_bytes());
    message.extend(bytes);
    send(fd.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL)?;
    Ok(())
}
