//! What a process uses: processor, memory, system calls, instructions.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Processor time of all its threads, in seconds.
pub(crate) fn cpu(pid: u32) -> Option<f64> {
    let mut nanos = 0_u64;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanos += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(nanos as f64 * 1e-9)
}

/// Resident memory in bytes.
pub(crate) fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Counts something of a process until it is asked.
pub(crate) struct Counting(Child);

impl Counting {
    /// System calls, by perf(1).
    pub(crate) fn system_calls(pid: u32) -> Result<Self, String> {
        let probe = Command::new("perf").args(["stat", "-x,", "-e", SYSTEM_CALLS, "true"]).output();
        match probe {
            Ok(done) if done.status.success() && count_in(&done.stderr).is_some() => {}
            Ok(_) => return Err("perf(1) cannot count system calls here".to_owned()),
            Err(error) => return Err(format!("perf(1) is not there ({error})")),
        }
        Command::new("perf")
            .args(["stat", "-x,", "-e", SYSTEM_CALLS, "-p", &pid.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map(Self)
            .map_err(|error| error.to_string())
    }

    pub(crate) fn end(self) -> Option<u64> {
        // perf(1) prints when it is interrupted.
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        count_in(&self.0.wait_with_output().ok()?.stderr)
    }
}

const SYSTEM_CALLS: &str = "raw_syscalls:sys_enter";

fn count_in(said: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().find(|line| line.contains(SYSTEM_CALLS))?;
    line.split(',').next()?.parse().ok()
}

/// Instructions that callgrind collected in all of a process's dumps.
pub(crate) fn instructions(directory: &Path) -> Option<u64> {
    let mut sum = 0;
    for file in fs::read_dir(directory).ok()? {
        let path = file.ok()?.path();
        if !path.file_name()?.to_str()?.starts_with("callgrind.") {
            continue;
        }
        let text = fs::read_to_string(&path).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")))?;
        sum += line.trim().parse::<u64>().ok()?;
    }
    (sum > 0).then_some(sum)
}
