//! A fleet on this machine: embedded SSH servers on loopback addresses, real agents behind them, nothing else touched.
//!
//! Everything lives in `~/.cache/timefleet-lab`: keys, known hosts, and one home directory for each host. The
//! controller reaches these hosts as it reaches any other, so what the lab shows is what an apply does.

mod command;
mod directory;
mod processes;
mod resident;
pub(crate) mod server;

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use resident::Resident;

use crate::inventory::host::Host;
use directory::Directory;
use server::{Account, Server};

/// The lab's fleet: an inventory like any other.
pub(crate) const INVENTORY: &str = include_str!("../../inventories/lab.yaml");

/// How long an agent may take to end after SIGTERM, and the machine to end it after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no lab, or why it is not completely gone.
#[derive(Debug, Error)]
pub(crate) enum LabError {
    /// No home directory.
    #[error("the lab lives in ~/.cache/timefleet-lab, but the variable HOME is not set to an absolute path")]
    NoHome,
    /// Another one runs.
    #[error("another lab is running (process {pid}, {}); stop it with Ctrl-C first", directory.display())]
    Busy {
        /// Its process, as it wrote it down.
        pid: String,
        /// Where it lives.
        directory: PathBuf,
    },
    /// The directory is somebody else's.
    #[error("{} is there, but no lab made it; move it away, the lab would empty it", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// A host of the inventory cannot live in the lab.
    #[error("{host}: {cause}")]
    Unfit {
        /// The host.
        host: String,
        /// What the inventory says of it and what the lab needs.
        cause: String,
    },
    /// Its agent could not open its socket there.
    #[error(
        "{host}: a socket in {} would have a path of {length} bytes, 107 are possible; set HOME to a shorter path",
        directory.display()
    )]
    PathTooLong {
        /// The host.
        host: String,
        /// Its agent's run directory.
        directory: PathBuf,
        /// Bytes.
        length: usize,
    },
    /// A port is taken, by a lab of another user perhaps, or an address is not ours.
    #[error(
        "{host}: cannot listen on {address}: {source}; the lab needs Linux's loopback and this port free"
    )]
    Listen {
        /// The host.
        host: String,
        /// Of its SSH server or its agent.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file or directory of the lab's own.
    #[error("cannot {action}: {source}")]
    File {
        /// What was tried, with the path.
        action: String,
        /// Why.
        source: io::Error,
    },
    /// No keys.
    #[error("cannot make SSH keys: {0}")]
    Keys(String),
    /// Processes that outlived SIGKILL.
    #[error("processes {pids} of the lab do not end; stop them by hand, then remove {}", directory.display())]
    Stuck {
        /// Process numbers.
        pids: String,
        /// Where they were started from.
        directory: PathBuf,
    },
}

impl LabError {
    fn file(action: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
        let action = action.into();
        move |source| LabError::File { action, source }
    }
}

/// A fleet that runs until it is stopped; dropped unstopped, it still takes its agents down.
pub(crate) struct Lab {
    houses: Vec<House>,
    directory: Option<Directory>,
    signals: Vec<Signal>,
}

/// One host of the lab.
struct House {
    resident: Resident,
    server: Server,
}

/// Starts the hosts of an inventory in `~/.cache/timefleet-lab` and writes [`INVENTORY`] beside them as `lab.yaml`.
/// What a lab that was killed left behind is cleared away first. From here on SIGINT, SIGTERM and SIGHUP are
/// [`Lab::interrupted`]'s.
///
/// # Errors
/// Another lab runs; a host is not for loopback; a port is taken; the directory cannot be used.
pub(crate) async fn start(hosts: &[Host]) -> Result<Lab, LabError> {
    let residents = hosts.iter().map(Resident::try_from).collect::<Result<Vec<_>, _>>()?;
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let path = home.ok_or(LabError::NoHome)?.join(".cache").join("timefleet-lab");
    start_in(path, residents, &[SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]).await
}

async fn start_in(
    path: PathBuf,
    residents: Vec<Resident>,
    interrupts: &[SignalKind],
) -> Result<Lab, LabError> {
    for resident in &residents {
        resident.check(&path)?;
    }
    let directory =
        tokio::task::spawn_blocking(move || Directory::claim(path)).await.map_err(|error| {
            LabError::File { action: "claim the directory".to_owned(), source: error.into() }
        })??;
    let signals = interrupts.iter().map(|&kind| signal(kind)).collect::<Result<_, _>>();
    let signals = signals.map_err(LabError::file("listen for signals"))?;
    let mut lab = Lab { houses: Vec::new(), directory: Some(directory), signals };
    match lab.raise(residents).await {
        Ok(()) => Ok(lab),
        Err(cause) => {
            lab.stop().await?;
            Err(cause)
        }
    }
}

