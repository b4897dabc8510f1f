//! Two daemons with one configuration, each on addresses and in a directory of its own, and their upstream.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::commands::Over;

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Is this program installed? (`/usr/sbin` is not in everybody's path.)
pub(crate) fn is_there(program: &str) -> bool {
    program_path(program).is_some()
}

fn program_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.push("/usr/sbin".into());
    directories.into_iter().map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Loopback addresses of this test process alone, so that two runs at a time do not meet.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 100 + host)
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Where both daemons live: a server that answers both, one that answers nobody.
pub(crate) struct Site {
    upstream: Child,
    ports: Vec<(u16, &'static str)>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Chronyd,
}

impl Site {
    const PORT: u16 = 21_701;

    pub(crate) fn new() -> Self {
        let directory = format!("port {}", Self::PORT);
        let bind = format!("bindaddress {}", address(1));
        let upstream = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
            .args(["-x", "-4", "local stratum 10", "allow 127.0.0.0/8", "cmdport 0", "bindcmdaddress /"])
            .args([&directory, &bind])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { upstream, ports: vec![(Self::PORT, "PORT")] }
    }

    /// A request for the time, so that there is a client to be counted.
    pub(crate) fn ask_for_time(&self, daemon: &Daemon) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = [0; 48];
        request[0] = 0x23;
        socket.send_to(&request, (daemon.kind.address().as_str(), Self::PORT)).unwrap();
        socket.recv(&mut request).expect("an answer with the time");
    }

    /// Addresses by their names in the configuration, also as reference IDs.
    pub(crate) fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (host, name) in [(1, "UPSTREAM"), (2, "SILENT"), (3, "ADDED"), (4, "SELF"), (5, "SELF")] {
            let octets = address(host).parse::<std::net::Ipv4Addr>().unwrap();
            text = text.replace(&address(host), name).replace(&format!("{:08X}", octets.to_bits()), name);
        }
        for (port, name) in &self.ports {
            text = text.replace(&port.to_string(), name);
        }
        text
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Gone already if it could not start, which the daemons will have noticed.
        let _ = self.upstream.kill();
        let _ = self.upstream.wait();
    }
}

impl Kind {
    fn address(self) -> String {
        match self {
            Self::Agent => address(4),
            Self::Chronyd => address(5),
        }
    }

    fn command(self, place: &str) -> Command {
        match self {
            Self::Agent => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"));
                command.args(["--run-dir", place]);
                command
            }
            Self::Chronyd => {
                let mut command = Command::new(program_path("chronyd").unwrap());
                command.args(["-u", "root", "-d"]);
                command
            }
        }
    }
}

/// A daemon under questioning.
pub(crate) struct Daemon {
    kind: Kind,
    child: Child,
    directory: TempDir,
    command_port: u16,
}

/// What chronyc printed, and how it ended.
pub(crate) struct Answer {
    pub(crate) printed: String,
    pub(crate) exit: i32,
}

impl Daemon {
    pub(crate) fn start(_site: &Site, kind: Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().to_str().unwrap();
        let command_port = free_port();
        let file = directory.path().join("conf");
        fs::write(&file, Self::configuration(kind, place, command_port)).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let child = kind
            .command(place)
            .args(["-x", "-4", "-f"])
            .arg(&file)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let daemon = Self { kind, child, directory, command_port };
        let socket = daemon.path("chronyd.sock");
        wait_for(&format!("{kind:?}'s socket; log: {}", daemon.log()), || socket.exists().then_some(()));
        daemon
    }

    fn configuration(kind: Kind, place: &str, command_port: u16) -> String {
        let (upstream, silent, own, port) = (address(1), address(2), kind.address(), Site::PORT);
        format!(
            "server {upstream} port {port} iburst minpoll 0 maxpoll 0
server {silent} port {port} offline
server nowhere.invalid
allow 127.0.0.0/8
port {port}
bindaddress {own}
cmdport {command_port}
bindcmdaddress 127.0.0.1
bindcmdaddress {place}/chronyd.sock
pidfile {place}/pid
driftfile {place}/drift
smoothtime 400 0.001
"
        )
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Runs chronyc with these words; `ADDED` and `SILENT` stand for addresses.
    pub(crate) fn chronyc(&self, over: Over, words: &str) -> Answer {
        let (place, port) = match over {
            Over::Unix => (self.path("chronyd.sock").to_str().unwrap().to_owned(), 0),
            Over::Udp => ("127.0.0.1".to_owned(), self.command_port),
        };
        let words = words
            .replace("UPSTREAM", &address(1))
            .replace("SILENT", &address(2))
            .replace("ADDED", &address(3))
            .replace("PORT", &Site::PORT.to_string());
        let output = Command::new(program_path("chronyc").unwrap_or_else(|| Path::new("chronyc").into()))
            .args(["-n", "-h", &place, "-p", &port.to_string()])
            .args(words.split(' '))
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = format!(
            "{}{}",
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap()
        );
        Answer { printed, exit: output.status.code().unwrap() }
    }

    /// Waits until the clock follows the upstream server and every report has something to tell.
    pub(crate) fn wait_until_synchronised(&self) {
        let what = format!("{:?} to be synchronised; log: {}", self.kind, self.log());
        wait_for(&what, || {
            let tracking = self.chronyc(Over::Unix, "tracking").printed;
            tracking.contains("Stratum         : 11\n").then_some(())
        });
        // The burst is over.
        wait_for(&what, || {
            let activity = self.chronyc(Over::Unix, "activity").printed;
            activity.contains("\n1 sources online\n1 sources offline\n").then_some(())
        });
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the daemon's end", || child.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already ended in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
