//! The far end as the controller meets it: the real executable, a request line down, event lines up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set its story up has failed")]

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use timefleet_agent::host::desired::{Daemon, Desired, Layout};
use timefleet_agent::host::message::{Event, GO_ON, Mode, Outcome, PROTOCOL, Request};
use timefleet_agent::host::plan::Step;
use timefleet_agent::report::{Drift, HostReport};
use timefleet_agent::time::Seconds;

/// A user's home directory with the agent in its bin directory, as the bootstrap leaves it.
struct Home {
    place: tempfile::TempDir,
    agent: String,
    config: String,
}

/// Copies what will be executed. Another process writes it: a file that this one holds open, and that a test beside
/// this one hands on to its own child, could not be executed ("text file busy").
fn copy(from: impl AsRef<std::ffi::OsStr>, to: impl AsRef<std::ffi::OsStr>) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

impl Home {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let bin_dir = place.path().join("timefleet/bin");
        fs::create_dir_all(&bin_dir).unwrap();
        let agent = format!("timefleet-agent-{}", sha256sum(built()));
        copy(built(), bin_dir.join(&agent));
        // The kernel names a free port; nobody else asks for it in the moment until the agent does.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "local stratum 10\nport 0\ncmdport {port}\nbindcmdaddress 127.0.0.1\n\
             bindcmdaddress ~/timefleet/run/chronyd.sock\ndriftfile ~/timefleet/state/drift\n"
        );
        Self { place, agent, config }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join("timefleet").join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    fn desired(&self) -> Desired {
        let layout = Layout {
            bin_dir: "~/timefleet/bin".to_owned(),
            config: "~/timefleet/agent.conf".to_owned(),
            state_dir: "~/timefleet/state".to_owned(),
            run_dir: "~/timefleet/run".to_owned(),
            command_socket: "~/timefleet/run/chronyd.sock".to_owned(),
        };
        Desired {
            host: "web01".to_owned(),
            fleet: "plant-7".to_owned(),
            daemon: Daemon::AgentProcess { layout, flags: vec!["-x".to_owned()] },
            config: self.config.clone(),
            take_over: false,
            serves: false,
            bound: Seconds(3.0),
        }
    }

    fn ask(&self, mode: Mode) -> Ending {
        self.wish(mode, self.desired())
    }

    fn wish(&self, mode: Mode, desired: Desired) -> Ending {
        let request = Request { protocol: PROTOCOL, mode, desired, wait: Seconds(20.0), linger: false };
        self.say(&self.at("bin").join(&self.agent), &["host"], &serde_json::to_string(&request).unwrap())
    }

    /// Holds a whole conversation and checks its form.
    fn say(&self, executable: &Path, args: &[&str], line: &str) -> Ending {
        let mut child = spawn(executable, args, self.place.path());
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{line}").unwrap();
        // The line stays open: the far end does not wait for its end.
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let Some(Event::Finished { outcome }) = events.pop() else { panic!("no end: {text}") };
        let steps = events.into_iter().filter_map(|event| match event {
            Event::Step { step } => Some(step),
            Event::Waiting { .. } => None,
            Event::Settled | Event::Finished { .. } => panic!("not its turn: {text}"),
        });
        Ending { announced: steps.collect(), outcome }
    }

    fn pid(&self) -> Option<i32> {
        fs::read_to_string(self.at("run/agent.pid")).ok()?.trim().parse().ok()
    }

    /// Every path below the home directory.
    fn paths(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.place.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                found.insert(path.strip_prefix(self.place.path()).unwrap().display().to_string());
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        found
    }

    /// The plan for a home in which nothing was applied yet.
    fn first_steps(&self) -> Vec<Step> {
        let path = self.shown("agent.conf");
        let added: String = self.config.lines().map(|line| format!("+{line}\n")).collect();
        let diff = format!("--- /dev/null\n+++ {path}\n@@ -0,0 +1,6 @@\n{added}");
        vec![
            Step::Write { path, mode: 0o644, diff },
            Step::SwitchAgent { from: None, to: self.agent.clone() },
            Step::Start { service: "timefleet-agent".to_owned() },
        ]
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[derive(Debug)]
struct Ending {
    announced: Vec<Step>,
    outcome: Outcome,
}

impl Ending {
    #[track_caller]
    fn done(self) -> (Vec<Step>, Option<HostReport>) {
        match self.outcome {
            Outcome::Done { steps, report } => (steps, report),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn failed(&self) -> (&str, &str) {
        match &self.outcome {
            Outcome::Failed { step, cause, .. } => (step, cause),
            other => panic!("{other:?}"),
        }
    }
}

fn built() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_timefleet-agent"))
}

fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

fn spawn(executable: &Path, args: &[&str], home: &Path) -> std::process::Child {
    let mut command = Command::new(executable);
    command.args(args).env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    loop {
        match command.spawn() {
            Ok(child) => return child,
            // Another test's fork still holds the copy that was just written open.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                assert!(begun.elapsed() < Duration::from_secs(5), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    let home = Home::new();
    let before = home.paths();

    let ending = home.ask(Mode::Plan);

    assert_eq!(ending.announced, []);
    assert_eq!(ending.done(), (home.first_steps(), None));
    assert_eq!(home.paths(), before);
}

#[test]
fn an_ephemeral_far_end_leaves_no_trace() {
    let home = Home::new();
    let staging = home.place.path().join("timefleet-Xy12");
    fs::create_dir(&staging).unwrap();
    copy(built(), staging.join("agent"));
    let request = Request {
        protocol: PROTOCOL,
        mode: Mode::Plan,
        desired: home.desired(),
        wait: Seconds::ZERO,
        linger: false,
    };

    let ending =
        home.say(&staging.join("agent"), &["host", "--ephemeral"], &serde_json::to_string(&request).unwrap());

    assert_eq!(ending.done(), (home.first_steps(), None), "it knows its own sha256 all the same");
    assert!(!staging.exists());
}

#[test]
fn an_audit_of_a_bare_home_lists_what_is_missing() {
    let home = Home::new();
    let before = home.paths();

    let (steps, report) = home.ask(Mode::Audit).done();

    let report = report.unwrap();
    assert_eq!(steps, []);
    assert_eq!(
        report.drift,
        [
            Drift::Missing { path: home.shown("agent.conf") },
            Drift::Missing { path: home.shown("bin/timefleet-agent") },
            Drift::Stopped { service: "timefleet-agent".to_owned() },
        ]
    );
    assert_eq!(
        (report.service.name.as_str(), report.service.active),
        (home.shown("run/agent.pid").as_str(), false)
    );
    assert_eq!((report.tracking, report.unanswered), (None, Vec::new()));
    assert_eq!(home.paths(), before);
}

#[test]
fn an_apply_makes_it_so_and_a_second_one_does_nothing() {
    let home = Home::new();

    let first = home.ask(Mode::Apply);
    assert_eq!(first.announced, home.first_steps());
    let (steps, report) = first.done();
    assert_eq!(steps, home.first_steps());
    let report = report.unwrap();
    assert_eq!((report.drift, report.unanswered), (Vec::new(), Vec::new()));
    let tracking = report.tracking.unwrap();
    assert!(tracking.is_local() && tracking.is_synchronised(), "{tracking:?}");
    let pid = home.pid();
    assert_eq!(report.service.pid.map(u32::cast_signed), pid);

    let second = home.ask(Mode::Apply);
    assert_eq!(second.announced, []);
    assert_eq!(second.done().0, []);
    assert_eq!(home.pid(), pid, "the same process runs on");
    assert_eq!(home.ask(Mode::Plan).done(), (Vec::new(), None));

    // A hand edit is found and written back; the daemon never read it, so it runs on.
    fs::write(home.at("agent.conf"), home.config.replace("stratum 10", "stratum 5")).unwrap();
    let drift = home.ask(Mode::Audit).done().1.unwrap().drift;
    assert!(
        matches!(drift.as_slice(), [Drift::Changed { diff, .. }] if diff.contains("-local stratum 5\n+local stratum 10")),
        "{drift:?}"
    );
    assert!(matches!(home.ask(Mode::Apply).done().0.as_slice(), [Step::Write { .. }]));
    assert_eq!(home.pid(), pid);

    // A new wish restarts it.
    let mut desired = home.desired();
    desired.config = home.config.replace("stratum 10", "stratum 7");
    let (steps, report) = home.wish(Mode::Apply, desired).done();
    assert!(
        matches!(steps.as_slice(), [Step::Write { .. }, Step::Restart { reason, .. }] if reason == "its configuration changes"),
        "{steps:?}"
    );
    assert_eq!(report.unwrap().tracking.unwrap().stratum, 7);
    assert_ne!(home.pid(), pid);

    // A daemon that was killed is found and started again.
    kill(Pid::from_raw(home.pid().unwrap()), Signal::SIGKILL).unwrap();
    home.ask(Mode::Apply).done();
    let old = format!("timefleet-agent-{:064x}", 1);
    copy(built(), home.at("bin").join(&old));
    assert_eq!(home.ask(Mode::Apply).done().0, []);
    assert!(!home.at("bin").join(old).exists(), "executables that nobody uses are removed");
}

#[test]
fn a_configuration_that_the_agent_cannot_read_is_never_written() {
    let home = Home::new();
    let before = home.paths();
    let mut desired = home.desired();
    desired.config = "port 0\nmaxdistance -3\n".to_owned();

    let ending = home.wish(Mode::Apply, desired);

    let (step, cause) = ending.failed();
    assert_eq!(step, "read the configuration");
    assert!(cause.starts_with(&format!("{}:2:13: ", home.shown("agent.conf"))), "{cause}");
    assert_eq!(home.paths(), before);
}

#[test]
fn a_place_that_cannot_be_written_fails_the_first_step_and_nothing_follows() {
    let home = Home::new();
    fs::write(home.at("occupied"), "").unwrap();
    let before = home.paths();
    let mut desired = home.desired();
    if let Daemon::AgentProcess { layout, .. } = &mut desired.daemon {
        layout.config = "~/timefleet/occupied/agent.conf".to_owned();
    }

    let ending = home.wish(Mode::Apply, desired);

    let (step, cause) = ending.failed();
    assert_eq!(step, format!("write {}", home.shown("occupied/agent.conf")));
    assert!(cause.starts_with(&format!("cannot create directory {}: ", home.shown("occupied"))), "{cause}");
    assert!(cause.ends_with("; the file is as before"), "{cause}");
    assert!(matches!(&ending.outcome, Outcome::Failed { done, report: Some(_), .. } if done.is_empty()));
    assert_eq!(home.paths(), before);
}

#[test]
fn a_daemon_that_ends_at_once_is_quoted() {
    let home = Home::new();
    // What is started is a script that complains; who speaks for the host is the real agent under the same name.
    let script = home.at("bin").join(&home.agent);
    let far_end = home.place.path().join(&home.agent);
    fs::rename(&script, &far_end).unwrap();
    let draft = home.place.path().join("draft");
    fs::write(&draft, "#!/bin/sh\necho 'cannot bind 127.0.0.1:323: Address in use' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&draft, Permissions::from_mode(0o755)).unwrap();
    copy(&draft, &script);
    let request = Request {
        protocol: PROTOCOL,
        mode: Mode::Apply,
        desired: home.desired(),
        wait: Seconds(20.0),
        linger: false,
    };

    let ending = home.say(&far_end, &["host"], &serde_json::to_string(&request).unwrap());

    let cause = "the agent ended with exit status: 1: cannot bind 127.0.0.1:323: Address in use";
    assert_eq!(ending.failed(), ("start timefleet-agent", cause));
    let Outcome::Failed { done, report, hint, .. } = ending.outcome else { unreachable!() };
    assert_eq!(done, home.first_steps()[..2]);
    assert_eq!(report.unwrap().drift, [Drift::Stopped { service: "timefleet-agent".to_owned() }]);
    assert_eq!(hint.unwrap(), format!("more is in {} on the host", home.shown("run/agent.log")));
}

#[test]
fn a_host_that_lingers_reports_when_it_is_told_to() {
    let home = Home::new();
    let request = Request {
        protocol: PROTOCOL,
        mode: Mode::Apply,
        desired: home.desired(),
        wait: Seconds(20.0),
        linger: true,
    };
    let mut child = spawn(&home.at("bin").join(&home.agent), &["host"], home.place.path());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", serde_json::to_string(&request).unwrap()).unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| {
        let line = line.unwrap();
        serde_json::from_str::<Event>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });

    assert!(events.any(|event| event == Event::Settled));
    stdin.write_all(GO_ON).unwrap();
    let last = events.next().unwrap();

    assert!(matches!(last, Event::Finished { outcome: Outcome::Done { report: Some(_), .. } }), "{last:?}");
    assert_eq!(events.next(), None);
    assert!(child.wait().unwrap().success());
}

#[test]
fn two_applies_do_not_meet() {
    let home = Home::new();
    let directory = File::open(home.at("bin")).unwrap();
    let lock = Flock::lock(directory, FlockArg::LockExclusiveNonblock).unwrap();

    let ending = home.ask(Mode::Apply);

    assert_eq!(ending.failed(), ("begin", "another apply is at work on this host"));
    drop(lock);
}

#[test]
fn a_host_without_systemd_says_what_to_write_instead() {
    if Path::new("/run/systemd/system").exists() {
        eprintln!("left out: this machine has systemd");
        return;
    }
    let home = Home::new();
    let mut desired = home.desired();
    if let Daemon::AgentProcess { layout, flags } = desired.daemon {
        let unit_file = home.shown("timefleet-agent.service");
        desired.daemon = Daemon::AgentSystemd { layout, unit_file, unit: "[Service]\n".to_owned(), flags };
    }

    let ending = home.wish(Mode::Apply, desired);

    assert_eq!(ending.failed(), ("facts", "the first process is not systemd"));
    let Outcome::Failed { hint, .. } = ending.outcome else { unreachable!() };
    assert_eq!(hint.as_deref(), Some("set `agent: { service: process }` for this host"));
}

#[test]
fn a_request_that_is_none_is_answered_too() {
    let home = Home::new();
    let garbage = home.say(built(), &["host"], "hello");
    let (step, cause) = garbage.failed();
    assert_eq!(step, "read the request");
    assert!(cause.starts_with("it is not a request: expected value at line 1 column 1"), "{cause}");

    let request = Request {
        protocol: 99,
        mode: Mode::Plan,
        desired: home.desired(),
        wait: Seconds::ZERO,
        linger: false,
    };
    let other = home.say(built(), &["host"], &serde_json::to_string(&request).unwrap());
    assert_eq!(other.failed(), ("read the request", "the controller speaks protocol 99, this agent 1"));
}

#[test]
fn a_controller_that_says_nothing_gets_no_answer() {
    let home = Home::new();
    let mut child = spawn(built(), &["host"], home.place.path());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
}
