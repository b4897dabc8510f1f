//! ntpsec's ntpd, as server and as client. It has no option to leave the clock alone: it runs without CAP_SYS_TIME, and
//! as a client with `disable ntp`.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Key};
use super::namespace::Namespace;
use super::process::{Daemon, program, wait_for};

/// Where `tests/unpacked` puts it: Debian's packages of chrony and ntpsec exclude each other.
pub(crate) fn binary() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let unpacked = cache.map(|cache| cache.join("timefleet-tests/ntpsec/usr/sbin/ntpd"));
    unpacked.filter(|file| file.is_file()).or_else(|| program("ntpd"))
}

fn start(namespace: &Namespace, directory: &Path, lines: &str) -> Daemon {
    let place = directory.to_str().unwrap();
    fs::write(directory.join("keys"), keys::NTP).unwrap();
    let file = directory.join("conf");
    // Without the second line it would not even tell this machine what it follows.
    let access = "restrict default\nrestrict 127.0.0.1";
    let common = format!("keys {place}/keys\ntrustedkey 1 2 4\n{access}\nstatsdir {place}/\ndisable stats\n");
    fs::write(&file, format!("{lines}\n{common}")).unwrap();
    let mut command = namespace.command(&program("setpriv").unwrap());
    command.args(["--inh-caps", "-sys_time", "--bounding-set", "-sys_time"]);
    command.arg(binary().unwrap()).args(["-n", "-c"]).arg(file);
    Daemon::start(command, &directory.join("log"))
}

/// Its own clock is its reference: an orphan of stratum 8, from its second second on.
pub(crate) fn server(namespace: &Namespace, directory: &Path) -> Daemon {
    start(namespace, directory, "tos orphan 8 orphanwait 1")
}

/// An ntpd whose servers are all addresses of one agent.
pub(crate) struct Client {
    daemon: Daemon,
    socket: UdpSocket,
    signed: usize,
}

impl Client {
    pub(crate) fn start(namespace: &Namespace, directory: &Path, servers: &[(&str, Option<Key>)]) -> Self {
        let line = |(address, key): &(&str, Option<Key>)| {
            format!("server {address} iburst minpoll 3 maxpoll 3{}\n", Key::option(*key))
        };
        let lines: String = servers.iter().map(line).collect();
        let daemon = start(namespace, directory, &format!("disable ntp\n{lines}"));
        let socket = namespace.socket();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let signed = servers.iter().filter(|(_, key)| key.is_some()).count();
        Self { daemon, socket, signed }
    }

    /// What `ntpq -c associations` shows: the status words of its sources (RFC 9327, section 3: READSTAT).
    fn associations(&self) -> Option<Vec<Status>> {
        let mut message = [0; 512];
        message[..2].copy_from_slice(&[0x16, 1]);
        self.socket.send_to(&message[..12], "127.0.0.1:123").ok()?;
        let length = self.socket.recv(&mut message).ok()?;
        let (pairs, _) = message.get(12..length)?.as_chunks();
        Some(pairs.iter().map(|[_, _, status, _]| Status(*status)).collect())
    }

    /// It hears all of them, believes who signed, and has selected one.
    pub(crate) fn follows(&self, sources: usize) {
        wait_for(
            || format!("ntpd to select the agent: {:x?}\n{}", self.associations(), self.daemon.log()),
            || {
                let all = self.associations()?;
                let is_done = all.len() == sources
                    && all.iter().all(|status| status.is_reachable() && status.is_truechimer())
                    && all.iter().filter(|status| status.is_authentic()).count() == self.signed
                    && all.iter().any(|status| status.is_selected());
                is_done.then_some(())
            },
        );
    }
}

/// First byte of an association's status word.
#[derive(Clone, Copy, Debug)]
struct Status(u8);

impl Status {
    fn is_reachable(self) -> bool {
        self.0 & 0x10 != 0
    }

    fn is_authentic(self) -> bool {
        self.0 & 0x60 == 0x60
    }

    /// Passed the intersection of RFC 5905, section 11.2.1: 3 is one that the cluster algorithm then left out for its jitter,
    /// as it may do with any of several that agree.
    fn is_truechimer(self) -> bool {
        self.0 & 7 >= 3
    }

    fn is_selected(self) -> bool {
        self.0 & 7 == 6
    }
}
