//! Logging in with keys: the inventory's identity first, then in OpenSSH's order.

use std::path::Path;
use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::net::UnixStream;

use super::channel::{LastWords, lost_because};
use super::error::SshError;
use super::session::Watchman;
use super::target::{Hop, Identity};

/// A key that can be offered.
enum Candidate {
    File(Arc<PrivateKey>, String),
    Agent(Box<AgentIdentity>),
}

/// What an identity file holds.
enum Content {
    Private(Box<PrivateKey>),
    /// The private half is encrypted, or somewhere else.
    Public(Box<PublicKey>),
}

/// The SSH agent and what it holds.
struct SshAgent {
    client: AgentClient<UnixStream>,
    identities: Vec<AgentIdentity>,
}

/// Logs in at a hop, or says which keys were refused.
///
/// # Errors
/// [`SshError::IdentityUnreadable`], [`SshError::IdentityEncrypted`], [`SshError::LoginRefused`].
pub(super) async fn login(
    handle: &mut Handle<Watchman>,
    hop: &Hop,
    last_words: &LastWords,
) -> Result<(), SshError> {
    let mut skipped = Vec::new();
    let mut agent = SshAgent::of(handle, hop, &mut skipped).await;
    let held = agent.as_ref().map(|agent| agent.identities.clone()).unwrap_or_default();
    let candidates = candidates(hop, held, &mut skipped).await?;
    let mut offered = Vec::new();
    let mut accepts = Vec::new();
    for candidate in candidates {
        offered.push(candidate.describe());
        let result = offer(handle, &hop.user, candidate, agent.as_mut()).await;
        match result {
            Ok(AuthResult::Success) => return Ok(()),
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                if partial_success {
                    skipped.push("it wants a second proof beside the key".to_owned());
                }
                if !remaining_methods.is_empty() && !remaining_methods.contains(&MethodKind::PublicKey) {
                    accepts = remaining_methods.iter().map(String::from).collect();
                    break;
                }
            }
            Err(cause) => skipped.push(cause),
        }
        if handle.is_closed() {
            // Typically: too many authentication failures. The server's own words are the best there are.
            skipped.push(format!("the rest, since the server hung up: {}", lost_because(last_words)));
            break;
        }
    }
    let (host, user) = (hop.address.clone(), hop.user.clone());
    Err(SshError::LoginRefused { host, user, offered, accepts, skipped })
}

async fn offer(
    handle: &mut Handle<Watchman>,
    user: &str,
    candidate: Candidate,
    agent: Option<&mut SshAgent>,
) -> Result<AuthResult, String> {
    let hash = if candidate.is_rsa() { rsa_hash(handle).await } else { None };
    let unsigned = |error: russh::AgentAuthError| format!("the SSH agent does not sign: {error}");
    match (candidate, agent) {
        (Candidate::File(key, _), _) => handle
            .authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash))
            .await
            .map_err(|error| error.to_string()),
        (Candidate::Agent(_), None) => Err("the SSH agent is gone".to_owned()),
        (Candidate::Agent(identity), Some(SshAgent { client, .. })) => match *identity {
            AgentIdentity::PublicKey { key, .. } => {
                handle.authenticate_publickey_with(user, key, hash, client).await.map_err(unsigned)
            }
            AgentIdentity::Certificate { certificate, .. } => {
                handle.authenticate_certificate_with(user, certificate, hash, client).await.map_err(unsigned)
            }
        },
    }
}

/// A server that does not say what it supports is offered SHA-512, as OpenSSH does; never SHA-1.
async fn rsa_hash(handle: &Handle<Watchman>) -> Option<HashAlg> {
    match handle.best_supported_rsa_hash().await {
        Ok(Some(Some(hash))) => Some(hash),
        Ok(_) | Err(_) => Some(HashAlg::Sha512),
    }
}

