//! One SSH session to one host: the user's own settings, known hosts, authentication, jump hosts.
//!
//! What the inventory says wins; what it leaves open is asked of the user's OpenSSH (`ssh -G`), and where there is
//! none, OpenSSH's defaults hold. Nothing outside this folder knows which SSH library is underneath.

mod auth;
mod channel;
mod error;
mod jump;
mod known_hosts;
mod session;
mod settings;
mod target;

#[cfg(test)]
pub(crate) mod sshd;
#[cfg(test)]
mod tests;

pub(crate) use channel::{Channel, Exit};
pub(crate) use error::SshError;
pub(crate) use session::Session;
pub(crate) use target::Target;
