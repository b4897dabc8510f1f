//! Datagrams in and out, with the kernel's notes on them: when they came, and to which of our addresses.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, sendmsg,
};
use timefleet_agent::engine::{Stamp, StampedBy};
use timefleet_agent::time::{Moment, Wall};

use crate::socket::to_socket_addr;

/// Larger than any NTP packet or monitoring request that is answered, so that a longer one is seen to be too long.
const LONGEST: usize = 1024;
/// Room for a timestamp, an error and an address.
const CONTROL: usize = 256;

/// Where datagrams are received; one for all sockets.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

/// What is known of a datagram besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    length: usize,
    /// Sender.
    pub(crate) from: Option<SocketAddr>,
    /// Which of our addresses it was sent to.
    pub(crate) local: Option<IpAddr>,
    /// The kernel's timestamp.
    pub(crate) kernel: Option<Wall>,
}

impl Received {
    /// The kernel's timestamp, or the daemon's where the kernel gave none. One from the future was taken before the
    /// clock was stepped back and is worth nothing.
    pub(crate) fn stamp(&self, now: Moment) -> Stamp {
        match self.kernel.filter(|stamp| *stamp <= now.wall) {
            Some(wall) => Stamp { wall, by: StampedBy::Kernel },
            None => Stamp { wall: now.wall, by: StampedBy::Daemon },
        }
    }
}

/// Which of a socket's two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Datagrams that came.
    Arrivals,
    /// Transmit timestamps, with the datagrams that they are about.
    Errors,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; LONGEST], control: vec![0; CONTROL] }
    }

    /// The next datagram; `None` when there is none now.
    pub(crate) fn receive(&mut self, fd: &impl AsFd, queue: Queue) -> Result<Option<Received>, Errno> {
        let flags = match queue {
            Queue::Arrivals => MsgFlags::empty(),
            Queue::Errors => MsgFlags::MSG_ERRQUEUE,
        };
        let mut pieces = [IoSliceMut::new(&mut self.bytes)];
        loop {
            let raw = fd.as_fd().as_raw_fd();
            match recvmsg::<SockaddrStorage>(raw, &mut pieces, Some(&mut self.control), flags) {
                Ok(message) => return Ok(Some(describe(&message))),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The bytes of the datagram that was received last.
    pub(crate) fn bytes(&self, received: &Received) -> &[u8] {
        self.bytes.get(..received.length).unwrap_or_default()
    }
}

fn describe(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Received {
    let mut received = Received {
        length: message.bytes,
        from: message.address.as_ref().and_then(to_socket_addr),
        local: None,
        kernel: None,
    };
    // Notes that did not fit are as good as none: the datagram counts all the same.
    let Ok(notes) = message.cmsgs() else { return received };
    for note in notes {
        match note {
            ControlMessageOwned::ScmTimestampsns(stamps) => {
                let (seconds, nanos) = (stamps.system.tv_sec(), stamps.system.tv_nsec());
                let wall = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
                received.kernel = (wall != 0).then_some(Wall(wall));
            }
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                // `ipi_addr` may be a broadcast address; `ipi_spec_dst` is always one of ours.
                received.local = Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                received.local = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            }
            _ => {}
        }
    }
    received
}

/// Sends one datagram, from this address of ours where it is given.
pub(crate) fn send(fd: &impl AsFd, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) -> Result<(), Errno> {
    let fd = fd.as_fd().as_raw_fd();
    let to = SockaddrStorage::from(to);
    let pieces = [IoSlice::new(bytes)];
    let sent = match from.filter(|address| !address.is_multicast() && !address.is_unspecified()) {
        None => sendmsg(fd, &pieces, &[], MsgFlags::empty(), Some(&to)),
        Some(IpAddr::V4(address)) => {
            let local = libc::in_addr { s_addr: u32::from(address).to_be() };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: local,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            sendmsg(fd, &pieces, &[ControlMessage::Ipv4PacketInfo(&info)], MsgFlags::empty(), Some(&to))
        }
        Some(IpAddr::V6(address)) => {
            let local = libc::in6_addr { s6_addr: address.octets() };
            let info = libc::in6_pktinfo { ipi6_addr: local, ipi6_ifindex: 0 };
            sendmsg(fd, &pieces, &[ControlMessage::Ipv6PacketInfo(&info)], MsgFlags::empty(), Some(&to))
        }
    };
    sent.map(drop)
}
