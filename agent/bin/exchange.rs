//! The client's sockets: one for each request, so that nobody can guess where a reply is expected.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use timefleet_agent::config::{Config, Family};
use timefleet_agent::engine::ExchangeId;

use crate::log::Log;
use crate::socket::{self, Stamps};

/// A request that wants to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) exchange: ExchangeId,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// A socket that waits for its reply.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) fd: OwnedFd,
    /// Which of our addresses the request left from.
    pub(crate) local: Option<IpAddr>,
}

/// All requests under way.
#[derive(Debug)]
pub(crate) struct Exchanges {
    port: Option<u16>,
    addresses: Vec<IpAddr>,
    device: Option<String>,
    dscp: u8,
    open: BTreeMap<ExchangeId, Exchange>,
    waiting: VecDeque<Outgoing>,
    limit: usize,
}

impl Exchanges {
    /// At most `limit` sockets at a time; further requests wait their turn.
    pub(crate) fn new(config: &Config, limit: usize) -> Self {
        Self {
            port: config.acquisition_port,
            addresses: config.bind_acquisition_addresses.clone(),
            device: config.acquisition_device.clone(),
            dscp: config.dscp,
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            limit,
        }
    }

    pub(crate) fn add(&mut self, outgoing: Outgoing) {
        self.waiting.push_back(outgoing);
    }

    /// The next request that may go out now.
    pub(crate) fn next(&mut self) -> Option<Outgoing> {
        if self.open.len() < self.limit { self.waiting.pop_front() } else { None }
    }

    /// Sends a request from a socket of its own, which then waits for the reply.
    pub(crate) fn send(&mut self, outgoing: &Outgoing, log: Log) -> Result<(), Errno> {
        let family = Family::of(outgoing.to.ip());
        let fd = self.socket(family)?;
        if self.dscp != 0
            && let Err(error) = socket::set_service_class(&fd, family, self.dscp)
        {
            log.debug(&format!("requests leave without their service class: {error}"));
        }
        if let Some(local) = self.local(family) {
            if local.port() != 0 {
                socket::share_port(&fd)?;
            }
            socket::bind_to(&fd, local)?;
        }
        if let Err(error) = socket::collect_stamps(&fd, Stamps::Both) {
            log.debug(&format!("no kernel timestamps, the daemon's own must do: {error}"));
        }
        socket::connect_to(&fd, outgoing.to)?;
        send(fd.as_raw_fd(), &outgoing.bytes, MsgFlags::empty())?;
        let local = socket::local_address(&fd);
        self.open.insert(outgoing.exchange, Exchange { fd, local });
        Ok(())
    }

    /// Could a request leave for this address? Asks the routing table by connecting; nothing is sent.
    pub(crate) fn has_route(&self, to: SocketAddr) -> bool {
        let family = Family::of(to.ip());
        let connected = self.socket(family).and_then(|fd| {
            if let Some(local) = self.local(family) {
                socket::bind_to(&fd, SocketAddr::new(local.ip(), 0))?;
            }
            socket::connect_to(&fd, to)
        });
        connected.is_ok()
    }

    fn socket(&self, family: Family) -> Result<OwnedFd, Errno> {
        let fd = socket::udp(family)?;
        if let Some(device) = &self.device {
            socket::bind_to_device(&fd, device)?;
        }
        Ok(fd)
    }

    /// `bindacqaddress` and `acquisitionport`; `None` leaves both to the kernel.
    fn local(&self, family: Family) -> Option<SocketAddr> {
        let address = self.addresses.iter().copied().find(|address| Family::of(*address) == family);
        let port = self.port.unwrap_or(0);
        match (address, port) {
            (None, 0) => None,
            (Some(address), port) => Some(SocketAddr::new(address, port)),
            (None, port) => Some(match family {
                Family::V4 => (std::net::Ipv4Addr::UNSPECIFIED, port).into(),
                Family::V6 => (std::net::Ipv6Addr::UNSPECIFIED, port).into(),
            }),
        }
    }

    pub(crate) fn get(&self, id: ExchangeId) -> Option<&Exchange> {
        self.open.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ExchangeId, &Exchange)> {
        self.open.iter().map(|(id, exchange)| (*id, exchange))
    }