/// A fresh ed25519 key.
pub(crate) fn new_key() -> Result<PrivateKey, LabError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| LabError::Keys(error.to_string()))?;
    Ok(Ed25519Keypair::from_seed(&seed).into())
}

impl Lab {
    async fn raise(&mut self, residents: Vec<Resident>) -> Result<(), LabError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let key = new_key()?;
        directory.write_key("identity", &key)?;
        let mut known_hosts = String::new();
        for resident in residents {
            resident.probe()?;
            let home = directory.make(&resident.home_directory())?;
            let log = directory.make(Path::new("ssh"))?.join(format!("{}.log", resident.name));
            let account = Account { user: resident.user.clone(), key: key.public_key().clone(), home, log };
            let host_key = new_key()?;
            let line =
                host_key.public_key().to_openssh().map_err(|error| LabError::Keys(error.to_string()))?;
            let address = resident.ssh;
            let server = Server::open(address, host_key, account)
                .await
                .map_err(|source| LabError::Listen { host: resident.name.clone(), address, source })?;
            let _ = writeln!(known_hosts, "[{}]:{} {line}", server.address().ip(), server.address().port());
            self.houses.push(House { resident, server });
        }
        directory.write("known_hosts", &known_hosts)?;
        directory.write("lab.yaml", INVENTORY)
    }

    /// Where everything is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.as_ref().map_or(Path::new(""), Directory::path)
    }

    /// Ends when somebody asks for the end of the lab: Ctrl-C, SIGTERM, or the terminal is closed.
    pub(crate) async fn interrupted(&mut self) {
        let signals = &mut self.signals;
        poll_fn(|context| {
            // Each is asked, so that each wakes us.
            let heard =
                signals.iter_mut().fold(false, |heard, signal| heard | signal.poll_recv(context).is_ready());
            if heard { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// What `work` came to; `None` when the lab was interrupted before. The work is dropped then.
    pub(crate) async fn unless_interrupted<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            outcome = work => Some(outcome),
            () = self.interrupted() => None,
        }
    }

    /// What to type in another terminal while the lab is kept, `program` being this one.
    pub(crate) fn instructions(&self, program: &Path) -> String {
        let directory = self.path();
        let inventory = quoted(&directory.join("lab.yaml"));
        let program = quoted(program);
        let mut text = String::from("The lab runs until Ctrl-C. In another terminal:\n\n");
        for command in ["plan", "apply", "audit"] {
            let _ = writeln!(text, "  {program} {command} {inventory}");
        }
        // A server and a client are worth a look each: who asks, and who follows.
        let first = self.houses.first().map(|house| &house.resident);
        let last = self.houses.last().map(|house| &house.resident);
        if let (Some(server), Some(client)) = (first, last) {
            let key = quoted(&directory.join("identity"));
            // ssh splits this option's value at blanks once more.
            let known = directory.join("known_hosts").display().to_string();
            let known = if known.contains(' ') { format!("\"{known}\"") } else { known };
            let known = quoted(Path::new(&format!("UserKnownHostsFile={known}")));
            let _ = writeln!(
                text,
                "  ssh -F none -i {key} -o {known} -p {} {}@{} ps",
                client.ssh.port(),
                client.user,
                client.ssh.ip()
            );
            let _ = writeln!(text, "  chronyc -h {} -p {} tracking", client.ssh.ip(), client.cmdport);
            let socket = server.run_directory(directory).join("chronyd.sock");
            let _ = writeln!(text, "  chronyc -h {} clients", quoted(&socket));
        }
        text
    }

    /// Takes everything down: servers closed, agents ended, directory removed.
    ///
    /// # Errors
    /// What is left, and where; the rest is gone.
    pub(crate) async fn stop(mut self) -> Result<(), LabError> {
        for house in std::mem::take(&mut self.houses) {
            house.server.close().await;
        }
        let Some(directory) = self.directory.take() else { return Ok(()) };
        tokio::task::spawn_blocking(move || directory.remove()).await.map_err(|error| LabError::File {
            action: "clear the lab away".to_owned(),
            source: error.into(),
        })?
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take()
            && let Err(error) = directory.remove()
        {
            tracing::error!("{error}");
        }
    }
}

/// For a shell: quoted where needed.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
