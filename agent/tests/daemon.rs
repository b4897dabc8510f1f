//! The daemon as a host meets it: two of them on loopback, asked over their sockets, ended by signals. None touches the
//! clock (`-x`).

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are not recognised as ones"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use timefleet_agent::chronyc::ask;
use timefleet_agent::chronyc::wire::{Reply, Request, Tracking};
use timefleet_agent::report::{ClockControl, Running};

const PATIENCE: Duration = Duration::from_secs(30);

/// Loopback addresses of this test process alone, so that two runs at a time do not meet.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 80 + host)
}

/// Waits until something is there.
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

/// A running agent, and a directory with everything that belongs to it.
struct Agent {
    child: Child,
    directory: TempDir,
}

impl Agent {
    /// Starts one and waits until it says that it runs.
    fn start(config: &str) -> Self {
        let agent = Self::launch(config, &[]);
        agent.wait_until_running();
        agent
    }

    fn launch(config: &str, environment: &[(&str, &Path)]) -> Self {
        Self::launch_with(&[], config, environment)
    }

    fn launch_with(options: &[&str], config: &str, environment: &[(&str, &Path)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let place = directory.path().to_str().unwrap();
        let file = directory.path().join("agent.conf");
        fs::write(&file, Self::complete(config, place)).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
            .args(options)
            .args(["-x", "-4", "--run-dir", place, "-f"])
            .arg(&file)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        Self { child, directory }
    }

    fn complete(config: &str, place: &str) -> String {
        format!(
            "{config}\ncmdport 0\nbindcmdaddress {place}/chronyd.sock\npidfile {place}/agent.pid\ndriftfile {place}/drift\n"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn running(&self) -> Option<Running> {
        serde_json::from_slice(&fs::read(self.path("running.json")).ok()?).ok()
    }

    fn wait_until_running(&self) -> Running {
        let what = format!("running.json; log: {}", self.log());
        wait_for(&what, || self.running())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the agent's end", || child.try_wait().unwrap())
    }

    /// Asks over the Unix socket.
    fn ask(&self, request: &Request) -> Option<Reply> {
        let mine = self.path("question.sock");
        let socket = UnixDatagram::bind(&mine).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&request.encode(7, 0), self.path("chronyd.sock")).ok()?;
        let mut bytes = [0; 1024];
        let length = socket.recv(&mut bytes).unwrap();
        fs::remove_file(&mine).unwrap();
        Some(ask::parse_reply(request, 7, bytes.get(..length).unwrap()).unwrap())
    }

    fn tracking(&self) -> Option<Tracking> {
        match self.ask(&Request::Tracking)? {
            Reply::Tracking(tracking) => Some(tracking),
            other => panic!("{other:?}"),
        }
    }

    fn source_count(&self) -> u32 {
        match self.ask(&Request::SourceCount) {
            Some(Reply::SourceCount(count)) => count,
            other => panic!("{other:?}"),
        }
    }

    /// Names of the files that are left, besides the test's own.
    fn traces(&self) -> Vec<String> {
        let names = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !["agent.conf", "log"].contains(&name.as_str()));
        names.sort();
        names
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already ended in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server(port: u16) -> String {
    format!("local stratum 10\nallow 127.0.0.0/8\nport {port}\nbindaddress {}", address(1))
}

#[test]
fn a_client_follows_a_server_and_both_leave_nothing_behind() {
    let mut server = Agent::start(&server(21_501));
    let upstream = format!("server {} port 21501 iburst minpoll 0 maxpoll 1", address(1));
    let mut client = Agent::start(&format!("{upstream}\nport 0\nbindacqaddress {}", address(2)));
    assert_eq!(server.traces(), ["agent.pid", "chronyd.sock", "running.json"]);
    assert_eq!(fs::read_to_string(server.path("agent.pid")).unwrap(), format!("{}\n", server.child.id()));
    assert_eq!(
        server.wait_until_running().clock,
        ClockControl::LeftAlone { reason: "told so by -x".to_owned() }
    );
    assert_eq!(server.tracking().map(|tracking| tracking.stratum), Some(10));

    wait_for("the client to be synchronised", || client.tracking().filter(|tracking| tracking.stratum == 11));

    let once = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
        .args(["-x", "-4", "-q", "-t", "20", &format!("server {} port 21501", address(1))])
        .output()
        .unwrap();
    let said = String::from_utf8(once.stdout).unwrap();
    assert!(once.status.success(), "{said}{}", String::from_utf8_lossy(&once.stderr));
    // Both have the same clock: what is left is the noise of loopback.
    assert!(said.starts_with("The clock was 0.00") && said.ends_with("NTP time (left alone)\n"), "{said}");

    client.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    assert_eq!((client.wait().code(), server.wait().code()), (Some(0), Some(0)));
    assert_eq!((client.traces(), server.traces()), (vec!["drift".to_owned()], vec![]));
    let drift = fs::read_to_string(client.path("drift")).unwrap();
    assert_eq!(drift.split_whitespace().filter(|word| word.parse::<f64>().is_ok()).count(), 2, "{drift}");
}

#[test]
fn hup_reads_the_configuration_again_and_a_wrong_one_changes_nothing() {
    let mut agent = Agent::start("port 0\nlocal stratum 9");
    assert_eq!(agent.tracking().map(|tracking| tracking.stratum), Some(9));
    let before = agent.wait_until_running();
    let place = agent.directory.path().to_str().unwrap().to_owned();

    fs::write(agent.path("agent.conf"), "port 0\nlocl stratum 8\n").unwrap();
    agent.signal(Signal::SIGHUP);
    wait_for("the complaint", || agent.log().contains("keeping the configuration").then_some(()));
    let complaint = format!("{place}/agent.conf:2:1: unknown directive 'locl'; did you mean 'local'?\n");
    assert!(agent.log().contains(&complaint), "{}", agent.log());
    assert_eq!(agent.running(), Some(before.clone()));

    fs::write(agent.path("agent.conf"), Agent::complete("port 0\nlocal stratum 8", &place)).unwrap();
    agent.signal(Signal::SIGHUP);
    let after = wait_for("the new configuration", || {
        agent.running().filter(|running| running.config_sha256 != before.config_sha256)
    });
    assert_eq!(after, Running { config_sha256: after.config_sha256.clone(), ..before });
    assert_eq!(agent.tracking().map(|tracking| tracking.stratum), Some(8));
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn files_of_sources_are_read_at_the_start_and_again_when_chronyc_says_so() {
    let sources = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(sources.path().join(name), text).unwrap();
    file("a.sources", "server 127.1.1.1 offline\n");
    let directive = format!("port 0\nserver 127.1.1.9 offline\nsourcedir {}", sources.path().display());
    let mut agent = Agent::start(&directive);
    assert_eq!(agent.source_count(), 2);
    file("a.sources", "server 127.1.1.2 offline\nlocal stratum 1\n");
    file("b.sources", "server 127.1.1.3 offline\npool a.invalid maxsources 2 offline\n");
    assert_eq!(agent.source_count(), 2);
    assert_eq!(agent.ask(&Request::ReloadSources), Some(Reply::Null));
    wait_for("the files to be read", || (agent.source_count() == 5).then_some(()));
    let wrong = format!(
        "{}/a.sources:2:1: 'local' cannot stand in a file of sources; it takes 'server' and 'pool'\n",
        sources.path().display()
    );
    assert!(agent.log().contains(&wrong), "{}", agent.log());
    file("b.sources", "");
    assert_eq!(agent.ask(&Request::ReloadSources), Some(Reply::Null));
    wait_for("the files to be read", || (agent.source_count() == 2).then_some(()));

    file("b.sources", "server 127.1.1.3 offline\n");
    agent.signal(Signal::SIGHUP);
    // While it starts again there is nobody to be asked.
    wait_for("the second start", || (agent.log().matches("watching the time by").count() == 2).then_some(()));
    assert_eq!(agent.source_count(), 3);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn samples_are_kept_over_a_restart_and_used_once() {
    let server = Agent::start(&server(21_504));
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join(format!("{}.dat", address(1)));
    let source = format!("server {} port 21504 iburst minpoll 0 maxpoll 1", address(1));
    let config = format!("{source}\nport 0\ndumpdir {}", kept.path().display());
    let mut first = Agent::start(&config);
    wait_for("the client to be synchronised", || first.tracking().filter(|tracking| tracking.stratum == 11));
    assert_eq!(first.ask(&Request::Dump(0)), Some(Reply::Null));
    wait_for("a dump on request", || file.exists().then_some(()));
    fs::remove_file(&file).unwrap();
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().code(), Some(0));
    assert!(file.exists());

    let second = Agent::launch_with(&["-r"], &config, &[]);
    second.wait_until_running();
    assert!(!file.exists(), "whoever kills this one must not find it again");
    let told = second.log();
    assert!(told.contains(&format!("{}: took up ", address(1))), "{told}");
    drop(server);
}

#[test]
fn cyclelogs_begins_new_log_files_once_somebody_has_moved_the_old_ones_away() {
    let server = Agent::start(&server(21_505));
    let logs = tempfile::tempdir().unwrap();
    let file = logs.path().join("tracking.log");
    let source = format!("server {} port 21505 iburst minpoll -3 maxpoll -3", address(1));
    let client = Agent::start(&format!("{source}\nport 0\nlogdir {}\nlog tracking", logs.path().display()));
    let lines = || fs::read_to_string(&file).unwrap_or_default().lines().count();
    wait_for("updates in the log", || (lines() > 6).then_some(()));
    let old = logs.path().join("tracking.log.1");
    fs::rename(&file, &old).unwrap();
    let before = fs::metadata(&old).unwrap().len();
    wait_for("the old file to grow", || (fs::metadata(&old).unwrap().len() > before).then_some(()));
    assert!(!file.exists());
    assert_eq!(client.ask(&Request::CycleLogs), Some(Reply::Null));
    wait_for("the new file", || (lines() > 3).then_some(()));
    assert!(
        fs::read_to_string(&file).unwrap().starts_with("====="),
        "it begins with the names of the columns"
    );
    drop(server);
}

#[test]
fn a_second_agent_with_the_same_pid_file_ends_1_and_the_first_runs_on() {
    let mut first = Agent::start("port 0");
    let pid = first.path("agent.pid");
    let second = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
        .args(["-x", "-4", "port 0", "cmdport 0", "bindcmdaddress /", &format!("pidfile {}", pid.display())])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    let expected = format!(
        "error: another agent (pid {}) runs with the pid file {}; stop it first\n",
        first.child.id(),
        pid.display()
    );
    assert!(said.ends_with(&expected), "{said}");
    assert!(first.tracking().is_some());
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().code(), Some(0));
}

#[test]
fn a_second_agent_in_the_same_run_directory_ends_1_and_takes_nothing_along() {
    let run_dir = tempfile::tempdir().unwrap();
    let place = run_dir.path().to_str().unwrap();
    let agent = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"));
        command.args(["-x", "-4", "--run-dir", place, "port 0", "cmdport 0", "bindcmdaddress /"]);
        command
    };
    let mut first = agent().stderr(Stdio::null()).spawn().unwrap();
    let running = run_dir.path().join("running.json");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !running.exists() {
        assert!(Instant::now() < deadline, "the first agent has not started");
        thread::yield_now();
    }

    let second = agent().output().unwrap();

    let still_there = running.exists();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("another agent (pid {}) runs", first.id())), "{said}");
    assert!(still_there);
}

