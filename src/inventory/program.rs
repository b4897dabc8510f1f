//! An inventory that a program prints.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// No inventory is larger.
const MAX_OUTPUT: u64 = 1 << 30;
/// What is kept of a program's last words.
const MAX_WORDS: usize = 64 * 1024;

/// Why a program gave no inventory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// Its interpreter is missing, for example.
    #[error("cannot run {}: {source}", .path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// The kernel's words.
        source: io::Error,
    },
    /// It says itself that something is wrong.
    #[error("{} ended with {how}{}", .path.display(), said(.words))]
    Failed {
        /// The program.
        path: PathBuf,
        /// Its exit code or the signal that ended it.
        how: String,
        /// The end of its standard error.
        words: String,
    },
    /// It does not come to an end.
    #[error("{} is not done after {} s and was stopped{}", .path.display(), .patience.as_secs(), said(.words))]
    Late {
        /// The program.
        path: PathBuf,
        /// How long it had.
        patience: Duration,
        /// The end of its standard error.
        words: String,
    },
    /// It prints without end.
    #[error("{} printed more than {MAX_OUTPUT} bytes and was stopped", .path.display())]
    Endless {
        /// The program.
        path: PathBuf,
    },
}

fn said(words: &str) -> String {
    let last: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let kept = last.get(last.len().saturating_sub(5)..).unwrap_or_default();
    if kept.is_empty() { ", without a word".to_owned() } else { format!(": {}", kept.join(" / ")) }
}

/// Whether a file is to be run, not read: it may be executed, and it begins as scripts and ELF programs do.
pub(super) fn is_program(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Ok(false);
    }
    let mut begin = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut begin)?;
    Ok(begin.starts_with(b"#!") || begin == b"\x7fELF")
}

/// What a program prints.
pub(super) fn output(path: &Path) -> Result<Vec<u8>, ProgramError> {
    output_within(path, PATIENCE)
}

fn output_within(path: &Path, patience: Duration) -> Result<Vec<u8>, ProgramError> {
    // Without a slash it would be looked for in PATH.
    let program = if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it started ends with it.
    let mut child = command
        .process_group(0)
        .spawn()
        .map_err(|source| ProgramError::Start { path: path.to_owned(), source })?;
    let printed = in_background(child.stdout.take(), all);
    let words = in_background(child.stderr.take(), last_words);
    let deadline = Instant::now() + patience;
    let printed = printed.recv_timeout(patience).ok();
    let endless = printed.as_ref().is_some_and(|printed| printed.len() as u64 > MAX_OUTPUT);
    let status = if printed.is_some() && !endless { wait(&mut child, deadline) } else { None };
    if status.is_none() {
        stop(&mut child);
    }
    let words = || {
        let words = words.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        String::from_utf8_lossy(&words).into_owned()
    };
    let path = path.to_owned();
    match (printed, status) {
        _ if endless => Err(ProgramError::Endless { path }),
        (Some(printed), Some(status)) if status.success() => Ok(printed),
        (_, Some(status)) => {
            let how = match status.signal() {
                Some(signal) => format!("signal {signal}"),
                None => format!("exit code {}", status.code().unwrap_or_default()),
            };
            Err(ProgramError::Failed { path, how, words: words() })
        }
        (_, None) => Err(ProgramError::Late { path, patience, words: words() }),
    }
}

fn in_background<Pipe: Read + Send + 'static>(
    pipe: Option<Pipe>,
    read: fn(Pipe) -> Vec<u8>,
) -> Receiver<Vec<u8>> {
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || tell.send(pipe.map(read).unwrap_or_default()));
    heard
}

fn all(pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Whatever was read until then is what was printed; the exit status says how it ended.
    let _ = pipe.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
    bytes
}

/// Reads to the end, so that nobody waits for a full pipe, and keeps the last of it.
fn last_words(mut pipe: impl Read) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    while let Ok(length @ 1..) = pipe.read(&mut piece) {
        bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
        if bytes.len() > 2 * MAX_WORDS {
            bytes.drain(..bytes.len() - MAX_WORDS);
        }
    }
    bytes
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends a program and what it started.
fn stop(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(directory: &Path, text: &str) -> PathBuf {
        let path = directory.join("fleet");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_program_is_executable_and_looks_like_one() {
        let directory = tempfile::tempdir().unwrap();
        assert!(is_program(&program(directory.path(), "#!/bin/sh\n")).unwrap());
        assert!(is_program(&program(directory.path(), "\u{7f}ELF")).unwrap());
        let path = program(directory.path(), "fleet: x\n");
        assert!(!is_program(&path).unwrap(), "a file from a file system where everything is executable");
        fs::write(&path, "#! a comment\nfleet: x\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!is_program(&path).unwrap());
    }

    #[test]
    fn a_failure_is_told_in_the_programs_own_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = program(
            directory.path(),
            "#!/bin/sh\necho half\necho 'no route to' >&2; echo ' the database' >&2; exit 3\n",
        );
        assert_eq!(
            output(&path).unwrap_err().to_string(),
            format!("{} ended with exit code 3: no route to / the database", path.display())
        );
        let path = program(directory.path(), "#!/bin/sh\nkill -9 $$\n");
        assert_eq!(
            output(&path).unwrap_err().to_string(),
            format!("{} ended with signal 9, without a word", path.display())
        );
        let path = program(directory.path(), "#!/no/such/interpreter\n");
        assert_eq!(
            output(&path).unwrap_err().to_string(),
            format!("cannot run {}: No such file or directory (os error 2)", path.display())
        );
    }

    #[test]
    fn a_program_that_hangs_is_stopped_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let path = program(
            directory.path(),
            "#!/bin/sh\necho waiting >&2\nsleep 600 & echo $! > \"$0.pid\"\nwait\n",
        );
        let begun = Instant::now();
        let error = output_within(&path, Duration::from_millis(700)).unwrap_err().to_string();
        assert_eq!(error, format!("{} is not done after 0 s and was stopped: waiting", path.display()));
        assert!(begun.elapsed() < Duration::from_secs(60));
        let pid = fs::read_to_string(directory.path().join("fleet.pid")).unwrap();
        // Killed, even if nobody has collected it yet.
        let is_gone = || {
            let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.map_or(true, |state| state.contains(") Z ") || !state.contains("(sleep)"))
        };
        while !is_gone() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{pid}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