    /// Closes the socket, or takes the request back if it has not gone out.
    pub(crate) fn close(&mut self, id: ExchangeId) {
        self.open.remove(&id);
        self.waiting.retain(|outgoing| outgoing.exchange != id);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::socket::{getsockopt, sockopt};

    use super::*;
    use crate::args::LogLevel;
    use crate::clock::Clock;
    use crate::datagram::{Inbox, Queue};
    use timefleet_agent::config;

    /// An address of this process alone, so that two runs at a time do not meet.
    fn address(host: u8, port: u16) -> SocketAddr {
        let [.., high, low] = std::process::id().to_be_bytes();
        SocketAddr::from(([127, host, high, low], port))
    }

    fn outgoing(number: u64, to: SocketAddr) -> Outgoing {
        Outgoing { exchange: ExchangeId(number), to, bytes: vec![0x23; 48] }
    }

    /// Waits until poll(2) says something about the socket, and what.
    fn events(fd: &OwnedFd) -> PollFlags {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN | PollFlags::POLLPRI)];
            if poll(&mut fds, PollTimeout::from(100_u8)) == Ok(1) {
                return fds[0].revents().unwrap();
            }
            assert!(Instant::now() < deadline, "nothing happened");
        }
    }

    #[test]
    fn the_kernel_says_when_a_request_left() {
        let server = socket::udp(Family::V4).unwrap();
        let to = address(92, 21_125);
        socket::bind_to(&server, to).unwrap();
        let mut exchanges = Exchanges::new(&Config::default(), 15);
        let request = outgoing(1, to);
        let clock = Clock::new();
        let before = clock.now();
        exchanges.send(&request, Log::new(LogLevel::Debug)).unwrap();
        let exchange = exchanges.get(ExchangeId(1)).unwrap();
        assert!(exchange.local.is_some_and(|local| local.is_loopback()), "{:?}", exchange.local);

        let flags = events(&exchange.fd);
        assert!(flags.intersects(PollFlags::POLLERR | PollFlags::POLLPRI), "{flags:?}");
        let mut inbox = Inbox::new();
        let sent = inbox.receive(&exchange.fd, Queue::Errors).unwrap().unwrap();
        assert!(inbox.bytes(&sent).ends_with(&request.bytes));
        let left = sent.kernel.expect("a transmit timestamp");
        assert!(left >= before.wall && left <= clock.now().wall);
        assert_eq!(inbox.receive(&exchange.fd, Queue::Errors), Ok(None));
        assert_eq!(inbox.receive(&exchange.fd, Queue::Arrivals), Ok(None));
    }

    #[test]
    fn a_closed_port_is_told_as_an_error() {
        let mut exchanges = Exchanges::new(&Config::default(), 15);
        exchanges.send(&outgoing(1, address(93, 21_126)), Log::new(LogLevel::Debug)).unwrap();
        let exchange = exchanges.get(ExchangeId(1)).unwrap();
        let mut inbox = Inbox::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            events(&exchange.fd);
            while inbox.receive(&exchange.fd, Queue::Errors) != Ok(None) {}
            match inbox.receive(&exchange.fd, Queue::Arrivals) {
                Ok(None) => assert!(Instant::now() < deadline, "no error came"),
                other => {
                    assert_eq!(other, Err(Errno::ECONNREFUSED));
                    break;
                }
            }
        }
    }

    #[test]
    fn own_address_and_port_are_kept_and_shared_by_all_requests() {
        let own = address(95, 21_127);
        let text = format!("bindacqaddress {}\nacquisitionport {}\n", own.ip(), own.port());
        let mut exchanges = Exchanges::new(&config::parse("test", &text).unwrap(), 15);
        for number in [1, 2] {
            exchanges
                .send(&outgoing(number.into(), address(96, 21_130 + number)), Log::new(LogLevel::Debug))
                .unwrap();
            let exchange = exchanges.get(ExchangeId(number.into())).unwrap();
            let local = nix::sys::socket::getsockname(exchange.fd.as_raw_fd()).unwrap();
            assert_eq!(socket::to_socket_addr(&local), Some(own));
            assert_eq!(exchange.local, Some(own.ip()));
        }
    }

    #[test]
    fn requests_carry_their_service_class_and_keep_to_their_interface() {
        let config = config::parse("test", "dscp 46\nbindacqdevice lo\n").unwrap();
        let mut exchanges = Exchanges::new(&config, 15);
        let to = address(97, 21_129);
        exchanges.send(&outgoing(1, to), Log::new(LogLevel::Debug)).unwrap();
        let fd = &exchanges.get(ExchangeId(1)).unwrap().fd;
        assert_eq!(getsockopt(fd, sockopt::Ipv4Tos), Ok(46 << 2));
        assert_eq!(getsockopt(fd, sockopt::BindToDevice).unwrap().as_encoded_bytes(), b"lo");
        assert!(exchanges.has_route(to));

        let elsewhere = config::parse("test", "bindacqdevice no-such-device").unwrap();
        let mut exchanges = Exchanges::new(&elsewhere, 15);
        assert_eq!(exchanges.send(&outgoing(1, to), Log::new(LogLevel::Debug)), Err(Errno::ENODEV));
        assert!(!exchanges.has_route(to));
    }

    #[test]
    fn requests_beyond_the_limit_wait_until_a_socket_is_closed() {
        let mut exchanges = Exchanges::new(&Config::default(), 1);
        let to = address(94, 21_128);
        for number in 1..=3 {
            exchanges.add(outgoing(number, to));
        }
        let first = exchanges.next().unwrap();
        exchanges.send(&first, Log::new(LogLevel::Debug)).unwrap();
        assert_eq!(exchanges.next(), None);
        exchanges.close(ExchangeId(2));
        exchanges.close(ExchangeId(1));
        assert_eq!(exchanges.next().map(|outgoing| outgoing.exchange), Some(ExchangeId(3)));
    }
}