#[test]
fn a_port_that_is_taken_ends_1_and_says_how_to_find_the_owner() {
    let first = Agent::start(&server(21_502));
    let mut second = Agent::launch(&server(21_502), &[]);
    assert_eq!(second.wait().code(), Some(1));
    let expected = format!(
        "error: cannot serve NTP on {}:21502: the port is taken; find its owner with 'ss -lunp' and stop it\n",
        address(1)
    );
    assert!(second.log().ends_with(&expected), "{}", second.log());
    assert_eq!(first.tracking().map(|tracking| tracking.stratum), Some(10));
}

#[test]
fn no_answer_in_time_ends_1() {
    let once = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
        .args(["-x", "-4", "-q", "-t", "0.5", &format!("server {} port 21503 iburst", address(3))])
        .output()
        .unwrap();
    assert_eq!(once.status.code(), Some(1));
    assert_eq!(once.stdout, b"");
    let said = String::from_utf8(once.stderr).unwrap();
    assert!(
        said.ends_with("error: no source was good enough to set the clock by within 0.5 seconds\n"),
        "{said}"
    );
}

#[test]
fn the_service_manager_is_told_and_the_journal_gets_priorities() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let environment = [("NOTIFY_SOCKET", path.as_path()), ("JOURNAL_STREAM", Path::new("9:9"))];
    let mut agent = Agent::launch("port 0", &environment);
    let hear = || {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    assert_eq!(hear(), "READY=1\n");
    assert!(agent.running().is_some(), "ready before running.json was there");
    agent.signal(Signal::SIGTERM);
    assert_eq!(hear(), "STOPPING=1\n");
    assert_eq!(agent.wait().code(), Some(0));
    let expected = format!(
        "<6>watching the time by {}; the clock is left alone: told so by -x\n",
        agent.path("agent.conf").display()
    );
    assert_eq!(agent.log(), expected);
}
