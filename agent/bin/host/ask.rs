//! Asking the daemon of this host how its clock stands: chronyc's protocol over its Unix socket, else over UDP.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use timefleet_agent::chronyc::ask as protocol;
use timefleet_agent::chronyc::survey::RefusalOf;
use timefleet_agent::chronyc::wire::{Reply, Request, Status};
use timefleet_agent::config::{CommandSocket, Config};

/// A daemon on the same host answers in microseconds or, when it is busy stepping the clock, soon after.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The longest datagram of the protocol is far below this.
const LONGEST_REPLY: usize = 4096;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Neither socket nor port.
    #[error("the configuration leaves no way to ask: cmdport 0 and no command socket")]
    NoDoor,
    /// Every way was tried; why each failed.
    #[error("the daemon does not answer: {0}")]
    Unreached(String),
    /// It answered before, and now it is silent.
    #[error("{request}: no answer from {door}")]
    Silent {
        /// What was asked.
        request: &'static str,
        /// Where.
        door: Door,
    },
    /// The socket failed.
    #[error("{door}: {source}")]
    Socket {
        /// Where.
        door: Door,
        /// What the system said.
        source: io::Error,
    },
    /// It said no.
    #[error(transparent)]
    Refused(#[from] protocol::AskError),
}

impl RefusalOf for AskError {
    fn refusal(&self) -> Option<Status> {
        match self {
            Self::Refused(error) => error.refusal(),
            _ => None,
        }
    }
}

/// One way to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everything is answered here.
    Unix(PathBuf),
    /// Only what everybody may know.
    Udp(SocketAddr),
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Udp(address) => write!(f, "{address}"),
        }
    }
}

/// Where a daemon with this configuration answers, the Unix socket first. `home` stands for `~`.
pub(crate) fn doors(config: &Config, home: &str) -> Vec<Door> {
    let socket = match &config.command_socket {
        CommandSocket::Default => Some(PathBuf::from(CommandSocket::DEFAULT_PATH)),
        CommandSocket::Path(path) => Some(match path.strip_prefix("~") {
            Ok(rest) => Path::new(home).join(rest),
            Err(_) => path.clone(),
        }),
        CommandSocket::Disabled => None,
    };
    let mut doors: Vec<Door> = socket.map(Door::Unix).into_iter().collect();
    if config.command_port == 0 {
        return doors;
    }
    let mut addresses: Vec<IpAddr> =
        config.bind_command_addresses.iter().map(|address| loopback_of(*address)).collect();
    if addresses.is_empty() {
        addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    doors.extend(
        addresses.into_iter().map(|address| Door::Udp(SocketAddr::new(address, config.command_port))),
    );
    doors
}

/// A daemon that listens everywhere listens on loopback too.
fn loopback_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// Asks one daemon, through the first door that opens.
#[derive(Debug)]
pub(crate) struct Asker {
    doors: Vec<Door>,
    line: Option<Line>,
}

impl Asker {
    /// Tries these in order.
    pub(crate) fn new(doors: Vec<Door>) -> Self {
        Self { doors, line: None }
    }

    /// One question, one answer. The door that answered first is kept.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, AskError> {
        if let Some(line) = &self.line {
            return line.ask(request);
        }
        let mut failures = Vec::new();
        for door in &self.doors {
            match Line::through(door).and_then(|line| line.ask(request).map(|reply| (line, reply))) {
                Ok((line, reply)) => {
                    self.line = Some(line);
                    return Ok(reply);
                }
                // Somebody is there and says no: that is an answer.
                Err(error @ AskError::Refused(_)) => return Err(error),
                Err(AskError::Silent { door, .. }) => failures.push(format!("no answer from {door}")),
                Err(error) => failures.push(error.to_string()),
            }
        }
        Err(if failures.is_empty() { AskError::NoDoor } else { AskError::Unreached(failures.join("; ")) })
    }
}

/// An open socket.
#[derive(Debug)]
struct Line {
    door: Door,
    socket: Socket,
    /// Held for its end.
    _own: Option<OwnName>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

/// A Unix socket's name lives longer than the socket unless it is removed.
#[derive(Debug)]
struct OwnName(PathBuf);

impl Drop for OwnName {
    fn drop(&mut self) {
        // Nothing hangs on it any more, and there is nobody to tell.
        let _ = fs::remove_file(&self.0);
    }
}

impl Line {
    fn through(door: &Door) -> Result<Self, AskError> {
        let socket = match door {
            Door::Unix(path) => unix(path).map(|(socket, own)| (Socket::Unix(socket), Some(own))),
            Door::Udp(address) => udp(*address).map(|socket| (Socket::Udp(socket), None)),
        };
        match socket {
            Ok((socket, own)) => Ok(Self { door: door.clone(), socket, _own: own }),
            Err(source) => Err(AskError::Socket { door: door.clone(), source }),
        }
    }

    fn ask(&self, request: &Request) -> Result<Reply, AskError> {
        let failed = |source| AskError::Socket { door: self.door.clone(), source };
        for attempt in 0..protocol::TRIES {
            // A new number for each try: an answer to the last one that comes late is not taken for this one's.
            let sequence = getrandom::u32().map_err(|error| failed(io::Error::other(error)))?;
            self.socket.send(&request.encode(sequence, attempt)).map_err(failed)?;
            match self.answer(request, sequence)? {
                Some(Err(protocol::AskError::Short { .. })) | None => {}
                Some(answer) => return Ok(answer?),
            }
        }
        Err(AskError::Silent { request: request.name(), door: self.door.clone() })
    }

