//! The UDP sockets on which others ask us: for the time, and for how the clock stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use timefleet_agent::config::{Config, Family};
use timefleet_agent::engine::Level;

use crate::log::Log;
use crate::socket::{self, Stamps};

/// What is asked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// NTP requests.
    Time,
    /// The monitoring protocol.
    Monitoring,
}

/// One socket that others send to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    pub(crate) role: Role,
}

/// NTP cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("cannot serve NTP on {address}: the port is taken; find its owner with 'ss -lunp' and stop it")]
    Taken { address: SocketAddr },
    #[error(
        "cannot serve NTP on {address}: ports below 1024 need root or CAP_NET_BIND_SERVICE; configure another 'port', or \
         'port 0' to serve nobody"
    )]
    NotPermitted { address: SocketAddr },
    #[error(
        "cannot serve NTP on the interface {device}: {source}; 'binddevice' takes one of those that 'ip link' lists, and \
         before Linux 5.7 needs CAP_NET_RAW"
    )]
    Device { device: String, source: Errno },
    #[error("cannot serve NTP on {address}: {source}")]
    Other { address: SocketAddr, source: Errno },
    #[error("cannot serve NTP: this host has neither IPv4 nor IPv6; configure 'port 0' to serve nobody")]
    NoFamily,
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// Datagrams that may wait while everybody who serves is busy. They carry the kernel's timestamp, so waiting does them
/// no harm.
const ROOM: usize = 1 << 20;

/// Opens the NTP server's sockets, if anybody may ask: `port` is not 0 and something is allowed (chrony.conf(5), `port`).
/// On each address there are as many as `spread`, among which the kernel spreads the clients; fewer where it cannot.
pub(crate) fn serve_time(
    config: &Config,
    only: Option<Family>,
    spread: usize,
    log: Log,
) -> Result<Vec<Listener>, ListenError> {
    if config.port == 0 || !config.access.iter().any(|rule| rule.allow) {
        return Ok(Vec::new());
    }
    let mut listeners = Vec::new();
    for family in FAMILIES.into_iter().filter(|family| only.is_none_or(|only| only == *family)) {
        let bound = config.bind_addresses.iter().copied().find(|address| Family::of(*address) == family);
        let address = SocketAddr::new(bound.unwrap_or(anywhere(family)), config.port);
        // Whoever names one address cares about that one; the other family is a bonus.
        let optional = bound.is_none() && !config.bind_addresses.is_empty();
        let shared = config.acquisition_port == Some(config.port);
        let device = config.device.as_deref();
        let place = Place {
            address,
            role: Role::Time,
            early: bound.is_some(),
            shared,
            spread: false,
            device,
            dscp: config.dscp,
        };
        match open(place, log) {
            Ok(listener) => {
                let others = open_others(&listener, place, spread, log);
                listeners.push(listener);
                listeners.extend(others);
            }
            Err(error @ (Errno::ENODEV | Errno::EPERM)) if device.is_some() => {
                return Err(ListenError::Device {
                    device: device.unwrap_or_default().to_owned(),
                    source: error,
                });
            }
            Err(error) if optional || socket::is_missing_family(error) => {
                log.warning(&format!("not serving NTP over {family} on {address}: {error}"));
            }
            Err(Errno::EADDRINUSE) => return Err(ListenError::Taken { address }),
            Err(Errno::EACCES | Errno::EPERM) => return Err(ListenError::NotPermitted { address }),
            Err(source) => return Err(ListenError::Other { address, source }),
        }
    }
    if listeners.is_empty() { Err(ListenError::NoFamily) } else { Ok(listeners) }
}

/// More sockets on the address of one that is bound. That one had the port for itself until now, so that another daemon
/// there was noticed.
fn open_others(first: &Listener, place: Place<'_>, count: usize, log: Log) -> Vec<Listener> {
    if count < 2 {
        return Vec::new();
    }
    let others = socket::spread_port(&first.fd)
        .and_then(|()| (1..count).map(|_| open(Place { spread: true, ..place }, log)).collect());
    others.unwrap_or_else(|error| {
        log.debug(&format!("{}: one socket must do: {error}", place.address));
        Vec::new()
    })
}

/// Opens the monitoring port. The clock is more important than being watched: what cannot be opened is only told.
pub(crate) fn answer_monitoring(config: &Config, only: Option<Family>, log: Log) -> Vec<Listener> {
    if config.command_port == 0 {
        return Vec::new();
    }
    FAMILIES
        .into_iter()
        .filter(|family| only.is_none_or(|only| only == *family))
        .filter_map(|family| {
            let bound =
                config.bind_command_addresses.iter().copied().find(|address| Family::of(*address) == family);
            let address = SocketAddr::new(bound.unwrap_or(loopback(family)), config.command_port);
            // Whoever names one address does not miss the other family.
            let missed = bound.is_some() || config.bind_command_addresses.is_empty();
            let level = if missed { Level::Warning } else { Level::Debug };
            let place = Place {
                address,
                role: Role::Monitoring,
                early: bound.is_some(),
                shared: false,
                spread: false,
                device: config.command_device.as_deref(),
                dscp: 0,
            };
            open(place, log)
                .map_err(|error| log.write(level, &format!("not answering chronyc on {address}: {error}")))
                .ok()
        })
        .collect()
}

/// Where a socket is opened, and how.
#[derive(Clone, Copy)]
struct Place<'a> {
    address: SocketAddr,
    role: Role,
    /// The address may come later.
    early: bool,
    /// The port is also the one that the client asks from.
    shared: bool,
    /// There are others like it.
    spread: bool,
    /// The only interface that it is for.
    device: Option<&'a str>,
    /// Service class of what is sent; 0 = none.
    dscp: u8,
}

