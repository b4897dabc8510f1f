//! Datagram sockets, made with nothing but socket(2), fcntl(2) and setsockopt(2): simulators replace those and little
//! else.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, TimestampingFlag, bind, connect, getsockname,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use timefleet_agent::config::Family;

/// Which of the kernel's timestamps a socket should collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// None.
    Off,
    /// Of datagrams that come.
    Received,
    /// Of datagrams that come and of those that go.
    Both,
}

/// A socket that neither blocks nor survives an exec.
pub(crate) fn datagram(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let fd = socket(family, SockType::Datagram, SockFlag::empty(), None)?;
    fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(fd)
}

/// A UDP socket; one for IPv6 carries no IPv4.
pub(crate) fn udp(family: Family) -> Result<OwnedFd, Errno> {
    match family {
        Family::V4 => datagram(AddressFamily::Inet),
        Family::V6 => {
            let fd = datagram(AddressFamily::Inet6)?;
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
            Ok(fd)
        }
    }
}

/// Gives a socket its own address.
pub(crate) fn bind_to(fd: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))
}

/// Lets datagrams come and go over this interface only.
pub(crate) fn bind_to_device(fd: &impl AsFd, device: &str) -> Result<(), Errno> {
    setsockopt(fd, sockopt::BindToDevice, &OsString::from(device))
}

/// Marks all datagrams that leave (`dscp`): the class is the upper six bits of the byte.
pub(crate) fn set_service_class(fd: &impl AsFd, family: Family, dscp: u8) -> Result<(), Errno> {
    let byte = i32::from(dscp) << 2;
    match family {
        Family::V4 => setsockopt(fd, sockopt::Ipv4Tos, &byte),
        Family::V6 => setsockopt(fd, sockopt::Ipv6TClass, &byte),
    }
}

/// Lets only this peer's datagrams in, and its ICMP errors.
pub(crate) fn connect_to(fd: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    connect(fd.as_raw_fd(), &SockaddrStorage::from(address))
}

/// The address that datagrams leave from; `None` while it is not decided.
pub(crate) fn local_address(fd: &OwnedFd) -> Option<IpAddr> {
    let address = getsockname::<SockaddrStorage>(fd.as_raw_fd()).ok()?;
    to_socket_addr(&address).map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// Would a datagram to this address find a way out? Nothing is sent.
pub(crate) fn has_route(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 123;
    udp(Family::of(address)).and_then(|fd| connect_to(&fd, SocketAddr::new(address, ANY_PORT))).is_ok()
}

/// Asks the kernel for timestamps. Without them the daemon's own must do.
pub(crate) fn collect_stamps(fd: &impl AsFd, stamps: Stamps) -> Result<(), Errno> {
    let received =
        TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE;
    let flags = match stamps {
        Stamps::Off => return Ok(()),
        Stamps::Received => received,
        Stamps::Both => received | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE,
    };
    setsockopt(fd, sockopt::Timestamping, &flags)
}

/// Asks the kernel to tell which of our addresses each datagram came to.
pub(crate) fn collect_local_address(fd: &impl AsFd, family: Family) -> Result<(), Errno> {
    match family {
        Family::V4 => setsockopt(fd, sockopt::Ipv4PacketInfo, &true),
        Family::V6 => setsockopt(fd, sockopt::Ipv6RecvPacketInfo, &true),
    }
}

/// Lets a port be shared with other sockets of ours.
pub(crate) fn share_port(fd: &impl AsFd) -> Result<(), Errno> {
    setsockopt(fd, sockopt::ReuseAddr, &true)
}

/// Lets a port be shared with other sockets of ours, among which the kernel spreads whoever sends there.
pub(crate) fn spread_port(fd: &impl AsFd) -> Result<(), Errno> {
    setsockopt(fd, sockopt::ReusePort, &true)
}

/// Asks for room for this many bytes of datagrams that wait; the kernel gives what it may.
pub(crate) fn make_room(fd: &impl AsFd, bytes: usize) -> Result<(), Errno> {
    setsockopt(fd, sockopt::RcvBuf, &bytes)
}

/// Lets a socket's reader wait for so long; `None` = it never waits.
pub(crate) fn block_for(fd: &OwnedFd, longest: Option<Duration>) -> Result<(), Errno> {
    let flags = if longest.is_some() { OFlag::empty() } else { OFlag::O_NONBLOCK };
    if let Some(longest) = longest {
        setsockopt(
            fd,
            sockopt::ReceiveTimeout,
            &TimeVal::milliseconds(i64::try_from(longest.as_millis()).unwrap_or(i64::MAX)),
        )?;
    }
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(drop)
}

/// Lets a socket be bound to an address that the host will only get later.
pub(crate) fn bind_early(fd: &impl AsFd) -> Result<(), Errno> {
    setsockopt(fd, sockopt::IpFreebind, &true)
}

/// An Internet address; `None` for anything else.
pub(crate) fn to_socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::from(*v4)),
        (_, Some(v6)) => Some(SocketAddr::from(*v6)),
        _ => None,
    }
}

/// The host lacks this family: an everyday thing to be told once, not an error. Simulators say EINVAL.
pub(crate) fn is_missing_family(error: Errno) -> bool {
    matches!(
        error,
        Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::EADDRNOTAVAIL | Errno::EINVAL | Errno::ENOSYS
    )
}
