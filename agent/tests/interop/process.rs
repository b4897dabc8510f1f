//! Daemons of this run, and waiting for what they do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {}", what());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The full path of a program; `/usr/sbin` is not in everybody's path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin".into(), "/sbin".into()]);
    directories.into_iter().map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// A daemon that ends with its owner.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let output = File::create(log).unwrap();
        let child = command
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which a story will have noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What chronyc, the operator's tool, says of the daemon behind a socket.
pub(crate) fn chronyc(socket: &Path, words: &str) -> String {
    let output = Command::new(program("chronyc").unwrap())
        .args(["-n", "-h", socket.to_str().unwrap()])
        .args(words.split(' '))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The value behind a name in a report of chronyc.
pub(crate) fn value(report: &str, name: &str) -> Option<String> {
    let line =
        report.lines().find(|line| line.split(':').next().is_some_and(|begin| begin.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
