//! Who of the inventory is behind a name or an address.

use std::collections::HashMap;

use super::Host;
use super::host_name::HostName;

/// The hosts by what a `server:` line may call them: addresses and names, in any spelling.
pub(crate) struct ByAddress<'i> {
    /// `None`: several hosts have that address.
    hosts: HashMap<HostName<'i>, Option<usize>>,
}

impl<'i> ByAddress<'i> {
    pub(super) fn new(hosts: &'i [Host]) -> Self {
        let mut known: HashMap<HostName<'i>, Option<usize>> = HashMap::with_capacity(hosts.len());
        for (index, host) in hosts.iter().enumerate() {
            let shared = |slot: &mut Option<usize>| *slot = slot.filter(|&known| known == index);
            known.entry(HostName::of(&host.address.value)).and_modify(shared).or_insert(Some(index));
            if host.name != host.address.value {
                known.entry(HostName::of(&host.name)).or_insert(Some(index));
            }
        }
        Self { hosts: known }
    }

    /// The one host of that address or that name.
    pub(crate) fn host(&self, name: &str) -> Option<usize> {
        self.hosts.get(&HostName::of(name)).copied().flatten()
    }
}
