//! A daemon's process on a simulated host.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::clock::Clock;

/// Where the library finds its socket; high, so that daemons that count descriptors do not meet it.
const FD: i32 = 200;
/// Real seconds after which a daemon that does not wait for anything is given up.
const PATIENCE: i64 = 30;

/// A program and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    pub(crate) options: Vec<OsString>,
}

/// Whose program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Chronyd,
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) clock: Clock,
    pub(crate) wire: OwnedFd,
    /// `None` while the process runs; otherwise what it waits for besides datagrams, on its monotonic clock.
    pub(crate) waiting: Option<Option<i64>>,
    /// Datagrams sent to port 123.
    pub(crate) requests: u32,
    log: PathBuf,
    child: Child,
}

impl Host {
    /// Starts a daemon under the library.
    pub(crate) fn start(
        program: &Program,
        shim: &Path,
        directory: &Path,
        number: usize,
        config: &str,
        seed: u64,
        clock: Clock,
    ) -> io::Result<Self> {
        let place = directory.join(format!("host{number}"));
        // What an earlier run left, a pid file above all, is not ours.
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(&place)?;
        let (file, log) = (place.join("conf"), place.join("log"));
        let place_name = place.display();
        let mut common = "cmdport 0\nbindcmdaddress /\n".to_owned();
        if program.kind == Kind::Chronyd {
            common += "clockprecision 1e-8\n";
        }
        fs::write(&file, format!("{config}{common}pidfile {place_name}/pid\n"))?;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        setsockopt(&ours, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        let mut command = Command::new(&program.path);
        match program.kind {
            Kind::Agent => command.arg("-4").arg("--run-dir").arg(&place),
            Kind::Chronyd => command.args(["-d", "-4", "-F", "0", "-u", "root"]),
        };
        command
            .args(&program.options)
            .arg("-f")
            .arg(&file)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .env("LD_PRELOAD", shim)
            .env("TIMEFLEET_SHIM_FD", FD.to_string())
            .env("TIMEFLEET_SHIM_SEED", seed.to_string())
            .env("TIMEFLEET_SHIM_HOST", number.to_string())
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let theirs_fd = theirs.as_raw_fd();
        // SAFETY: between fork and exec only these two system calls are made, and both may be made there.
        unsafe { command.pre_exec(move || prepare(theirs_fd)) };
        let child = command.spawn()?;
        Ok(Self { clock, wire: ours, waiting: None, requests: 0, log, child })
    }

    /// The end of what the daemon said.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

/// The second belt: should a call reach the real kernel's clock all the same, it is refused there.
fn prepare(fd: i32) -> io::Result<()> {
    const CAP_SYS_TIME: libc::c_ulong = 25;
    // SAFETY: two descriptors that are this process's own.
    if unsafe { libc::dup2(fd, FD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // A daemon that never waits would not notice that the bench has gone.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: takes numbers only.
    let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0) };
    // Who is not root has no such right to lose.
    // SAFETY: no arguments.
    if dropped < 0 && unsafe { libc::geteuid() } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
