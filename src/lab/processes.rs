//! Processes whose executable lies in the lab's directory: its agents, and nothing else on this machine.
//!
//! Found by `/proc/PID/exe`, never by name or by a number written down earlier: a number may have changed hands, the
//! executable cannot.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::LabError;

/// Time between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(20);

/// Does this process run an executable from below `directory` (a resolved path)?
fn is_from(directory: &Path, pid: i32) -> bool {
    // A removed executable is shown with " (deleted)" behind its path, and the prefix still tells. Other users'
    // processes cannot be looked at, and are not ours.
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(directory))
}

/// Every process from below `directory` (a resolved path).
pub(super) fn from(directory: &Path) -> Result<BTreeSet<i32>, LabError> {
    let entries = fs::read_dir("/proc").map_err(LabError::file("read /proc"))?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(numbers.filter(|&pid| is_from(directory, pid)).collect())
}

/// Ends every process from below `directory`: SIGTERM, and SIGKILL for those still there after `patience`. Blocks.
///
/// # Errors
/// [`LabError::Stuck`] when some are there `patience` after SIGKILL.
pub(super) fn stop_all(directory: &Path, patience: Duration) -> Result<(), LabError> {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let deadline = Instant::now() + patience;
        let mut told = BTreeSet::new();
        loop {
            let running = from(directory)?;
            if running.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                break;
            }
            for pid in running.difference(&told).filter(|&&pid| is_from(directory, pid)) {
                match kill(Pid::from_raw(*pid), signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(LabError::file(format!("stop process {pid}"))(errno.into())),
                }
            }
            told.extend(running);
            thread::sleep(LOOK);
        }
    }
    let left = from(directory)?;
    if left.is_empty() {
        return Ok(());
    }
    let pids = left.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    Err(LabError::Stuck { pids, directory: directory.to_path_buf() })
}
