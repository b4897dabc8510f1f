//! The agent as a client of Debian's chronyd: interleaved mode, keys, version 3, and a server that is not there at first.
//! Both on loopback addresses of this process alone; neither touches the clock (`-x`). Where chronyd is not installed, or
//! this test is not root, it tells what it leaves out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are not recognised as ones"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Address, NtpData, Reply, Request};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 21_702;
const INTERLEAVED: u16 = 0x4000;
const AUTHENTICATED: u16 = 0x8000;
const PASSED: u16 = 0x3FF;
const CHRONYD: &str = "/usr/sbin/chronyd";

fn wait_for<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {}", what());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One of the two, with its directory.
struct Daemon {
    child: Child,
    directory: TempDir,
}

fn server_address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 120 + host)
}

fn can_run_chronyd(story: &str) -> bool {
    let possible = Path::new(CHRONYD).is_file() && nix::unistd::geteuid().is_root();
    if !possible {
        println!("left out: {story}: no chronyd (it needs to be installed, and root)");
    }
    possible
}

impl Daemon {
    /// `PLACE` among the words stands for its directory.
    fn start(program: &str, words: &[&str], config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().display();
        let keys = directory.path().join("keys");
        fs::write(&keys, "7 SHA256 ASCII:between-these-two\n").unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "{config}\nkeyfile {place}/keys\npidfile {place}/pid\ncmdport 0\nbindcmdaddress {place}/chronyd.sock\n"
        );
        fs::write(directory.path().join("conf"), text).unwrap();
        let child = Command::new(program)
            .args(words.iter().map(|word| word.replace("PLACE", &place.to_string())))
            .args(["-x", "-4", "-f"])
            .arg(directory.path().join("conf"))
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { child, directory };
        let socket = daemon.path("chronyd.sock");
        wait_for(|| format!("a socket; log: {}", daemon.log()), || socket.exists().then_some(()));
        daemon
    }

    fn chronyd(host: u8) -> Self {
        let address = server_address(host);
        Self::start(
            CHRONYD,
            &["-u", "root", "-d"],
            &format!("local stratum 5\nallow\nport {PORT}\nbindaddress {address}"),
        )
    }

    fn agent(host: u8, options: &str) -> Self {
        let address = server_address(host);
        let config = format!("server {address} port {PORT} iburst minpoll 0 maxpoll 0 {options}\nport 0");
        Self::start(env!("CARGO_BIN_EXE_timefleet-agent"), &["-dd", "--run-dir", "PLACE"], &config)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn data(&self, host: u8) -> Option<NtpData> {
        let mine = self.path("question.sock");
        // The last question's.
        let _ = fs::remove_file(&mine);
        let socket = UnixDatagram::bind(&mine).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let address: std::net::IpAddr = server_address(host).parse().unwrap();
        let request = Request::NtpData(Address::from(address));
        socket.send_to(&request.encode(7, 0), self.path("chronyd.sock")).ok()?;
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        match ask::parse_reply(&request, 7, bytes.get(..length)?).unwrap() {
            Reply::NtpData(data) => Some(data),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until so many replies were good.
    fn wait_for_good(&self, host: u8, good: u32) -> NtpData {
        let what = || format!("{good} good replies; {:?}; log: {}", self.data(host), self.log());
        wait_for(what, || self.data(host).filter(|data| data.rx_good >= good))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Ended already if it could not start.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn chronyd_follows_into_interleaved_mode_with_and_without_a_key() {
    if !can_run_chronyd("interleaved mode") {
        return;
    }
    let _server = Daemon::chronyd(1);
    for (options, flags) in
        [("xleave", PASSED | INTERLEAVED), ("xleave key 7", PASSED | INTERLEAVED | AUTHENTICATED)]
    {
        let agent = Daemon::agent(1, options);
        let data = agent.wait_for_good(1, 8);
        assert_eq!(data.flags, flags, "{options}: {data:?}");
        assert_eq!(data.rx_valid, data.rx_total, "{options}: {data:?}");
        // The reply that leads over from one mode to the other tells nothing new; a slow one may have been thrown away.
        assert!(data.rx_good + 4 >= data.rx_valid, "{options}: {data:?}");
        assert!(data.offset.0.abs() < 1e-3, "{options}: {data:?}");
    }
}

#[test]
fn chronyd_answers_version_3_in_version_3() {
    if !can_run_chronyd("version 3") {
        return;
    }
    let _server = Daemon::chronyd(2);
    let agent = Daemon::agent(2, "version 3");
    let data = agent.wait_for_good(2, 4);
    assert_eq!((data.version, data.flags), (3, PASSED), "{data:?}");
}

#[test]
fn a_server_that_is_not_there_yet_is_refused_by_the_kernel_and_followed_once_it_is() {
    if !can_run_chronyd("a server that comes late") {
        return;
    }
    let agent = Daemon::agent(3, "");
    let refused = format!("no request to {}:{PORT} possible: Connection refused", server_address(3));
    wait_for(|| format!("a refusal; log: {}", agent.log()), || agent.log().contains(&refused).then_some(()));
    let _server = Daemon::chronyd(3);
    let data = agent.wait_for_good(3, 4);
    assert_eq!(data.flags, PASSED, "{data:?}");
}
