//! A real SSH server of one host: one user, one key, commands in the host's own home directory.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, Pty};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::command;

/// How long a client may take to hang up once it was told to.
const FAREWELL: Duration = Duration::from_secs(2);

/// The one login of a host.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Login name.
    pub(crate) user: String,
    /// The only key that is let in.
    pub(crate) key: PublicKey,
    /// `HOME`, and where commands start.
    pub(crate) home: PathBuf,
    /// Gets a line for each authenticated connection and each session channel: `connection 1`, `channel 1`.
    pub(crate) log: PathBuf,
}

/// A listening server.
pub(crate) struct Server {
    address: SocketAddr,
    /// Every task of the server holds a receiver: `true` tells them to end, and no receiver left means they have.
    closing: watch::Sender<bool>,
}

/// Tells a task of the server when to end; as long as it is held, the server is not closed.
#[derive(Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Ends when the server closes, or is dropped.
    pub(super) async fn wait(&mut self) {
        // An error says that the server was dropped.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Numbers for the log.
#[derive(Default)]
struct Counter {
    connections: AtomicU64,
    channels: AtomicU64,
}

impl Server {
    /// Listens on `address` (port 0: any free one) and serves until closed.
    ///
    /// # Errors
    /// As of bind(2).
    pub(crate) async fn open(address: SocketAddr, key: PrivateKey, account: Account) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (closing, closed) = watch::channel(false);
        let config = Arc::new(Config {
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            // Guessing a key of this server's is not made easier by a quick answer.
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            keys: vec![key],
            nodelay: true,
            ..Config::default()
        });
        let visitor =
            Visitor { account: Arc::new(account), counter: Arc::default(), closing: Closing(closed) };
        tokio::spawn(accept(listener, config, visitor));
        Ok(Server { address, closing })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, hangs up, ends the commands that still run, and waits until all of that is done.
    pub(crate) async fn close(self) {
        self.closing.send_replace(true);
        if timeout(FAREWELL * 2, self.closing.closed()).await.is_err() {
            tracing::warn!("the SSH server at {} still has open sessions", self.address);
        }
    }
}

async fn accept(listener: TcpListener, config: Arc<Config>, visitor: Visitor) {
    let mut closing = visitor.closing.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.wait() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&config), visitor.clone()));
            }
            Err(error) => {
                // Out of descriptors, or the client left already: the next one may fare better.
                tracing::debug!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection. A client that breaks off is its own affair: nobody here waits for it.
async fn serve(stream: TcpStream, config: Arc<Config>, visitor: Visitor) {
    let mut closing = visitor.closing.clone();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("nodelay: {error}");
    }
    let started = tokio::select! {
        started = russh::server::run_stream(config, stream, visitor) => started,
        () = closing.wait() => return,
    };
    let Ok(mut session) = started else { return };
    tokio::select! {
        _ = &mut session => {}
        () = closing.wait() => {
            let reason = "the lab is closing".to_owned();
            let told = session.handle().disconnect(Disconnect::ByApplication, reason, String::new()).await;
            if told.is_ok() && timeout(FAREWELL, session).await.is_err() {
                tracing::debug!("a client does not hang up");
            }
        }
    }
}

/// The server's side of one connection.
#[derive(Clone)]
struct Visitor {
    account: Arc<Account>,
    counter: Arc<Counter>,
    closing: Closing,
}

impl Visitor {
    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        let same_key = key.key_data() == self.account.key.key_data();
        if user == self.account.user && same_key { Auth::Accept } else { Auth::reject() }
    }

    fn note(&self, line: &str) -> io::Result<()> {
        let mut log = OpenOptions::new().append(true).create(true).open(&self.account.log)?;
        log.write_all(format!("{line}\n").as_bytes())
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), russh::Error> {
        let number = self.counter.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(self.note(&format!("connection {number}"))?)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let number = self.counter.channels.fetch_add(1, Ordering::Relaxed) + 1;
        self.note(&format!("channel {number}"))?;
        reply.accept().await;
        let (account, closing) = (Arc::clone(&self.account), self.closing.clone());
        tokio::spawn(command::serve(channel, session.handle(), account, closing));
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }
}