/// Keys in the order in which they are offered: the inventory's identity; agent keys that an identity file names; other
/// agent keys; key files.
async fn candidates(
    hop: &Hop,
    mut held: Vec<AgentIdentity>,
    skipped: &mut Vec<String>,
) -> Result<Vec<Candidate>, SshError> {
    let (mut first, mut from_agent, mut from_files) = (Vec::new(), Vec::new(), Vec::new());
    for identity in &hop.identities {
        let path = &identity.path;
        let content = match read(identity).await {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(error) if identity.required => return Err(error),
            Err(error) => {
                skipped.push(error.to_string());
                continue;
            }
        };
        let public = match &content {
            Content::Private(key) => key.public_key().key_data().clone(),
            Content::Public(key) => key.key_data().clone(),
        };
        let in_agent = held.iter().position(|held| data(held) == public).map(|index| held.remove(index));
        let candidate = match (content, in_agent) {
            (_, Some(held)) => Candidate::Agent(Box::new(held)),
            (Content::Private(key), None) => Candidate::File(Arc::new(*key), path.display().to_string()),
            (Content::Public(_), None) if identity.required => {
                return Err(SshError::IdentityEncrypted { path: path.clone() });
            }
            (Content::Public(_), None) => {
                skipped.push(format!("{} is encrypted and the SSH agent does not hold it", path.display()));
                continue;
            }
        };
        match (&candidate, identity.required) {
            (_, true) => first.push(candidate),
            (Candidate::Agent(_), false) => from_agent.push(candidate),
            (Candidate::File(..), false) => from_files.push(candidate),
        }
    }
    if !hop.identities_only {
        from_agent.extend(held.into_iter().map(|held| Candidate::Agent(Box::new(held))));
    }
    first.append(&mut from_agent);
    first.append(&mut from_files);
    Ok(first)
}

/// Reads an identity file; `None` = not there, and nobody insisted on it.
async fn read(identity: &Identity) -> Result<Option<Content>, SshError> {
    let path = &identity.path;
    let unreadable = |cause: String| SshError::IdentityUnreadable { path: path.clone(), cause };
    let text = match tokio::fs::read_to_string(path).await {
        Ok(text) => text,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound && !identity.required => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    // A public key in place of the private one: the agent holds the other half.
    if let Ok(public) = PublicKey::from_openssh(text.trim()) {
        return Ok(Some(Content::Public(Box::new(public))));
    }
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => Ok(Some(Content::Private(Box::new(key)))),
        Err(russh::keys::Error::KeyIsEncrypted) => match public_half(path, &text).await {
            Some(public) => Ok(Some(Content::Public(Box::new(public)))),
            None => Err(SshError::IdentityEncrypted { path: path.clone() }),
        },
        Err(error) => Err(unreadable(format!("not a private key: {error}"))),
    }
}

/// OpenSSH's format keeps the public half readable; for the older ones there is the `.pub` file.
async fn public_half(path: &Path, text: &str) -> Option<PublicKey> {
    if let Ok(key) = PrivateKey::from_openssh(text) {
        return Some(key.public_key().clone());
    }
    let beside = format!("{}.pub", path.display());
    PublicKey::from_openssh(tokio::fs::read_to_string(beside).await.ok()?.trim()).ok()
}

impl SshAgent {
    /// Asks the agent what it holds. An agent that does not answer is no reason to fail: key files may do.
    async fn of(handle: &Handle<Watchman>, hop: &Hop, skipped: &mut Vec<String>) -> Option<Self> {
        let socket = hop.agent.as_ref()?;
        let mut silent = |error: russh::keys::Error| {
            skipped.push(format!("the SSH agent at {}: {error}", socket.display()))
        };
        let mut client = match AgentClient::connect_uds(socket).await {
            Ok(client) => client,
            Err(error) => {
                silent(error);
                return None;
            }
        };
        // Keys that are restricted to certain hosts are only shown to a session that says where it leads. Agents other
        // than OpenSSH's do not know the question, and then have no such keys.
        if let Some(binding) = handle.agent_session_binding()
            && let Err(error) = client.bind_session(binding, false).await
        {
            tracing::debug!("the SSH agent does not bind sessions: {error}");
        }
        match client.request_identities().await {
            Ok(identities) => Some(Self { client, identities }),
            Err(error) => {
                silent(error);
                None
            }
        }
    }
}

fn data(identity: &AgentIdentity) -> KeyData {
    match identity {
        AgentIdentity::PublicKey { key, .. } => key.key_data().clone(),
        AgentIdentity::Certificate { certificate, .. } => certificate.public_key().clone(),
    }
}

impl Candidate {
    fn is_rsa(&self) -> bool {
        match self {
            Self::File(key, _) => key.algorithm().is_rsa(),
            Self::Agent(identity) => data(identity).algorithm().is_rsa(),
        }
    }

    /// Type, fingerprint, where from.
    fn describe(&self) -> String {
        let (key, from) = match self {
            Self::File(key, path) => (key.public_key().clone(), path.as_str()),
            Self::Agent(identity) => (PublicKey::new(data(identity), ""), "SSH agent"),
        };
        format!("{} {} ({from})", key.algorithm(), key.fingerprint(HashAlg::Sha256))
    }
}