    /// `None` when the time is over.
    fn answer(
        &self,
        request: &Request,
        sequence: u32,
    ) -> Result<Option<Result<Reply, protocol::AskError>>, AskError> {
        let deadline = Instant::now() + TIMEOUT;
        let mut datagram = [0; LONGEST_REPLY];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let received = match self.socket.receive(&mut datagram, left) {
                Ok(length) => datagram.get(..length).unwrap_or_default(),
                Err(error) if is_timeout(&error) => return Ok(None),
                Err(source) => return Err(AskError::Socket { door: self.door.clone(), source }),
            };
            match protocol::parse_reply(request, sequence, received) {
                Err(protocol::AskError::NotOurs { .. }) => {}
                answer => return Ok(Some(answer)),
            }
        }
    }
}

impl Socket {
    fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.send(datagram),
            Self::Udp(socket) => socket.send(datagram),
        }
    }

    fn receive(&self, datagram: &mut [u8], timeout: Duration) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => {
                socket.set_read_timeout(Some(timeout))?;
                socket.recv(datagram)
            }
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(timeout))?;
                socket.recv(datagram)
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// The daemon answers to our socket's name, so we need one, beside its own, and one that another user may write to.
fn unix(path: &Path) -> io::Result<(UnixDatagram, OwnName)> {
    let own = path.with_file_name(format!("timefleet.{}.sock", std::process::id()));
    match fs::remove_file(&own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixDatagram::bind(&own)?;
    let own = OwnName(own);
    fs::set_permissions(&own.0, Permissions::from_mode(0o666))?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    Ok((socket, own))
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use timefleet_agent::chronyc::survey::survey;
    use timefleet_agent::config::parse;
    use timefleet_agent::report::Tracking;

    use super::*;

    #[test]
    fn doors_are_where_the_configuration_puts_them() {
        let doors_of = |text: &str| -> Vec<String> {
            doors(&parse("agent.conf", text).unwrap(), "/home/ops").iter().map(ToString::to_string).collect()
        };
        assert_eq!(doors_of(""), ["/run/chrony/chronyd.sock", "127.0.0.1:323", "[::1]:323"]);
        assert_eq!(
            doors_of("bindcmdaddress ~/t/run/c.sock\nbindcmdaddress 0.0.0.0\ncmdport 11323\n"),
            ["/home/ops/t/run/c.sock", "127.0.0.1:11323"]
        );
        assert_eq!(doors_of("bindcmdaddress /\ncmdport 0\n"), [""; 0]);
    }

    #[test]
    fn a_daemon_that_is_not_there_is_named_with_every_door() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("chronyd.sock");
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut asker = Asker::new(vec![Door::Unix(path.clone()), Door::Udp(closed)]);

        let error = asker.ask(&Request::Tracking).unwrap_err();

        assert_eq!(
            error.to_string(),
            format!(
                "the daemon does not answer: {}: No such file or directory (os error 2); \
                 {closed}: Connection refused (os error 111)",
                path.display()
            )
        );
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "our own socket is removed");
        assert!(matches!(Asker::new(Vec::new()).ask(&Request::Tracking), Err(AskError::NoDoor)));
    }

    /// Debian's chronyd on a socket and a port of its own; it leaves the clock alone.
    struct Chronyd {
        child: Child,
        place: tempfile::TempDir,
        port: u16,
    }

    impl Chronyd {
        fn start() -> Option<Self> {
            if !nix::unistd::geteuid().is_root() || !Path::new("/usr/sbin/chronyd").exists() {
                eprintln!(
                    "left out: a real chronyd is started by root where the package chrony is installed"
                );
                return None;
            }
            let place = tempfile::tempdir().unwrap();
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let at = |name: &str| place.path().join(name).display().to_string();
            // chronyd wants a directory that nobody else can write to.
            fs::set_permissions(place.path(), Permissions::from_mode(0o750)).unwrap();
            let config = format!(
                "local stratum 10\nport 0\ncmdport {port}\nbindcmdaddress 127.0.0.1\nbindcmdaddress {}\npidfile {}\n",
                at("chronyd.sock"),
                at("chronyd.pid")
            );
            fs::write(at("chrony.conf"), config).unwrap();
            let child = Command::new("/usr/sbin/chronyd")
                .args(["-x", "-n", "-u", "root", "-f", &at("chrony.conf")])
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            Some(Self { child, place, port })
        }

        fn socket(&self) -> PathBuf {
            self.place.path().join("chronyd.sock")
        }

        fn tracking(&self, door: &Door) -> Tracking {
            let begun = Instant::now();
            loop {
                let mut asker = Asker::new(vec![door.clone()]);
                match asker.ask(&Request::Tracking) {
                    Ok(Reply::Tracking(tracking)) if tracking.stratum > 0 => {
                        return Tracking::from(&tracking);
                    }
                    other => assert!(begun.elapsed() < Duration::from_secs(20), "{door}: {other:?}"),
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    impl Drop for Chronyd {
        fn drop(&mut self) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }

    #[test]
    fn a_real_chronyd_answers_through_both_doors() {
        let Some(chronyd) = Chronyd::start() else { return };
        let (unix, udp) = (Door::Unix(chronyd.socket()), Door::Udp(([127, 0, 0, 1], chronyd.port).into()));

        for door in [&unix, &udp] {
            let tracking = chronyd.tracking(door);
            assert_eq!((tracking.ref_id.as_str(), tracking.stratum), ("7F7F0101", 10), "{door}");
        }

        let mut asker = Asker::new(vec![unix, udp.clone()]);
        let told = survey(true, |request| asker.ask(request));
        assert_eq!((told.clients, told.unanswered), (Some(Vec::new()), Vec::new()));
        let mut asker = Asker::new(vec![udp]);
        let told = survey(true, |request| asker.ask(request));
        assert_eq!(told.unanswered, ["CLIENT_ACCESSES_BY_INDEX3: 501 Not authorised"]);
    }
}