fn open(place: Place<'_>, log: Log) -> Result<Listener, Errno> {
    let Place { address, role, early, shared, spread, device, dscp } = place;
    let family = Family::of(address.ip());
    let fd = socket::udp(family)?;
    if let Some(device) = device {
        socket::bind_to_device(&fd, device)?;
    }
    if early && let Err(error) = socket::bind_early(&fd) {
        log.debug(&format!("{address}: an address that comes later cannot be bound now: {error}"));
    }
    if shared {
        socket::share_port(&fd)?;
    }
    if spread {
        socket::spread_port(&fd)?;
    }
    if let Err(error) = socket::collect_local_address(&fd, family) {
        log.debug(&format!("{address}: replies leave from whichever address the route says: {error}"));
    }
    let stamps = if role == Role::Time { Stamps::Received } else { Stamps::Off };
    if let Err(error) = socket::collect_stamps(&fd, stamps) {
        log.debug(&format!("{address}: no kernel timestamps, the daemon's own must do: {error}"));
    }
    if dscp != 0
        && let Err(error) = socket::set_service_class(&fd, family, dscp)
    {
        log.warning(&format!("replies over {family} leave without their service class: {error}"));
    }
    if role == Role::Time
        && let Err(error) = socket::make_room(&fd, ROOM)
    {
        log.debug(&format!("{address}: the kernel's own measure of waiting datagrams must do: {error}"));
    }
    socket::bind_to(&fd, address)?;
    Ok(Listener { fd, role })
}

fn anywhere(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::{Duration, Instant};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::socket::{MsgFlags, getsockopt, sockopt};

    use super::*;
    use crate::args::LogLevel;
    use crate::clock::Clock;
    use crate::datagram::{self, Inbox, Queue};
    use timefleet_agent::config;
    use timefleet_agent::engine::StampedBy;

    /// An address of this process alone, so that two runs at a time do not meet.
    fn address(host: u8, port: u16) -> SocketAddr {
        let [.., high, low] = std::process::id().to_be_bytes();
        SocketAddr::from(([127, host, high, low], port))
    }

    fn wait(fd: &OwnedFd) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        while poll(&mut fds, PollTimeout::from(100_u8)) != Ok(1) {
            assert!(Instant::now() < deadline, "nothing came");
        }
    }

    #[test]
    fn a_multi_homed_server_answers_from_the_address_that_was_asked() {
        let port = 22_000 + (std::process::id() % 10_000) as u16;
        let config = config::parse("test", &format!("allow\nport {port}\n")).unwrap();
        let listeners = serve_time(&config, Some(Family::V4), 1, Log::new(LogLevel::Debug)).unwrap();
        let server = &listeners[0].fd;
        let client = socket::udp(Family::V4).unwrap();
        let asked = address(90, port);
        socket::connect_to(&client, asked).unwrap();
        let mut inbox = Inbox::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        // The kernel begins to take stamps a moment after the first socket asked for them.
        let (received, now, stamp) = loop {
            nix::sys::socket::send(client.as_raw_fd(), b"what time is it", MsgFlags::empty()).unwrap();
            wait(server);
            let received = inbox.receive(server, Queue::Arrivals).unwrap().unwrap();
            let now = Clock::new().now();
            let stamp = received.stamp(now);
            if stamp.by == StampedBy::Kernel {
                break (received, now, stamp);
            }
            assert!(Instant::now() < deadline, "no stamp by the kernel: {stamp:?}");
        };
        assert_eq!(inbox.bytes(&received), b"what time is it");
        assert_eq!(received.local, Some(asked.ip()));
        assert!((0.0..5.0).contains(&(now.wall - stamp.wall).0), "{stamp:?} {now:?}");
        assert_eq!(inbox.receive(server, Queue::Arrivals), Ok(None));

        datagram::send(server, received.from.unwrap(), received.local, b"late").unwrap();
        wait(&client);
        let answer = inbox.receive(&client, Queue::Arrivals).unwrap().unwrap();
        assert_eq!(answer.from, Some(asked));
    }

    #[test]
    fn every_socket_on_an_address_has_its_device_and_its_service_class() {
        let port = 32_000 + (std::process::id() % 10_000) as u16;
        let config = config::parse("test", &format!("allow\nport {port}\nbinddevice lo\ndscp 46\n")).unwrap();
        let listeners = serve_time(&config, Some(Family::V4), 3, Log::new(LogLevel::Debug)).unwrap();
        assert_eq!(listeners.len(), 3);
        for Listener { fd, .. } in &listeners {
            assert_eq!(getsockopt(fd, sockopt::Ipv4Tos), Ok(46 << 2));
            assert_eq!(getsockopt(fd, sockopt::BindToDevice), Ok("lo".into()));
        }
    }

    #[test]
    fn a_taken_port_and_a_closed_one() {
        let taken = socket::udp(Family::V4).unwrap();
        let address = address(91, 21_124);
        socket::bind_to(&taken, address).unwrap();
        let place = format!("port 21124\nbindaddress {}\n", address.ip());
        let config = config::parse("test", &format!("allow\n{place}")).unwrap();
        assert_eq!(
            serve_time(&config, Some(Family::V4), 1, Log::new(LogLevel::Debug)).unwrap_err().to_string(),
            format!(
                "cannot serve NTP on {address}: the port is taken; find its owner with 'ss -lunp' and stop it"
            )
        );
        for text in ["port 0\nallow\n".to_owned(), format!("{place}deny 10.0.0.0/8\n")] {
            let config = config::parse("test", &text).unwrap();
            assert!(serve_time(&config, None, 1, Log::new(LogLevel::Debug)).unwrap().is_empty(), "{text}");
        }
    }
}
