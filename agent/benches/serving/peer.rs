//! Who is measured: how each of them is started so that it serves its own clock to everybody and leaves that clock alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::site::{SERVER, Site};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Agent,
    Chronyd,
    NtpdRs,
    LeastOneByOne,
    LeastInBatches,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] =
        [Self::Agent, Self::Chronyd, Self::NtpdRs, Self::LeastOneByOne, Self::LeastInBatches];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agent => "timefleet-agent",
            Self::Chronyd => "chronyd",
            Self::NtpdRs => "ntpd-rs",
            Self::LeastOneByOne => "least, one by one",
            Self::LeastInBatches => "least, in batches",
        }
    }

    /// Its program; an error says what is missing.
    pub(crate) fn program(self) -> Result<PathBuf, String> {
        match self {
            // Another build than this benchmark's own, such as the one that is pushed.
            Self::Agent => Ok(std::env::var_os("TIMEFLEET_AGENT")
                .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_timefleet-agent")), PathBuf::from)),
            Self::Chronyd => {
                find("chronyd").ok_or("no chronyd on this host: apt-get install chrony".to_owned())
            }
            Self::NtpdRs => {
                find("ntp-daemon").ok_or("no ntp-daemon on this host: cargo install ntpd".to_owned())
            }
            Self::LeastOneByOne | Self::LeastInBatches => {
                std::env::current_exe().map_err(|error| error.to_string())
            }
        }
    }

    fn arguments(self, directory: &Path) -> Result<Vec<String>, String> {
        let place = directory.to_string_lossy().into_owned();
        let file = directory.join("server.conf");
        let common = format!(
            "allow\nlocal stratum 8\ncmdport 0\nbindcmdaddress {place}/command.sock\npidfile {place}/pid\ndriftfile {place}/drift\n"
        );
        let write = |text: &str| fs::write(&file, text).map_err(|error| error.to_string());
        let file = file.to_string_lossy().into_owned();
        let words = match self {
            Self::Agent => {
                write(&common)?;
                vec!["-x".to_owned(), "-4".to_owned(), "--run-dir".to_owned(), place, "-f".to_owned(), file]
            }
            Self::Chronyd => {
                write(&common)?;
                ["-x", "-4", "-d", "-u", "root", "-f", &file].map(str::to_owned).to_vec()
            }
            Self::NtpdRs => {
                write(&format!(
                    "[observability]\nlog-level = \"error\"\n[synchronization]\nlocal-stratum = 8\n\
                     [[server]]\nlisten = \"{SERVER}\"\n"
                ))?;
                vec!["-c".to_owned(), file]
            }
            Self::LeastOneByOne => vec!["least-one-by-one".to_owned()],
            Self::LeastInBatches => vec!["least-in-batches".to_owned()],
        };
        Ok(words)
    }

    /// Starts it on the server's side; `under` is a program that runs it, with its arguments.
    pub(crate) fn start(self, site: &Site, under: &[String]) -> Result<Running, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let program = self.program()?;
        // No peer can move this machine's clock, whatever it does by itself.
        let mut command = site.serving("setpriv");
        command.args(["--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]);
        command.args(under.iter().map(|word| word.replace("{}", &directory.path().to_string_lossy())));
        command.arg(&program).args(self.arguments(directory.path())?);
        let log = fs::File::create(directory.path().join("log")).map_err(|error| error.to_string())?;
        let child = command
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Running { child, directory })
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    std::env::split_paths(&path)
        .chain(cargo)
        .chain(["/usr/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// A server that runs, as long as this lives.
pub(crate) struct Running {
    child: Child,
    pub(crate) directory: TempDir,
}

impl Running {
    /// `ip netns exec`, `taskset` and `setpriv` become the program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
