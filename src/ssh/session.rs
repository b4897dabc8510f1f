//! One SSH session: connected, trusted, logged in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{Disconnect, Preferred, compression};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::auth;
use super::channel::{Channel, LastWords, lost_because};
use super::error::SshError;
use super::known_hosts::{Trust, Verdict};
use super::target::{Hop, Patience, Target};

/// A host that is silent this long is asked whether it is still there …
const KEEPALIVE: Duration = Duration::from_secs(10);
/// … and given up after this many questions without an answer.
const KEEPALIVE_MAX: usize = 3;
/// A polite goodbye is not worth more.
const GOODBYE: Duration = Duration::from_secs(1);

/// One SSH session to one host.
pub(crate) struct Session {
    host: String,
    handle: Handle<Watchman>,
    /// They carry the session: dropped last.
    jumps: Vec<Handle<Watchman>>,
    last_words: LastWords,
    connections: u32,
    channels: u32,
}

impl Session {
    /// Connects, checks the host key and logs in, at every hop of the way.
    ///
    /// # Errors
    /// Every [`SshError`] up to a finished login; one at a jump host is wrapped in [`SshError::Jump`].
    pub(crate) async fn open(target: &Target) -> Result<Self, SshError> {
        let mut jumps: Vec<Handle<Watchman>> = Vec::new();
        for hop in &target.jumps {
            let at_hop = |source| SshError::Jump { hop: hop.address.clone(), source: Box::new(source) };
            let (handle, _) = reach(jumps.last(), hop, target.patience).await.map_err(at_hop)?;
            jumps.push(handle);
        }
        let (handle, last_words) = reach(jumps.last(), &target.hop, target.patience).await?;
        let host = target.hop.address.clone();
        Ok(Self { host, handle, jumps, last_words, connections: 1, channels: 0 })
    }

    /// Runs a command in the login's shell.
    ///
    /// # Errors
    /// [`SshError::NoExec`], [`SshError::Lost`].
    pub(crate) async fn exec(&mut self, command: &str) -> Result<Channel, SshError> {
        let opened = match self.handle.channel_open_session().await {
            Ok(opened) => opened,
            Err(russh::Error::ChannelOpenFailure(reason)) => {
                return Err(SshError::NoExec {
                    host: self.host.clone(),
                    cause: reason.description().to_owned(),
                });
            }
            Err(_) => {
                return Err(SshError::Lost {
                    host: self.host.clone(),
                    cause: lost_because(&self.last_words),
                });
            }
        };
        self.channels += 1;
        let mut channel = Channel::new(self.host.clone(), opened.split(), Arc::clone(&self.last_words));
        channel.exec(command).await?;
        Ok(channel)
    }

    /// SSH connections to the host that this session opened; jump hosts are not counted.
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// Channels that this session opened on the host.
    pub(crate) fn channels(&self) -> u32 {
        self.channels
    }

    /// Says goodbye. Dropping a session closes it as well, without the words.
    pub(crate) async fn close(self) {
        for handle in std::iter::once(self.handle).chain(self.jumps.into_iter().rev()) {
            let goodbye = async {
                handle.disconnect(Disconnect::ByApplication, "", "").await?;
                handle.await
            };
            if let Ok(Err(error)) = timeout(GOODBYE, goodbye).await {
                tracing::debug!("{}: closing: {error}", self.host);
            }
        }
    }
}

/// Brings us to a hop, from here or from the hop before it.
async fn reach(
    before: Option<&Handle<Watchman>>,
    hop: &Hop,
    patience: Patience,
) -> Result<(Handle<Watchman>, LastWords), SshError> {
    let trust = Trust::of(hop).await?;
    match before {
        None => enter(dial(hop, patience.connect).await?, hop, trust, patience).await,
        Some(jump) => {
            let forwarded = jump.channel_open_direct_tcpip(&hop.address, u32::from(hop.port), "127.0.0.1", 0);
            let channel = match timeout(patience.connect, forwarded).await {
                Ok(Ok(channel)) => channel,
                Ok(Err(error)) => {
                    let cause = match error {
                        russh::Error::ChannelOpenFailure(reason) => reason.description().to_lowercase(),
                        other => other.to_string(),
                    };
                    return Err(SshError::Forward { address: hop.place(), cause });
                }
                Err(_) => return Err(SshError::TimedOut { address: hop.place(), after: patience.connect }),
            };
            enter(channel.into_stream(), hop, trust, patience).await
        }
    }
}

