//! Where a session leads: every hop with its address, login, keys and trust, decided before anything is sent.

use std::path::PathBuf;
use std::time::Duration;

use super::error::SshError;
use super::jump;
use super::settings::{Question, Settings};
use crate::inventory::host::{Host, Ssh};

/// More hops than this are a circle in the configuration.
const MAX_JUMPS: usize = 8;

/// How long a hop may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Until the TCP connection stands, all addresses of the host together; then once more for the key exchange.
    pub(crate) connect: Duration,
    /// Until the keys are accepted: the host may ask a directory service.
    pub(crate) login: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), login: Duration::from_secs(30) }
    }
}

/// A host and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host's name in the inventory.
    pub(crate) name: String,
    /// The host itself.
    pub(crate) hop: Hop,
    /// Hosts on the way, nearest first.
    pub(crate) jumps: Vec<Hop>,
    /// Use sudo, unless the login is root.
    pub(crate) r#become: bool,
    /// How long each hop may take.
    pub(crate) patience: Patience,
}

/// One SSH server: a jump host or the host itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Name or address to connect to.
    pub(crate) address: String,
    /// TCP port.
    pub(crate) port: u16,
    /// Login name.
    pub(crate) user: String,
    /// Look its host key up under this name instead of the address (`HostKeyAlias`).
    pub(crate) host_key_alias: Option<String>,
    /// Private keys.
    pub(crate) identities: Vec<Identity>,
    /// Offer only these keys, not everything that the agent holds.
    pub(crate) identities_only: bool,
    /// The SSH agent's socket.
    pub(crate) agent: Option<PathBuf>,
    /// Files with host keys.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Add an unknown host key to the first file instead of refusing it. Only when the user's own SSH configuration
    /// says `StrictHostKeyChecking accept-new`.
    pub(crate) accept_new: bool,
}

/// A private key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The file.
    pub(crate) path: PathBuf,
    /// The inventory names it: it must be usable. Other files are left out quietly when they are not there.
    pub(crate) required: bool,
}

impl Target {
    /// Decides the way to a host of the inventory. Runs `ssh -G` when the inventory leaves something open.
    ///
    /// # Errors
    /// [`SshError::Settings`], [`SshError::ProxyCommand`] or [`SshError::JumpSyntax`].
    pub(crate) async fn of(host: &Host) -> Result<Self, SshError> {
        let ssh = &host.ssh;
        let question = Question {
            host: host.address.as_str(),
            user: ssh.user.as_ref().map(|user| user.as_str()),
            port: ssh.port.as_ref().map(|port| port.value),
            config: None,
        };
        let decided = ssh.user.is_some()
            && ssh.port.is_some()
            && ssh.identity.is_some()
            && ssh.jump.is_some()
            && ssh.known_hosts.is_some();
        let settings = if decided { Settings::defaults(question) } else { Settings::ask(question).await? };
        let route = ssh.jump.as_ref().map(|jump| jump.as_str()).or(settings.jump.as_deref());
        let pending = route.map_or(Ok(Vec::new()), jump::route)?;
        if pending.is_empty() && ssh.jump.is_none() && settings.proxy_command {
            return Err(SshError::ProxyCommand { host: host.address.value.clone() });
        }
        Ok(Self {
            name: host.name.clone(),
            jumps: jumps(ssh, pending).await?,
            hop: hop(ssh, settings),
            r#become: *ssh.r#become,
            patience: Patience::default(),
        })
    }
}

/// Every hop of the route, with its own settings. The first hop of a route may need hops of its own before it.
async fn jumps(ssh: &Ssh, mut pending: Vec<jump::Stop>) -> Result<Vec<Hop>, SshError> {
    let mut hops = Vec::new();
    while let Some(stop) = pending.pop() {
        if hops.len() == MAX_JUMPS {
            return Err(SshError::JumpSyntax {
                text: stop.host,
                cause: "more than 8 hops: a circle of ProxyJump?",
            });
        }
        let question =
            Question { host: &stop.host, user: stop.user.as_deref(), port: stop.port, config: None };
        let settings = Settings::ask(question).await?;
        if pending.is_empty() {
            match settings.jump.as_deref() {
                Some(route) => pending = jump::route(route)?,
                None if settings.proxy_command => return Err(SshError::ProxyCommand { host: stop.host }),
                None => {}
            }
        }
        hops.insert(0, jump_hop(ssh, settings));
    }
    Ok(hops)
}

/// Login name and port of the inventory belong to the host behind. Its key and its known_hosts file serve for the whole
/// way, before the jump host's own, so that a machine without ~/.ssh can use them.
fn jump_hop(ssh: &Ssh, settings: Settings) -> Hop {
    let own = Ssh { user: None, port: None, identity: None, known_hosts: None, ..ssh.clone() };
    let mut hop = hop(&own, settings);
    if let Some(identity) = &ssh.identity {
        hop.identities.insert(0, Identity { path: identity.value.clone(), required: true });
    }
    if let Some(file) = &ssh.known_hosts {
        hop.known_hosts.insert(0, file.value.clone());
        hop.accept_new = false;
    }
    hop
}

