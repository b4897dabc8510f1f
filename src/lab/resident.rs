//! One host of the lab, as the inventory describes it, before it is started.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use super::LabError;
use crate::inventory::host::{Host, Role, Service};

/// Longest path of a Unix socket, bytes (unix(7): `sun_path`, without its final zero).
const SOCKET_PATH_LIMIT: usize = 107;

/// chronyc opens a socket of its own beside the agent's, with its process number in the name: longer than the agent's.
const LONGEST_SOCKET_NAME: &str = "chronyc.4194304.sock";

/// What the lab needs to know of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    /// Name in the inventory.
    pub(crate) name: String,
    /// Where its SSH server listens: a loopback address.
    pub(crate) ssh: SocketAddr,
    /// Who logs in.
    pub(crate) user: String,
    /// The login's private key, as the inventory has it.
    pub(crate) identity: Option<PathBuf>,
    /// The file of host keys, as the inventory has it.
    pub(crate) known_hosts: Option<PathBuf>,
    /// Everything of the agent's, below the login's home.
    pub(crate) agent_home: String,
    /// UDP port that its agent serves time on; 0 = none.
    pub(crate) port: u16,
    /// UDP port of its agent for chronyc; 0 = none.
    pub(crate) cmdport: u16,
}

impl TryFrom<&Host> for Resident {
    type Error = LabError;

    fn try_from(host: &Host) -> Result<Resident, LabError> {
        let unfit = |cause: String| LabError::Unfit { host: host.name.clone(), cause };
        let address: IpAddr = host.address.parse().map_err(|_| {
            unfit(format!("the lab needs an address like 127.77.0.11, not {}", *host.address))
        })?;
        let port = host.ssh.port.as_ref().map(|port| **port);
        let port =
            port.ok_or_else(|| unfit("the lab needs ssh.port, an unprivileged one like 22022".into()))?;
        let user = host.ssh.user.as_ref().map(|user| user.value.clone());
        if *host.agent.service != Service::Process || *host.time.control_clock {
            return Err(unfit(
                "the lab needs `agent: { service: process }` and `control_clock: false`: it touches nothing else on \
                 this machine"
                    .into(),
            ));
        }
        Ok(Resident {
            name: host.name.clone(),
            ssh: SocketAddr::new(address, port),
            user: user.ok_or_else(|| unfit("the lab needs ssh.user".into()))?,
            identity: host.ssh.identity.as_ref().map(|path| path.value.clone()),
            known_hosts: host.ssh.known_hosts.as_ref().map(|path| path.value.clone()),
            agent_home: host.agent.home.value.clone(),
            port: if *host.role == Role::Server { *host.time.port } else { 0 },
            cmdport: *host.time.cmdport,
        })
    }
}

impl Resident {
    /// The login's home, below the lab's directory.
    pub(crate) fn home_directory(&self) -> PathBuf {
        Path::new("hosts").join(&self.name)
    }

    /// The agent's run directory in a lab at `directory`.
    pub(crate) fn run_directory(&self, directory: &Path) -> PathBuf {
        let login = directory.join(self.home_directory());
        let below = Path::new(&self.agent_home);
        login.join(below.strip_prefix("~").unwrap_or(below)).join("run")
    }

    /// Would this host stay inside a lab at `directory`?
    pub(super) fn check(&self, directory: &Path) -> Result<(), LabError> {
        let unfit = |cause: String| Err(LabError::Unfit { host: self.name.clone(), cause });
        if !self.ssh.ip().is_loopback() {
            return unfit(format!(
                "{} is not a loopback address; the lab stays on this machine",
                self.ssh.ip()
            ));
        }
        let run_directory = self.run_directory(directory);
        if self.agent_home.contains("..") || !run_directory.starts_with(directory.join(self.home_directory()))
        {
            return unfit(format!("agent.home {} leaves the lab; write ~/timefleet", self.agent_home));
        }
        for (key, found, wanted) in [
            ("ssh.identity", &self.identity, directory.join("identity")),
            ("ssh.known_hosts", &self.known_hosts, directory.join("known_hosts")),
        ] {
            if found.as_ref() != Some(&wanted) {
                return unfit(format!("the lab needs {key}: {}", wanted.display()));
            }
        }
        let length = run_directory.join(LONGEST_SOCKET_NAME).as_os_str().len();
        if length > SOCKET_PATH_LIMIT {
            return Err(LabError::PathTooLong { host: self.name.clone(), directory: run_directory, length });
        }
        Ok(())
    }
    /// Are its agent's ports free? Found out before anything starts: an agent that cannot serve says so less clearly.
    pub(super) fn probe(&self) -> Result<(), LabError> {
        for port in [self.port, self.cmdport].into_iter().filter(|&port| port != 0) {
            let address = SocketAddr::new(self.ssh.ip(), port);
            UdpSocket::bind(address).map_err(|source| LabError::Listen {
                host: self.name.clone(),
                address,
                source,
            })?;
        }
        Ok(())
    }
}
