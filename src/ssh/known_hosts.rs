//! Whom to trust: known_hosts files, matched as OpenSSH matches them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! russh's own helper accepts revoked keys and knows neither patterns nor tabs, so the matching is done here, over
//! ssh-key's types.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::known_hosts::{HostPatterns, Marker};
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};
use sha1::Sha1;

use super::error::SshError;
use super::target::Hop;

/// Host key algorithms we accept, best first. SHA-1 signatures (`ssh-rsa`) are left out, as OpenSSH does since 8.8.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// One line of a file that is about our host.
#[derive(Clone, Debug)]
struct Entry {
    file: PathBuf,
    line: usize,
    marker: Option<Marker>,
    key: PublicKey,
}

/// What the known_hosts files say of one host.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    /// As known_hosts spells it: `host` or `[host]:port`.
    known_as: String,
    /// Name or address without the port, for certificates' principals.
    principal: String,
    /// Where the key is to be added.
    first_file: PathBuf,
    /// Add an unknown key instead of refusing it.
    accept_new: bool,
    entries: Vec<Entry>,
    /// Keys of the same name without our port.
    fallback: Vec<Entry>,
}

/// What to make of the key that a host shows.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is the right one.
    Known,
    /// Nobody knows it; the line would make it known.
    New {
        /// To be appended to the file.
        line: String,
        /// The user's first file.
        file: PathBuf,
    },
}

impl Trust {
    /// Reads the files of a hop. A file that does not exist knows nobody.
    ///
    /// # Errors
    /// [`SshError::KnownHostsUnreadable`].
    pub(super) async fn of(hop: &Hop) -> Result<Self, SshError> {
        let known_as = hop.known_as();
        let principal = hop.host_key_alias.as_ref().unwrap_or(&hop.address).to_lowercase();
        let mut entries = Vec::new();
        let mut without_port = Vec::new();
        for file in &hop.known_hosts {
            let text = match tokio::fs::read(file).await {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(SshError::KnownHostsUnreadable { file: file.clone(), source }),
            };
            entries.extend(matching(&text, file, &known_as));
            if known_as != principal {
                without_port.extend(matching(&text, file, &principal));
            }
        }
        // As OpenSSH: a host on another port that is not listed with that port may be listed without one; a plain
        // key there that does not match says nothing. What is revoked there is revoked on every port.
        let (fallback, marked): (Vec<_>, Vec<_>) =
            without_port.into_iter().partition(|entry: &Entry| entry.marker.is_none());
        entries.extend(marked);
        let first_file =
            hop.known_hosts.first().cloned().unwrap_or_else(|| PathBuf::from("~/.ssh/known_hosts"));
        Ok(Self { known_as, principal, first_file, accept_new: hop.accept_new, entries, fallback })
    }

    /// Host key algorithms to ask for: only of the types that are known, so that a host with several keys shows the one
    /// we can check; every type when none is known.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let is_among = |entries: &[Entry], algorithm: &Algorithm| {
            entries.iter().any(|entry| entry.marker.is_none() && same_type(&entry.key.algorithm(), algorithm))
        };
        let mut algorithms = ALGORITHMS.to_vec();
        algorithms.retain(|algorithm| is_among(&self.entries, algorithm));
        if algorithms.is_empty() {
            algorithms = ALGORITHMS.to_vec();
            algorithms.sort_by_key(|algorithm| !is_among(&self.fallback, algorithm));
        }
        algorithms
    }

    /// Host certificates are asked for only where an authority is trusted.
    pub(super) fn certificate_algorithms(&self) -> Vec<Algorithm> {
        let authority = self.entries.iter().any(|entry| entry.marker == Some(Marker::CertAuthority));
        if authority { ALGORITHMS.to_vec() } else { Vec::new() }
    }

    /// Judges what the host shows.
    ///
    /// # Errors
    /// [`SshError::HostKeyRevoked`], [`SshError::HostKeyChanged`], [`SshError::HostKeyUnknown`],
    /// [`SshError::HostCertificate`].
    pub(super) fn check(&self, shown: &PublicKeyOrCertificate, now: SystemTime) -> Result<Verdict, SshError> {
        let key = shown.public_key();
        self.not_revoked(&key)?;
        if let Some(certificate) = shown.certificate() {
            return self.check_certificate(certificate, now);
        }
        let plain = || self.entries.iter().filter(|entry| entry.marker.is_none());
        let is_it = |entry: &Entry| entry.key.key_data() == key.key_data();
        if plain().any(is_it) || (plain().next().is_none() && self.fallback.iter().any(is_it)) {
            return Ok(Verdict::Known);
        }
        match plain().next() {
            Some(entry) => Err(SshError::HostKeyChanged {
                host: self.known_as.clone(),
                shown: describe(&key),
                known: describe(&entry.key),
                file: entry.file.clone(),
                line: entry.line,
            }),
            None => self.unknown(&key),
        }
    }

    fn not_revoked(&self, key: &PublicKey) -> Result<(), SshError> {
        let revoked =
            |entry: &&Entry| entry.marker == Some(Marker::Revoked) && entry.key.key_data() == key.key_data();
        match self.entries.iter().find(revoked) {
            Some(entry) => Err(SshError::HostKeyRevoked {
                host: self.known_as.clone(),
                fingerprint: fingerprint(key),
                file: entry.file.clone(),
                line: entry.line,
            }),
            None => Ok(()),
        }
    }

    fn unknown(&self, key: &PublicKey) -> Result<Verdict, SshError> {
        let line = format!("{} {}", self.known_as, plain_line(key));
        if self.accept_new {
            return Ok(Verdict::New { line, file: self.first_file.clone() });
        }
        Err(SshError::HostKeyUnknown {
            host: self.known_as.clone(),
            key_type: key.algorithm().to_string(),
            fingerprint: fingerprint(key),
            remedy: format!("echo '{line}' >> {}", self.first_file.display()),
        })
    }

    /// See OpenSSH's PROTOCOL.certkeys. A certificate for every host (no principals) is refused: one stolen machine
    /// could pretend to be any other.
    fn check_certificate(&self, certificate: &Certificate, now: SystemTime) -> Result<Verdict, SshError> {
        let invalid = |cause: String| SshError::HostCertificate { host: self.known_as.clone(), cause };
        let authority = PublicKey::new(certificate.signature_key().clone(), "");
        self.not_revoked(&authority)?;
        let trusted = |entry: &Entry| {
            entry.marker == Some(Marker::CertAuthority) && entry.key.key_data() == authority.key_data()
        };
        if !self.entries.iter().any(trusted) {
            return Err(invalid(format!("{} is not a trusted @cert-authority for it", describe(&authority))));
        }
        if certificate.cert_type() != CertType::Host {
            return Err(invalid("it is a user's certificate".to_owned()));
        }
        if !certificate.valid_principals().iter().any(|name| glob(name.as_bytes(), self.principal.as_bytes()))
        {
            return Err(invalid(format!("it is for {}", principals(certificate))));
        }
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if seconds < certificate.valid_after() || seconds >= certificate.valid_before() {
            return Err(invalid(
                "it has expired or is not valid yet (or this machine's clock is wrong)".to_owned(),
            ));
        }
        certificate
            .validate_at(seconds, [&authority.fingerprint(HashAlg::Sha256)])
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Verdict::Known)
    }
}

