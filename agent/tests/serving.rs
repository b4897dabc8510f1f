//! The daemon as its clients meet it: many of them at once, over sockets on loopback. None touches the clock (`-x`).

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are not recognised as ones"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{ClientAccess, ClientsPage, Reply, Request, ServerStats};
use timefleet_agent::packet::{Header, Mode, Packet};
use timefleet_agent::time::NtpTimestamp;

const PATIENCE: Duration = Duration::from_secs(30);

/// An address of this process alone, so that two runs at a time do not meet.
fn address(host: u8) -> IpAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + host, high, low).into()
}

fn free_port(address: IpAddr) -> u16 {
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A daemon, and a directory with everything that belongs to it.
struct Daemon {
    child: Child,
    directory: TempDir,
    address: SocketAddr,
}

impl Daemon {
    /// An agent that serves its own clock on an address of its own.
    fn serving(host: u8, more: &str, environment: &[(&str, &str)]) -> Self {
        let address = SocketAddr::new(address(host), free_port(address(host)));
        let daemon = Self::start(env!("CARGO_BIN_EXE_timefleet-agent"), address, more, environment);
        wait_for("the first answer", || daemon.is_heard().then_some(()));
        daemon
    }

    fn start(program: &str, address: SocketAddr, more: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().to_str().unwrap();
        let file = directory.path().join("daemon.conf");
        let text = format!(
            "{more}\nbindaddress {}\nport {}\ncmdport 0\nbindcmdaddress {place}/command.sock\npidfile {place}/pid\n",
            address.ip(),
            address.port()
        );
        fs::write(&file, text).unwrap();
        let own = program.ends_with("timefleet-agent");
        let words: &[&str] = if own { &["--run-dir", place] } else { &["-d", "-u", "root"] };
        let child = Command::new(program)
            .args(["-x", "-4"])
            .args(words)
            .arg("-f")
            .arg(&file)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .expect("the daemon starts");
        Self { child, directory, address }
    }

    fn is_heard(&self) -> bool {
        let socket = UdpSocket::bind((address(90), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        socket.send_to(&request(NtpTimestamp(1)), self.address).unwrap();
        socket.recv(&mut [0; 100]).is_ok()
    }

    /// How many of its threads serve.
    fn servers(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|name| name.trim() == "serve").count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    fn ask(&self, request: &Request) -> Reply {
        let mine = self.directory.path().join("question.sock");
        let socket = UnixDatagram::bind(&mine).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&request.encode(7, 0), self.directory.path().join("command.sock")).unwrap();
        let mut bytes = [0; 2048];
        let length = socket.recv(&mut bytes).unwrap();
        fs::remove_file(&mine).unwrap();
        ask::parse_reply(request, 7, &bytes[..length]).unwrap()
    }

    fn server_stats(&self) -> ServerStats {
        match self.ask(&Request::ServerStats) {
            Reply::ServerStats(stats) => stats,
            other => panic!("{other:?}"),
        }
    }

    /// All pages of chronyc's `clients`.
    fn clients(&self) -> BTreeMap<String, ClientAccess> {
        let (mut all, mut first) = (BTreeMap::new(), 0);
        loop {
            let page = ClientsPage { first, count: 8, min_hits: 0, reset: 0 };
            let Reply::Clients(clients) = self.ask(&Request::Clients(page)) else {
                panic!("no page {first}")
            };
            for client in clients.clients {
                let again = all.insert(client.address.to_string(), client);
                assert_eq!(again, None, "a client is on two pages");
            }
            first = clients.next_index;
            if first >= clients.table_size {
                return all;
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(nonce: NtpTimestamp) -> [u8; 48] {
    Header::request(4, 6, nonce).to_bytes()
}

/// Asks one thing after the other, from a new port each time, and holds each answer against its question.
fn ask_often(client: IpAddr, server: SocketAddr, requests: u64) {
    for number in 1..=requests {
        let socket = UdpSocket::bind((client, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send(&request(NtpTimestamp(number))).unwrap();
        let mut bytes = [0; 100];
        let length = socket.recv(&mut bytes).unwrap();
        let answer = Packet::parse(&bytes[..length]).unwrap().header;
        assert_eq!((answer.mode, answer.origin), (Mode::Server, NtpTimestamp(number)));
    }
}

fn many_clients_are_served_and_counted(daemon: &Daemon, host: u8) {
    const CLIENTS: u8 = 20;
    const REQUESTS: u64 = 50;
    let asked_before = daemon.server_stats().ntp_hits;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || ask_often(address(host + client), daemon.address, REQUESTS));
        }
    });
    let clients = daemon.clients();
    for client in 0..CLIENTS {
        let client = &clients[&address(host + client).to_string()];
        assert_eq!((u64::from(client.ntp_hits), client.ntp_drops), (REQUESTS, 0));
    }
    let stats = daemon.server_stats();
    assert_eq!(stats.ntp_hits - asked_before, u64::from(CLIENTS) * REQUESTS);
    assert_eq!(stats.daemon_tx, Some(stats.ntp_hits));
    assert_eq!(stats.kernel_rx.unwrap() + stats.daemon_rx.unwrap(), stats.ntp_hits);
    assert!(stats.kernel_rx.unwrap() > 0, "{stats:?}");
}

#[test]
fn as_many_threads_as_there_are_processors_serve_and_count_right() {
    let daemon = Daemon::serving(0, "allow\nlocal", &[]);
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(daemon.servers(), processors.min(8), "{}", daemon.log());
    many_clients_are_served_and_counted(&daemon, 1);
}

#[test]
fn under_a_preloaded_library_the_loop_serves_alone() {
    // One that is not there is enough to be careful.
    let daemon = Daemon::serving(30, "allow\nlocal", &[("LD_PRELOAD", "/nowhere/simulator.so")]);
    assert_eq!(daemon.servers(), 0, "{}", daemon.log());
    many_clients_are_served_and_counted(&daemon, 31);
}

#[test]
fn an_excess_is_dropped_over_all_threads_together() {
    let daemon = Daemon::serving(60, "allow\nlocal\nratelimit interval 12 burst 4 leak 4", &[]);
    let client = address(61);
    let mut answers = 0;
    for number in 0..200 {
        let socket = UdpSocket::bind((client, 0)).unwrap();
        socket.connect(daemon.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        socket.send(&request(NtpTimestamp(number + 1))).unwrap();
        answers += u32::from(socket.recv(&mut [0; 100]).is_ok());
    }
    let counted = wait_for("the last request to be counted", || {
        let client = daemon.clients().remove(&client.to_string())?;
        (client.ntp_hits == 200).then_some(client)
    });
    // An answer that came after five milliseconds was not waited for.
    assert!(200 - counted.ntp_drops >= answers, "{answers} {counted:?}");
    // Four, and one in sixteen of the others.
    assert!((4..40).contains(&(200 - counted.ntp_drops)), "{counted:?}");
    assert_eq!(daemon.server_stats().ntp_drops, u64::from(counted.ntp_drops));
}

/// A client of Debian's chronyd in interleaved mode: it gets the kernel's transmit timestamps.
#[test]
fn chronyd_with_xleave_is_served_in_interleaved_mode() {
    let Some(chronyd) =
        ["/usr/sbin/chronyd", "/usr/bin/chronyd"].into_iter().find(|it| PathBuf::from(it).is_file())
    else {
        println!("no chronyd on this host: nothing to interoperate with");
        return;
    };
    for environment in [&[][..], &[("LD_PRELOAD", "/nowhere/simulator.so")]] {
        let server = Daemon::serving(80, "allow\nlocal stratum 3", environment);
        let options = format!(
            "server {} port {} xleave minpoll -6 maxpoll -6\nbindacqaddress {}",
            server.address.ip(),
            server.address.port(),
            address(81)
        );
        let _client = Daemon::start(chronyd, SocketAddr::new(address(82), 0), &options, &[]);
        let stats = wait_for("interleaved answers", || {
            let stats = server.server_stats();
            (stats.ntp_interleaved_hits >= 20).then_some(stats)
        });
        assert!(stats.kernel_tx.unwrap() * 10 >= stats.ntp_interleaved_hits * 9, "{stats:?}");
        assert!(stats.timestamps_held >= 20, "{stats:?}");
    }
}
