//! The agent as a plain background process: started, found again by its pid file, stopped.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use timefleet_agent::host::desired::Layout;

use crate::files::{self, FileError};

/// How long a process may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a process could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// Its directories or its pid file could not be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its log could not be opened.
    #[error("cannot open {path}: {source}")]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be run.
    #[error("cannot run {path}: {source}")]
    Spawn {
        /// The executable.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended at once.
    #[error("the agent ended with {status}: {said}")]
    Died {
        /// Exit status.
        status: String,
        /// Its last words in the log.
        said: String,
        /// The log.
        log: PathBuf,
    },
    /// It could not be told to end.
    #[error("cannot stop process {pid}: {source}")]
    Signal {
        /// Which.
        pid: u32,
        /// What the system said.
        source: Errno,
    },
    /// It is still there after SIGKILL.
    #[error("process {pid} does not end, not even killed")]
    Immortal {
        /// Which.
        pid: u32,
    },
}

impl ProcessError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Spawn { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(
                "is its file system mounted noexec? Set `agent: { home: … }` to another place".to_owned(),
            ),
            Self::Died { log, .. } => Some(format!("more is in {} on the host", log.display())),
            Self::Signal { source: Errno::EPERM, .. } => Some(
                "it belongs to another user: log in as that user, or set `ssh: { become: true }`".to_owned(),
            ),
            _ => None,
        }
    }
}

/// Where the number of the process is kept.
pub(crate) fn pid_file(layout: &Layout) -> PathBuf {
    Path::new(&layout.run_dir).join("agent.pid")
}

/// The agent of this layout, if it runs.
///
/// A number in a file proves nothing, since numbers are used again: the process must run an executable of this
/// layout's directory with this layout's configuration.
pub(crate) fn find(layout: &Layout) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file(layout)).ok()?.trim().parse().ok()?;
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let bin_dir = fs::canonicalize(&layout.bin_dir).ok()?;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let reads_our_file =
        arguments.split(|byte| *byte == 0).any(|argument| argument == layout.config.as_bytes());
    (executable.parent() == Some(&bin_dir) && reads_our_file && is_alive(pid)).then_some(pid)
}

/// A process that was started a moment ago.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    log: PathBuf,
    log_start: u64,
}

impl Started {
    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error with its last words, if it ended already.
    pub(crate) fn still_runs(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.died(status.to_string())),
            Err(error) => Err(self.died(error.to_string())),
        }
    }

    fn died(&self, status: String) -> ProcessError {
        let said = last_words(&self.log, self.log_start).unwrap_or_else(|| "it said nothing".to_owned());
        ProcessError::Died { status, said, log: self.log.clone() }
    }
}

/// Starts the agent of this layout in a session of its own. The caller has made sure that none runs.
pub(crate) fn start(layout: &Layout, flags: &[String]) -> Result<Started, ProcessError> {
    // The monitoring socket obeys whoever can reach it, so its directory is closed to others, as chronyd has it.
    files::create_directory(Path::new(&layout.run_dir), 0o750)?;
    files::create_directory(Path::new(&layout.state_dir), 0o750)?;
    let log = Path::new(&layout.run_dir).join("agent.log");
    let log_error = |source| ProcessError::Log { path: log.clone(), source };
    let output = OpenOptions::new().create(true).append(true).open(&log).map_err(log_error)?;
    let log_start = output.metadata().map_err(log_error)?.len();
    let errors = output.try_clone().map_err(log_error)?;

    let path = PathBuf::from(layout.agent_link());
    let mut command = Command::new(&path);
    command.args(["-f", &layout.config, "--run-dir", &layout.run_dir]).args(flags);
    command.current_dir("/").stdin(Stdio::null()).stdout(output).stderr(errors);
    // SAFETY: between fork and exec only setsid is called, which is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(|_| ()).map_err(io::Error::from));
    }
    let mut child = command.spawn().map_err(|source| ProcessError::Spawn { path, source })?;
    if let Err(error) = files::write(&pid_file(layout), format!("{}\n", child.id()).as_bytes(), 0o644) {
        // Nobody would find it again.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error.into());
    }
    Ok(Started { child, log, log_start })
}

/// Asks the process to end, insists after five seconds, returns when it is gone.
pub(crate) fn stop(pid: u32) -> Result<(), ProcessError> {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        match kill(Pid::from_raw(pid.cast_signed()), signal) {
            Ok(()) => {}
            Err(Errno::ESRCH) => return Ok(()),
            Err(source) => return Err(ProcessError::Signal { pid, source }),
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if !is_alive(pid) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Err(ProcessError::Immortal { pid })
}

/// Processes with one of these names (the first 15 characters, proc(5)) in our own process number space: a
/// container's daemons are seen from its host, but keep the container's time, not ours to stop.
pub(crate) fn named(names: &[&str]) -> Vec<(u32, String)> {
    let own_space = fs::read_link("/proc/self/ns/pid").ok();
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<(u32, String)> = pids
        .filter_map(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned();
            let same_space = fs::read_link(format!("/proc/{pid}/ns/pid")).ok() == own_space;
            (names.contains(&name.as_str()) && same_space && is_alive(pid)).then_some((pid, name))
        })
        .collect();
    found.sort();
    found
}