fn principals(certificate: &Certificate) -> String {
    match certificate.valid_principals() {
        [] => "no host by name".to_owned(),
        names => names.join(", "),
    }
}

/// RSA keys are one type, whatever hash they sign with.
fn same_type(key: &Algorithm, algorithm: &Algorithm) -> bool {
    matches!((key, algorithm), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || key == algorithm
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn describe(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), fingerprint(key))
}

/// `type base64`, without a comment.
fn plain_line(key: &PublicKey) -> String {
    PublicKey::new(key.key_data().clone(), "").to_openssh().unwrap_or_default().trim_end().to_owned()
}

/// The lines of a file that are about a host. A line that cannot be read is no line, as in OpenSSH.
fn matching(text: &str, file: &Path, known_as: &str) -> Vec<Entry> {
    let about = |(index, line): (usize, &str)| {
        let (marker, hosts, key) = fields(line)?;
        if !names(&hosts.parse().ok()?, known_as) {
            return None;
        }
        match PublicKey::from_openssh(&key) {
            Ok(key) => Some(Entry { file: file.to_owned(), line: index + 1, marker, key }),
            Err(error) => {
                tracing::warn!("{}:{}: {error}: line left out", file.display(), index + 1);
                None
            }
        }
    };
    text.lines().enumerate().filter_map(about).collect()
}

/// `[@marker] hosts type base64 [comment]`, blanks or tabs between.
fn fields(line: &str) -> Option<(Option<Marker>, &str, String)> {
    let mut words = line.split_whitespace().peekable();
    let first = *words.peek()?;
    if first.starts_with('#') {
        return None;
    }
    let marker = match first.starts_with('@') {
        true => Some(words.next()?.parse().ok()?),
        false => None,
    };
    let hosts = words.next()?;
    Some((marker, hosts, format!("{} {}", words.next()?, words.next()?)))
}

/// A negated pattern that matches takes the whole line out.
fn names(hosts: &HostPatterns, known_as: &str) -> bool {
    match hosts {
        HostPatterns::Patterns(patterns) => {
            let fits = |pattern: &str| glob(pattern.to_lowercase().as_bytes(), known_as.as_bytes());
            let negated = |pattern: &String| pattern.strip_prefix('!').is_some_and(fits);
            !patterns.iter().any(negated)
                && patterns.iter().any(|pattern| !pattern.starts_with('!') && fits(pattern))
        }
        HostPatterns::HashedName { salt, hash } => {
            let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
            mac.update(known_as.as_bytes());
            mac.verify_slice(hash).is_ok()
        }
    }
}

/// `*` is any run of characters, `?` exactly one. Linear in practice: only the last `*` is ever tried again.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut at) = (pattern, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest.split_first(), at.split_first()) {
            (Some((b'*', after)), _) => {
                retry = Some((after, at));
                rest = after;
            }
            (Some((wanted, after)), Some((found, following))) if *wanted == b'?' || wanted == found => {
                (rest, at) = (after, following);
            }
            (None, None) => return true,
            _ => match retry {
                Some((after, [_, following @ ..])) => {
                    retry = Some((after, following));
                    (rest, at) = (after, following);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