/// Tries the host's addresses in the resolver's order; each gets its share of the time that is left.
async fn dial(hop: &Hop, patience: Duration) -> Result<TcpStream, SshError> {
    let deadline = Instant::now() + patience;
    let timed_out = || SshError::TimedOut { address: hop.place(), after: patience };
    let unresolved = |cause: String| SshError::Resolve { host: hop.address.clone(), cause };
    let addresses: Vec<SocketAddr> =
        match timeout_at(deadline, tokio::net::lookup_host((hop.address.as_str(), hop.port))).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(unresolved(resolver_words(&error))),
            Err(_) => return Err(unresolved(format!("no answer within {} s", patience.as_secs_f64()))),
        };
    let mut failure = unresolved("it has no address".to_owned());
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small requests and answers alternate: Nagle's algorithm would make each wait for the other.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("{}: TCP_NODELAY: {error}", hop.place());
                }
                return Ok(stream);
            }
            Ok(Err(error)) => refusal(hop, patience, error),
            Err(_) => timed_out(),
        };
    }
    Err(failure)
}

/// The resolver's own words, without the library's frame around them.
fn resolver_words(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.strip_prefix("failed to lookup address information: ").unwrap_or(&words).to_lowercase()
}

fn refusal(hop: &Hop, after: Duration, source: std::io::Error) -> SshError {
    use std::io::ErrorKind;
    let address = hop.place();
    match source.kind() {
        ErrorKind::ConnectionRefused => SshError::Refused { address },
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => SshError::NoRoute { address, source },
        ErrorKind::TimedOut => SshError::TimedOut { address, after },
        _ => SshError::Connect { address, source },
    }
}

/// Key exchange with the host key checked, then login.
async fn enter<S>(
    stream: S,
    hop: &Hop,
    trust: Trust,
    patience: Patience,
) -> Result<(Handle<Watchman>, LastWords), SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Arc::new(config(&trust));
    let last_words = LastWords::default();
    let watchman = Watchman { trust, last_words: Arc::clone(&last_words) };
    let handshake = |cause: String| SshError::Handshake { address: hop.place(), cause };
    let mut handle = match timeout(patience.connect, client::connect_stream(config, stream, watchman)).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(SshError::Protocol(russh::Error::Disconnect | russh::Error::HUP))) => {
            return Err(handshake(lost_because(&last_words)));
        }
        Ok(Err(SshError::Protocol(error))) => return Err(handshake(handshake_words(&error))),
        Ok(Err(distrust)) => return Err(distrust),
        Err(_) => return Err(handshake(format!("no answer within {} s", patience.connect.as_secs_f64()))),
    };
    match timeout(patience.login, auth::login(&mut handle, hop, &last_words)).await {
        Ok(Ok(())) => Ok((handle, last_words)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(SshError::LoginTimedOut {
            host: hop.address.clone(),
            user: hop.user.clone(),
            after: patience.login,
        }),
    }
}

fn handshake_words(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            format!("no common {kind:?} algorithm; it offers {}", theirs.join(", "))
        }
        other => other.to_string(),
    }
}

fn config(trust: &Trust) -> client::Config {
    client::Config {
        client_id: russh::SshId::Standard(concat!("SSH-2.0-timefleet_", env!("CARGO_PKG_VERSION")).into()),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVE_MAX,
        nodelay: true,
        preferred: Preferred {
            key: trust.algorithms().into(),
            host_key_certificates: trust.certificate_algorithms().into(),
            // The agent's executable hardly shrinks, and everything else is small.
            compression: vec![compression::NONE].into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// Looks at what the server shows, and remembers what it says when it hangs up.
pub(super) struct Watchman {
    trust: Trust,
    last_words: LastWords,
}

impl client::Handler for Watchman {
    type Error = SshError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, SshError> {
        match self.trust.check(shown, SystemTime::now())? {
            Verdict::Known => Ok(true),
            Verdict::New { line, file } => {
                append(&file, &line).map_err(|source| SshError::KnownHostsUnreadable { file, source })?;
                Ok(true)
            }
        }
    }

    async fn disconnected(&mut self, reason: DisconnectReason<SshError>) -> Result<(), SshError> {
        let (words, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => (info.message, Ok(())),
            DisconnectReason::Error(error) => (error.to_string(), Err(error)),
        };
        let mut last_words = self.last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last_words = Some(words).filter(|words| !words.is_empty());
        result
    }
}

fn append(file: &std::path::Path, line: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())
}
