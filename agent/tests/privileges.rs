//! The daemon as root starts it: it becomes its user, and everything that it does it does as that user. None touches the
//! clock (`-x`). Without root only the complaints can be told.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "helpers of tests are not recognised as ones"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Reply, Request, Tracking};
use timefleet_agent::report::Running;

const PATIENCE: Duration = Duration::from_secs(30);
/// On every Linux, and nobody's own.
const USER: &str = "nobody";
const PROGRAM: &str = env!("CARGO_BIN_EXE_timefleet-agent");

/// Loopback addresses of this test process alone.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 90 + host)
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("left out: only root becomes somebody else");
    }
    is_root
}

/// A daemon that root starts, in a directory that everybody may look into and only root may write to.
struct Agent {
    child: Child,
    directory: TempDir,
}

impl Agent {
    /// Its own directories are below; they are not there before.
    fn start(options: &[&str], config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = directory.path().to_str().unwrap();
        fs::write(directory.path().join("agent.conf"), Self::complete(config, place)).unwrap();
        let errors = fs::File::create(directory.path().join("errors")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["-x", "-4", "-u", USER, "-l", &format!("{place}/log")])
            .args(["--run-dir", &format!("{place}/run"), "-f", &format!("{place}/agent.conf")])
            .args(options)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("the agent starts");
        let agent = Self { child, directory };
        wait_for(&format!("running.json: {}", agent.log()), || agent.running());
        agent
    }