fn hop(ssh: &Ssh, settings: Settings) -> Hop {
    let identities = match &ssh.identity {
        Some(identity) => vec![Identity { path: identity.value.clone(), required: true }],
        None => settings.identities.into_iter().map(|path| Identity { path, required: false }).collect(),
    };
    let known_hosts = match &ssh.known_hosts {
        Some(file) => vec![file.value.clone()],
        None => settings.known_hosts,
    };
    Hop {
        address: settings.hostname,
        port: ssh.port.as_ref().map_or(settings.port, |port| port.value),
        user: ssh.user.as_ref().map_or(settings.user, |user| user.value.clone()),
        host_key_alias: settings.host_key_alias,
        identities,
        identities_only: settings.identities_only,
        agent: settings.agent,
        known_hosts,
        accept_new: settings.accept_new && ssh.known_hosts.is_none(),
    }
}

impl Hop {
    /// `host port N`, for people.
    pub(crate) fn place(&self) -> String {
        format!("{} port {}", self.address, self.port)
    }

    /// The name under which known_hosts has its key: see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
    pub(crate) fn known_as(&self) -> String {
        match &self.host_key_alias {
            Some(alias) => alias.to_lowercase(),
            None if self.port == 22 => self.address.to_lowercase(),
            None => format!("[{}]:{}", self.address.to_lowercase(), self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::host::{AgentPlacement, DaemonKind, Place, Role, Service, Sourced, Time};
    use timefleet_agent::time::Seconds;

    fn said<T>(value: T) -> Sourced<T> {
        Sourced { value, place: None }
    }

    fn host(ssh: Ssh) -> Host {
        let place = Place { file: "inventory.yaml".into(), line: 1, column: 1, length: 1 };
        let time = Time {
            upstreams: vec![],
            allow: vec![],
            deny: vec![],
            local: None,
            maxdistance: None,
            ipv4_only: said(false),
            ipv6_only: said(false),
            makestep: None,
            rtcsync: said(false),
            ratelimit: None,
            keyfile: None,
            template: None,
            minsources: None,
            port: said(0),
            cmdport: said(323),
            control_clock: said(true),
            daemon: said(DaemonKind::Agent),
            bound: said(Seconds(3.0)),
            extra: vec![],
        };
        Host {
            name: "web1".into(),
            place,
            groups: [].into(),
            role: said(Role::Client),
            address: said("192.0.2.7".into()),
            ssh: ssh.into(),
            agent: AgentPlacement { service: said(Service::Systemd), home: said("~/timefleet".into()) },
            take_over: said(false),
            allow_rules: Vec::new().into(),
            time: time.into(),
        }
    }

    fn all_said() -> Ssh {
        Ssh {
            user: Some(said("ops".into())),
            port: Some(said(2222)),
            identity: Some(said("/keys/ops".into())),
            r#become: said(true),
            jump: Some(said("none".into())),
            known_hosts: Some(said("/keys/known_hosts".into())),
        }
    }

    #[tokio::test]
    async fn what_the_inventory_says_is_done() {
        let target = Target::of(&host(all_said())).await.unwrap();
        assert_eq!((target.name.as_str(), target.r#become, target.jumps.len()), ("web1", true, 0));
        let hop = target.hop;
        assert_eq!((hop.address.as_str(), hop.port, hop.user.as_str()), ("192.0.2.7", 2222, "ops"));
        assert_eq!(hop.identities, [Identity { path: "/keys/ops".into(), required: true }]);
        assert_eq!(hop.known_hosts, [PathBuf::from("/keys/known_hosts")]);
        assert_eq!(hop.known_as(), "[192.0.2.7]:2222");
    }

    #[tokio::test]
    async fn what_it_leaves_open_is_openssh_s() {
        let open = Ssh { user: None, port: None, identity: None, known_hosts: None, ..all_said() };
        let hop = Target::of(&host(open)).await.unwrap().hop;
        let home = std::env::home_dir().unwrap();
        assert!(hop.identities.iter().all(|identity| !identity.required));
        assert!(hop.identities.iter().any(|identity| identity.path == home.join(".ssh/id_ed25519")));
        assert!(hop.known_hosts.contains(&home.join(".ssh/known_hosts")));
        assert_eq!(hop.known_as(), "192.0.2.7");
    }

    #[tokio::test]
    async fn jump_hosts_share_the_inventory_s_key_and_known_hosts_but_not_its_login() {
        let through = Ssh { jump: Some(said("gate@192.0.2.1:2200,192.0.2.2".into())), ..all_said() };
        let target = Target::of(&host(through)).await.unwrap();
        let [gate, inner] = &target.jumps[..] else { panic!("{:?}", target.jumps) };
        assert_eq!((gate.address.as_str(), gate.port, gate.user.as_str()), ("192.0.2.1", 2200, "gate"));
        assert_eq!((inner.address.as_str(), inner.port), ("192.0.2.2", 22));
        assert_ne!(inner.user, "ops");
        for hop in [gate, inner] {
            assert_eq!(hop.identities[0], Identity { path: "/keys/ops".into(), required: true });
            assert_eq!(hop.known_hosts[0], PathBuf::from("/keys/known_hosts"));
        }
    }
}
