//! Why a host could not be reached or did not let us in: one line of cause, and what to do next.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why an SSH session could not be opened, or broke. `Display` is the cause in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshError {
    /// The user's own SSH configuration is broken, so OpenSSH would not connect either.
    #[error("`ssh -G {host}` failed: {cause}")]
    Settings {
        /// Host that was asked for.
        host: String,
        /// ssh's last words.
        cause: String,
    },
    /// The user's SSH configuration reaches this host through a command.
    #[error("the SSH configuration reaches {host} through ProxyCommand, which is not supported")]
    ProxyCommand {
        /// Host that was asked for.
        host: String,
    },
    /// `jump` is not `[user@]host[:port]`.
    #[error("jump host `{text}`: {cause}")]
    JumpSyntax {
        /// As written.
        text: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// The name has no address.
    #[error("{host} does not resolve: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        cause: String,
    },
    /// Nobody listens there.
    #[error("{address} refused the connection")]
    Refused {
        /// `host port N`.
        address: String,
    },
    /// Nobody answers there.
    #[error("no answer from {address} within {} s", .after.as_secs_f64())]
    TimedOut {
        /// `host port N`.
        address: String,
        /// How long we waited.
        after: Duration,
    },
    /// The network does not know the way.
    #[error("no route to {address}: {source}")]
    NoRoute {
        /// `host port N`.
        address: String,
        /// The kernel's words.
        source: io::Error,
    },
    /// The connection failed in another way.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// `host port N`.
        address: String,
        /// The kernel's words.
        source: io::Error,
    },
    /// A jump host could not reach the next one.
    #[error("the jump host cannot reach {address}: {cause}")]
    Forward {
        /// `host port N`.
        address: String,
        /// The jump host's words.
        cause: String,
    },
    /// Something listens there, but key exchange failed.
    #[error("{address} did not complete the SSH handshake: {cause}")]
    Handshake {
        /// `host port N`.
        address: String,
        /// What happened.
        cause: String,
    },
    /// A known_hosts file is there and cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    KnownHostsUnreadable {
        /// The file.
        file: PathBuf,
        /// The kernel's words.
        source: io::Error,
    },
    /// No known_hosts file has this host.
    #[error("the host key of {host} is not known ({key_type} {fingerprint})")]
    HostKeyUnknown {
        /// As known_hosts would spell it: `host` or `[host]:port`.
        host: String,
        /// For instance `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…` of the key that the host showed.
        fingerprint: String,
        /// The command that adds it, to be run after the fingerprint was compared.
        remedy: String,
    },
    /// known_hosts has another key for this host.
    #[error("the host key of {host} changed: it shows {shown}, {}:{line} says {known}", .file.display())]
    HostKeyChanged {
        /// As known_hosts spells it.
        host: String,
        /// Fingerprint of the key that the host showed.
        shown: String,
        /// Fingerprint of the key in the file.
        known: String,
        /// The file.
        file: PathBuf,
        /// 1 is the first line.
        line: usize,
    },
    /// known_hosts says that this key must not be trusted.
    #[error("the host key of {host} is revoked at {}:{line} ({fingerprint})", .file.display())]
    HostKeyRevoked {
        /// As known_hosts spells it.
        host: String,
        /// `SHA256:…` of the revoked key.
        fingerprint: String,
        /// The file.
        file: PathBuf,
        /// 1 is the first line.
        line: usize,
    },
    /// The host showed a certificate that does not hold.
    #[error("the host certificate of {host} is not valid: {cause}")]
    HostCertificate {
        /// As known_hosts spells it.
        host: String,
        /// Why.
        cause: String,
    },
    /// The identity that the inventory names cannot be read.
    #[error("cannot read the identity {}: {cause}", .path.display())]
    IdentityUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The identity that the inventory names is encrypted, and the SSH agent does not hold it.
    #[error("the identity {} is encrypted and the SSH agent does not hold it", .path.display())]
    IdentityEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// The host did not let us in.
    #[error("{host} refused the login of {user}: {}", refusal(.offered, .accepts))]
    LoginRefused {
        /// Host as asked for.
        host: String,
        /// Login name.
        user: String,
        /// Every key that was offered: type, fingerprint, where it came from.
        offered: Vec<String>,
        /// What the server would accept instead of a key; empty = keys are fine.
        accepts: Vec<String>,
        /// Keys that could not be offered, and why.
        skipped: Vec<String>,
    },
    /// Login took too long.
    #[error("{host} did not finish the login of {user} within {} s", .after.as_secs_f64())]
    LoginTimedOut {
        /// Host as asked for.
        host: String,
        /// Login name.
        user: String,
        /// How long we waited.
        after: Duration,
    },
    /// The session ended although the conversation had not.
    #[error("the connection to {host} was lost: {cause}")]
    Lost {
        /// Host as asked for.
        host: String,
        /// What is known of the reason.
        cause: String,
    },
    /// The host does not open a channel or run a command for us.
    #[error("{host} does not run commands for this login: {cause}")]
    NoExec {
        /// Host as asked for.
        host: String,
        /// The server's words.
        cause: String,
    },
    /// A line without an end.
    #[error("{host} sent a line of more than {limit} bytes")]
    LineTooLong {
        /// Host as asked for.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// One of the above, at a jump host.
    #[error("through jump host {hop}: {source}")]
    Jump {
        /// The jump host.
        hop: String,
        /// What happened there.
        source: Box<SshError>,
    },
    /// The SSH library gave up; turned into one of the above before anybody sees it.
    #[error("{0}")]
    Protocol(#[from] russh::Error),
}

fn refusal(offered: &[String], accepts: &[String]) -> String {
    let keys = match offered {
        [] => "there was no key to offer".to_owned(),
        keys => format!("offered {}", keys.join(", ")),
    };
    match accepts {
        [] => keys,
        methods => format!("it accepts only {}; {keys}", methods.join(", ")),
    }
}

impl SshError {
    /// The step of the conversation that failed: `connect`, `host key` or `login`.
    pub(crate) fn step(&self) -> &'static str {
        match self {
            Self::Settings { .. }
            | Self::ProxyCommand { .. }
            | Self::JumpSyntax { .. }
            | Self::Resolve { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::NoRoute { .. }
            | Self::Connect { .. }
            | Self::Forward { .. }
            | Self::Handshake { .. }
            | Self::Lost { .. }
            | Self::LineTooLong { .. }
            | Self::Protocol(_) => "connect",
            Self::KnownHostsUnreadable { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::HostCertificate { .. } => "host key",
            Self::IdentityUnreadable { .. }
            | Self::IdentityEncrypted { .. }
            | Self::LoginRefused { .. }
            | Self::LoginTimedOut { .. }
            | Self::NoExec { .. } => "login",
            Self::Jump { source, .. } => source.step(),
        }
    }

    /// What to do about it, when that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Settings { .. } => {
                "repair ~/.ssh/config: plain ssh fails with it in the same way".to_owned()
            }
            Self::ProxyCommand { .. } => {
                "use ProxyJump there, or `ssh: { jump: HOST }` in the inventory".to_owned()
            }
            Self::JumpSyntax { .. } => {
                "write `jump: [user@]host[:port]`, a comma-separated list, or `none`".to_owned()
            }
            Self::Resolve { .. } => {
                "is it spelt as your resolver knows it? `address` in the inventory gives a host another one"
                    .to_owned()
            }
            Self::Refused { .. } => "is sshd running there, and is `ssh: { port: … }` right?".to_owned(),
            Self::TimedOut { .. } => "is the host up, and does a firewall drop the port?".to_owned(),
            Self::NoRoute { .. } => "check the address, or reach it with `ssh: { jump: HOST }`".to_owned(),
            Self::Forward { .. } => "is it up, and does the jump host allow TCP forwarding?".to_owned(),
            Self::Handshake { .. } => "is it an SSH server that listens on this port?".to_owned(),
            Self::HostKeyUnknown { remedy, .. } => format!("compare the fingerprint, then: {remedy}"),
            Self::HostKeyChanged { host, file, .. } => format!(
                "if the host was reinstalled: ssh-keygen -R '{host}' -f {}, then add the new key; \
                 if not, somebody may be in between",
                file.display()
            ),
            Self::HostKeyRevoked { .. } => "give the host a new key; this one must not be trusted".to_owned(),
            Self::HostCertificate { .. } => {
                "sign the host's key again: ssh-keygen -h -n NAME -s CA".to_owned()
            }
            Self::IdentityUnreadable { .. } => "name a private key in `ssh: { identity: … }`".to_owned(),
            Self::IdentityEncrypted { path } => format!("eval $(ssh-agent); ssh-add {}", path.display()),
            Self::LoginRefused { skipped, .. } if !skipped.is_empty() => {
                format!("not offered: {}", skipped.join("; "))
            }
            Self::LoginRefused { user, .. } => {
                format!(
                    "add the public key to ~{user}/.ssh/authorized_keys there, or set `ssh: {{ user, identity }}`"
                )
            }
            Self::NoExec { .. } => {
                "the login needs a shell: check ForceCommand and the account's shell".to_owned()
            }
            Self::Jump { source, .. } => return source.hint(),
            Self::Connect { .. }
            | Self::KnownHostsUnreadable { .. }
            | Self::LoginTimedOut { .. }
            | Self::Lost { .. }
            | Self::LineTooLong { .. }
            | Self::Protocol(_) => return None,
        })
    }
}