/// It exists and is more than a zombie.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name is in parentheses and may itself hold any character (proc(5)).
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// The last three lines of the log since the start, as one.
fn last_words(log: &Path, start: u64) -> Option<String> {
    let mut file = fs::File::open(log).ok()?;
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(65_536).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(3)..)?;
    (!last.is_empty()).then(|| last.join("; "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Copies what will be executed. Another process writes it: a file that this one holds open, and that a test beside
    /// this one hands on to its own child, could not be executed ("text file busy").
    fn copy(from: impl AsRef<std::ffi::OsStr>, to: impl AsRef<std::ffi::OsStr>) {
        assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
    }

    /// A home with a stand-in for the agent: a copy of a real program, so that /proc/PID/exe is in the bin directory.
    fn home(program: &str) -> (tempfile::TempDir, Layout) {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let layout = Layout {
            bin_dir: at("bin"),
            config: at("agent.conf"),
            state_dir: at("state"),
            run_dir: at("run"),
            command_socket: at("run/chronyd.sock"),
        };
        fs::create_dir(&layout.bin_dir).unwrap();
        copy(program, at("bin/timefleet-agent-1"));
        symlink("timefleet-agent-1", layout.agent_link()).unwrap();
        (place, layout)
    }

    /// `tail -f FILE …` reads like the agent's own command line, and runs until it is told to end.
    fn started() -> (tempfile::TempDir, Layout, Started) {
        let (place, layout) = home("/usr/bin/tail");
        fs::write(&layout.config, "hello\n").unwrap();
        fs::create_dir(&layout.run_dir).unwrap();
        let started = start_tail(&layout);
        (place, layout, started)
    }

    fn start_tail(layout: &Layout) -> Started {
        // Not through `start`, since tail knows no --run-dir; a script that takes it would be found as its shell.
        let log = Path::new(&layout.run_dir).join("agent.log");
        let output = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child =
            Command::new(layout.agent_link()).args(["-f", &layout.config]).stdout(output).spawn().unwrap();
        files::write(&pid_file(layout), format!("{}\n", child.id()).as_bytes(), 0o644).unwrap();
        Started { child, log, log_start: 0 }
    }

    #[test]
    fn a_running_agent_is_found_and_stopped() {
        let (_place, layout, mut started) = started();
        assert_eq!(find(&layout), Some(started.pid()));
        started.still_runs().unwrap();

        stop(started.pid()).unwrap();

        assert_eq!(find(&layout), None);
        assert!(started.still_runs().is_err());
        stop(started.pid()).unwrap();
    }

    #[test]
    fn a_pid_file_that_names_somebody_else_is_not_believed() {
        let (_place, layout) = home("/usr/bin/tail");
        fs::create_dir(&layout.run_dir).unwrap();
        fs::write(pid_file(&layout), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(find(&layout), None);

        let mut other = Command::new(layout.agent_link()).args(["-f", "/dev/null"]).spawn().unwrap();
        fs::write(pid_file(&layout), format!("{}\n", other.id())).unwrap();
        let found = find(&layout);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(found, None, "it runs our executable, but with another configuration");
    }

    #[test]
    fn an_agent_that_ends_at_once_is_quoted() {
        let (_place, layout) = home("/bin/sh");
        let script = format!("{}-script", layout.agent_link());
        let draft = format!("{script}.draft");
        fs::write(&draft, "#!/bin/sh\necho \"$2:3:1: unknown directive\" >&2\nexit 1\n").unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        copy(&draft, &script);
        files::link(Path::new(&layout.agent_link()), "timefleet-agent-script").unwrap();

        let mut started = start(&layout, &["-x".to_owned()]).unwrap();
        assert_eq!(fs::metadata(&layout.run_dir).unwrap().permissions().mode() & 0o007, 0);
        let begun = Instant::now();
        let error = loop {
            match started.still_runs() {
                Err(error) => break error,
                Ok(()) => assert!(begun.elapsed() < PATIENCE, "the script ends by itself"),
            }
        };

        let expected =
            format!("the agent ended with exit status: 1: {}:3:1: unknown directive", layout.config);
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().ends_with("/run/agent.log on the host"));
    }

    #[test]
    fn processes_are_found_by_their_names() {
        let (_place, layout) = home("/usr/bin/tail");
        let mut child = Command::new(layout.agent_link()).args(["-f", "/dev/null"]).spawn().unwrap();
        let expected = (child.id(), "timefleet-agent".to_owned());
        let begun = Instant::now();
        // Between fork and exec it still has our name.
        while !named(&["timefleet-agent"]).contains(&expected) {
            assert!(begun.elapsed() < PATIENCE, "{:?}", named(&["timefleet-agent"]));
        }
        child.kill().unwrap();
        // Not waited for yet: a zombie keeps no time.
        while named(&["timefleet-agent"]).contains(&expected) {
            assert!(begun.elapsed() < PATIENCE);
        }
        child.wait().unwrap();
        assert_eq!(named(&["no such daemon"]), []);
    }
}
