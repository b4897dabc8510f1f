//! Every host of an import is one machine that can be reached: a name that can be looked up, an address that no other
//! host has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::draft::{Draft, DraftHost, Named};
use super::layer::Note;
use crate::inventory::{HostName, name_fault};

/// OpenSSH's port.
const SSH_PORT: &str = "22";

/// What is left of a draft's hosts.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By the old index: the new one; another host's for those that were no machine of their own.
    pub(super) now: Vec<usize>,
    /// Names of the hosts that were dropped, and the host that is their machine.
    pub(super) others: Vec<(String, usize)>,
}

/// Gives a name to whom nobody could reach by the one that he has, and keeps one host for each machine.
pub(super) fn settle(draft: &mut Draft) -> Kept {
    for index in 0..draft.hosts.len() {
        rename(draft, index);
    }
    let mut kept = Kept::default();
    let mut known: HashMap<(HostName<'static>, String, String), usize> = HashMap::new();
    let mut hosts: Vec<DraftHost> = Vec::with_capacity(draft.hosts.len());
    for host in std::mem::take(&mut draft.hosts) {
        match known.entry(machine(&host)) {
            Entry::Vacant(vacant) => {
                kept.now.push(*vacant.insert(hosts.len()));
                hosts.push(host);
            }
            Entry::Occupied(occupied) => {
                let first = *occupied.get();
                kept.now.push(first);
                kept.others.push((host.name.clone(), first));
                if let Some(first) = hosts.get_mut(first) {
                    same(first, host);
                }
            }
        }
    }
    draft.hosts = hosts;
    kept
}

/// The same port of the same address behind the same jump host.
fn machine(host: &DraftHost) -> (HostName<'static>, String, String) {
    let address = host.address().unwrap_or_else(|| host.name.clone());
    let port = host.layer.flow("ssh.port").unwrap_or(SSH_PORT).to_owned();
    let jump = host.layer.flow("ssh.jump").unwrap_or_default().to_owned();
    (HostName::of(&address).into_owned(), port, jump)
}

/// Another name of `first`: its groups are those of the machine, what else it says is not.
fn same(first: &mut DraftHost, other: DraftHost) {
    let more = other.groups.into_iter().filter(|group| !first.groups.contains(group)).collect::<Vec<_>>();
    first.groups.extend(more);
    let address = first.address().unwrap_or_else(|| first.name.clone());
    let why = format!("it is the machine of `{}`, {address}: what it says itself is not used", first.name);
    first.layer.notes.push(Note::left_out(other.original, &format!("host `{}`", other.name), &why));
}

/// Without an address a host is reached by its name.
fn rename(draft: &mut Draft, index: usize) {
    let Some(host) = draft.hosts.get(index).filter(|host| host.address().is_none()) else { return };
    let Some(fault) = name_fault(&host.name) else { return };
    let wrong = host.name.clone();
    let digits = wrong.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label: String = wrong.trim_matches('.').replace('.', "-").chars().take(60).collect();
    let name = draft.name(Named::Host, &if digits { format!("host-{label}") } else { label });
    if let Some(host) = draft.hosts.get_mut(index) {
        let text = format!(
            "`{wrong}` cannot be the name of a host without an address: it is called `{name}`, give it one: `{wrong}` {fault}"
        );
        host.layer.notes.push(Note::changed(&host.original, text));
        host.name = name;
    }
}