    fn complete(config: &str, place: &str) -> String {
        format!(
            "{config}\ncmdport 0\nbindcmdaddress {place}/socket/chronyd.sock\npidfile {place}/agent.pid\ndriftfile \
             {place}/state/drift\n"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        ["log", "errors"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).concat()
    }

    fn running(&self) -> Option<Running> {
        serde_json::from_slice(&fs::read(self.path("run/running.json")).ok()?).ok()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn end(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let child = &mut self.child;
        wait_for("the agent's end", || child.try_wait().unwrap()).code()
    }

    /// A line of /proc/PID/status, which is the same for all threads.
    fn status(&self, key: &str) -> String {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread that looked a name up may have ended meanwhile.
        let found = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
        let lines: BTreeSet<String> = found
            .map(|status| {
                let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
                line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
            })
            .collect();
        assert_eq!(lines.len(), 1, "{key}: {lines:?}");
        lines.into_iter().next().unwrap()
    }

    /// Asks for TRACKING over the Unix socket, as root's chronyc does.
    fn tracking(&self) -> Option<Tracking> {
        let mine = self.path("socket/question.sock");
        let _ = fs::remove_file(&mine);
        let socket = UnixDatagram::bind(&mine).unwrap();
        fs::set_permissions(&mine, fs::Permissions::from_mode(0o666)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&Request::Tracking.encode(7, 0), self.path("socket/chronyd.sock")).ok()?;
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        fs::remove_file(&mine).unwrap();
        match ask::parse_reply(&Request::Tracking, 7, bytes.get(..length).unwrap()) {
            Ok(Reply::Tracking(tracking)) => Some(tracking),
            other => panic!("{other:?}"),
        }
    }

    /// Nothing of root is left, and nothing can come back.
    fn is_its_user(&self, capabilities: &str) {
        let user = User::from_name(USER).unwrap().unwrap();
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        assert_eq!(self.status("Uid"), [uid.as_str(); 4].join("\t"));
        assert_eq!(self.status("Gid"), [gid.as_str(); 4].join("\t"));
        assert_eq!(self.status("Groups"), gid);
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(self.status(set), capabilities, "{set}");
        }
        assert_eq!(self.status("NoNewPrivs"), "1");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already ended in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CAP_NET_BIND_SERVICE alone: with `-x` the clock is not even asked for.
const ONLY_PORTS: &str = "0000000000000400";

fn owner_and_mode(path: &Path) -> (u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.uid(), found.mode() & 0o777)
}

#[test]
fn a_life_without_root_and_under_the_filter() {
    if !is_root() {
        return;
    }
    let uid = User::from_name(USER).unwrap().unwrap().uid.as_raw();
    let serve = format!("local stratum 10\nallow 127.0.0.0/8\nbindaddress {}", address(1));
    let mut server = Agent::start(&["-F", "1"], &serve);
    // A name, and a port that only root or the capability opens, on both sides.
    let name = "server localhost port 123 iburst minpoll 0 maxpoll 1 offline";
    let ask = format!("server {} iburst minpoll 0 maxpoll 1 xleave\n{name}\nacquisitionport 923", address(1));
    let mut client =
        Agent::start(&["-F", "-1", "-L", "-1"], &format!("{ask}\nport 0\nbindacqaddress {}", address(2)));
    for agent in [&server, &client] {
        agent.is_its_user(ONLY_PORTS);
        assert_eq!(agent.status("Seccomp"), "2");
        assert_eq!(owner_and_mode(&agent.path("run")), (uid, 0o750));
        assert_eq!(owner_and_mode(&agent.path("socket")), (uid, 0o750));
        assert_eq!(owner_and_mode(&agent.path("state")), (uid, 0o755));
        assert_eq!(owner_and_mode(&agent.path("log")), (uid, 0o644));
    }
    wait_for("the name's address", || client.log().contains("looking up localhost").then_some(()));
    wait_for("the client to be synchronised", || client.tracking().filter(|tracking| tracking.stratum == 11));

    // The new configuration is read, and the port of the old one opened again.
    let before = server.running().unwrap();
    let place = server.directory.path().to_str().unwrap().to_owned();
    let changed = Agent::complete(&serve.replace("stratum 10", "stratum 7"), &place);
    fs::write(server.path("agent.conf"), changed).unwrap();
    server.signal(Signal::SIGHUP);
    wait_for(&format!("the reload: {}", server.log()), || {
        server.running().filter(|running| running.config_sha256 != before.config_sha256)
    });
    server.is_its_user(ONLY_PORTS);
    assert_eq!(server.status("Seccomp"), "2");
    wait_for("the client to follow it", || client.tracking().filter(|tracking| tracking.stratum == 8));

    assert_eq!((client.end(), server.end()), (Some(0), Some(0)), "{}{}", client.log(), server.log());
    assert_eq!(owner_and_mode(&client.path("state/drift")), (uid, 0o644));
    for agent in [&client, &server] {
        assert!(!agent.path("run/running.json").exists() && !agent.path("socket/chronyd.sock").exists());
        // Its directory is root's: it stays, and says nobody's number.
        assert_eq!(fs::read_to_string(agent.path("agent.pid")).unwrap(), "");
        assert!(!agent.log().contains("warning"), "{}", agent.log());
    }
}

#[test]
fn the_directive_is_as_good_as_the_option_and_the_option_wins() {
    if !is_root() {
        return;
    }
    let mut agent = Agent::start(&[], "port 0\nuser no-such-user");
    agent.is_its_user(ONLY_PORTS);
    assert_eq!(agent.status("Seccomp"), "0");
    assert_eq!(agent.end(), Some(0));

    let ended = Command::new(PROGRAM).args(["-x", "port 0", "user no-such-user"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(
        said,
        "there is no user 'no-such-user' on this host; make it, or name another with -u or 'user'\n"
    );
}

#[test]
fn keys_for_roots_eyes_only_are_read_at_the_start_and_kept_over_a_reload() {
    if !is_root() {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("keys");
    fs::write(&file, "7 SHA1 HEX:0011223344556677889900112233445566778899\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut agent = Agent::start(&[], &format!("port 0\nkeyfile {}", file.display()));
    agent.is_its_user(ONLY_PORTS);
    assert!(!agent.log().contains("without keys"), "{}", agent.log());
    agent.signal(Signal::SIGHUP);
    wait_for("the complaint", || {
        agent.log().contains("keeping the keys and the configuration").then_some(())
    });
    assert!(agent.log().contains("Permission denied"), "{}", agent.log());
    assert!(agent.tracking().is_some());
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn memory_and_priority_are_settled_before_root_is_gone() {
    if !is_root() {
        return;
    }
    let mut agent = Agent::start(&[], "port 0\nlock_all\nsched_priority 3");
    agent.is_its_user(ONLY_PORTS);
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.child.id())).unwrap();
    // proc(5): fields 40 and 41; the name, which may have blanks, ends with a parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let scheduling = (fields.get(40 - 3).copied(), fields.get(41 - 3).copied());
    let locked = agent.status("VmLck");
    let complaints = agent.log();
    // A container may not have the right to either; it says so, and runs on.
    assert!(
        scheduling == (Some("3"), Some("1")) || complaints.contains("CAP_SYS_NICE"),
        "{stat}{complaints}"
    );
    assert!(locked != "0 kB" || complaints.contains("LimitMEMLOCK"), "{locked}{complaints}");
    assert_eq!(agent.end(), Some(0));

    // Who stays root has no limit to fear.
    let mut agent = Agent::start(&["-u", "root", "-m"], "port 0");
    assert_eq!(agent.status("Uid"), "0\t0\t0\t0");
    let (locked, complaints) = (agent.status("VmLck"), agent.log());
    assert!(locked != "0 kB" || complaints.contains("CAP_IPC_LOCK"), "{locked}{complaints}");
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn only_root_becomes_somebody_else() {
    let as_user = |words: &[&str]| {
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", "0", "--clear-groups", "--inh-caps=-all", PROGRAM]);
            command
        } else {
            Command::new(PROGRAM)
        };
        let ended =
            command.args(["-x", "-q", "-t", "0.1", "server 127.0.0.1 port 9"]).args(words).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    assert_eq!(
        as_user(&["-u", "root"]),
        (
            Some(1),
            "only root can become the user 'root'; start it as root, or with -U to stay who you are\n"
                .to_owned()
        )
    );
    for words in [&["-u", "root", "-U"][..], &[]] {
        let (code, said) = as_user(words);
        assert!(code == Some(1) && said.contains("no source was good enough"), "{words:?}: {said}");
    }
    if geteuid().is_root() {
        let (_, said) = as_user(&["-m", "-P", "5"]);
        assert!(said.contains("warning: cannot run with the real-time priority 5: EPERM"), "{said}");
    }
}
