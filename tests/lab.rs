//! `timefleet lab` as a user meets it: the whole job on this machine, and nothing left behind.
//!
//! The lab's addresses and ports are fixed, so these stories are told one after the other.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not recognised as ones")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

static ONE_LAB: Mutex<()> = Mutex::new(());

const HOSTS: [&str; 5] = ["ntp-a", "client1", "client2", "client3", "client4"];

/// A home of its own for a lab, and this machine's loopback for as long as it lives.
struct Home {
    directory: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Home {
    fn new() -> Home {
        let alone = ONE_LAB.lock().unwrap_or_else(PoisonError::into_inner);
        Home { directory: tempfile::tempdir().unwrap(), _alone: alone }
    }

    fn lab(&self) -> PathBuf {
        self.directory.path().join(".cache/timefleet-lab")
    }

    fn timefleet(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_timefleet"));
        program
            .env("HOME", self.directory.path())
            .env_remove("XDG_CACHE_HOME")
            .env_remove("TIMEFLEET_AGENTS");
        program.stdin(Stdio::null());
        program
    }

    fn run(&self, command: &str) -> Output {
        self.timefleet().arg(command).arg(self.lab().join("lab.yaml")).output().unwrap()
    }

    /// Starts `lab --keep` and returns once it says how to look at it.
    fn keep(&self) -> Kept {
        let mut child = self.timefleet().args(["lab", "--keep"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let kept = Kept { child };
        while !said.contains("chronyd.sock clients") {
            let before = said.len();
            lines.read_line(&mut said).unwrap();
            assert!(said.len() > before, "the lab ended early:\n{said}");
        }
        kept
    }

    /// Connections and channels that a host's SSH server has seen.
    fn visits(&self, host: &str) -> (usize, usize) {
        let log = fs::read_to_string(self.lab().join("ssh").join(format!("{host}.log"))).unwrap();
        let count = |what: &str| log.lines().filter(|line| line.starts_with(what)).count();
        (count("connection "), count("channel "))
    }
}

/// A lab in the background; killed when the test that started it fails.
struct Kept {
    child: Child,
}

impl Kept {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::SIGTERM);
            self.child.wait().unwrap();
        }
    }
}

/// Processes whose executable lies below `directory`.
fn processes_from(directory: &Path) -> Vec<PathBuf> {
    let executables =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path().join("exe")).ok());
    executables.filter(|exe| exe.starts_with(directory)).collect()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_lab_shows_four_synced_clients_and_leaves_nothing_behind() {
    let home = Home::new();
    let shown = home.timefleet().arg("lab").output().unwrap();
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown));
    let report = String::from_utf8(shown.stdout).unwrap();
    for client in ["client1", "client2", "client3", "client4"] {
        let line = report.lines().find(|line| line.starts_with(client)).unwrap_or_else(|| panic!("{report}"));
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[..5], [client, "client", "synced", "11", "ntp-a"], "{report}");
    }
    assert!(!home.lab().exists());
    assert_eq!(processes_from(&home.lab()), Vec::<PathBuf>::new());
}

#[test]
fn a_kept_lab_is_a_fleet_like_any_other_until_ctrl_c() {
    let home = Home::new();
    let mut kept = home.keep();
    assert_eq!(processes_from(&home.lab()).len(), 5);
    let (plan, audit) = (home.run("plan"), home.run("audit"));
    assert_eq!(plan.status.code(), Some(0), "{}", text(&plan));
    assert_eq!(audit.status.code(), Some(0), "{}", text(&audit));

    let before = HOSTS.map(|host| home.visits(host));
    let again = home.run("apply");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    let after = HOSTS.map(|host| home.visits(host));
    assert_eq!(after, before.map(|(connections, channels)| (connections + 1, channels + 1)));

    let other = home.timefleet().arg("lab").output().unwrap();
    assert_eq!(other.status.code(), Some(1), "{}", text(&other));
    assert!(text(&other).contains("another lab is running"), "{}", text(&other));

    kept.signal(Signal::SIGINT);
    assert_eq!(kept.child.wait().unwrap().code(), Some(0));
    assert!(!home.lab().exists());
    assert_eq!(processes_from(&home.lab()), Vec::<PathBuf>::new());
}

#[test]
fn what_a_killed_lab_left_running_is_cleared_away_by_the_next() {
    let home = Home::new();
    let mut kept = home.keep();
    kept.signal(Signal::SIGKILL);
    kept.child.wait().unwrap();
    assert_eq!(processes_from(&home.lab()).len(), 5);
    let next = home.timefleet().arg("lab").output().unwrap();
    assert_eq!(next.status.code(), Some(0), "{}", text(&next));
    assert!(!home.lab().exists());
    assert_eq!(processes_from(&home.lab()), Vec::<PathBuf>::new());
}
