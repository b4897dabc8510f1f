//! YAML text to [`Inventory`]: every value remembers where it was written.
//!
//! The walk: [`source`] text -> [`node`] tree with spans -> `layer`s of settings -> `resolve`d hosts. Nothing stops
//! at the first mistake: every room adds its [`Problem`]s to one list.

pub(crate) mod host;
pub(crate) mod problem;
pub(crate) mod source;

use std::collections::HashMap;
use std::path::Path;

pub(crate) use host::{Host, Place, Sourced};
pub(crate) use problem::{Problem, Severity};
pub(crate) use source::InputFile;

/// A fleet, every host's layers laid over each other.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// Its name.
    pub(crate) fleet: Sourced<String>,
    /// In the order of the files.
    pub(crate) hosts: Vec<Host>,
    /// In the order of the files, outer before inner.
    pub(crate) groups: Vec<Group>,
    host_by_name: HashMap<String, usize>,
    group_by_name: HashMap<String, usize>,
}

/// A named set of hosts.
#[derive(Debug)]
pub(crate) struct Group {
    /// Unique in the inventory.
    pub(crate) name: String,
    /// Where it was declared.
    pub(crate) place: Place,
    /// The group whose `children` it is one of.
    pub(crate) parent: Option<usize>,
    /// Indices into [`Inventory::hosts`], ascending: its own and those of the groups inside.
    pub(crate) members: Vec<usize>,
}

impl Inventory {
    /// The host of that name.
    pub(crate) fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(*self.host_by_name.get(name)?)
    }

    /// The group of that name.
    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(*self.group_by_name.get(name)?)
    }

    /// Every host of a group and of the groups inside it, in the order of the files.
    pub(crate) fn members<'a>(&'a self, group: &str) -> impl Iterator<Item = &'a Host> {
        let members = self.group(group).map_or(&[][..], |group| &group.members);
        members.iter().filter_map(|&index| self.hosts.get(index))
    }

    /// What `group` stands for among `host`'s upstreams: every host of the group except `host` itself.
    pub(crate) fn upstream_hosts<'a>(&'a self, host: &'a Host, group: &str) -> impl Iterator<Item = &'a Host> {
        self.members(group).filter(move |member| member.name != host.name)
    }

    /// The hosts of this inventory that `host` takes its time from, each once, in the order of its upstreams.
    pub(crate) fn dependencies<'a>(&'a self, host: &'a Host) -> Vec<&'a Host> {
        let mut seen = std::collections::HashSet::new();
        let groups = host.time.upstreams.iter().filter_map(|upstream| match &upstream.from {
            host::UpstreamFrom::Group(group) => Some(group),
            _ => None,
        });
        groups
            .flat_map(|group| self.upstream_hosts(host, group))
            .filter(|server| seen.insert(server.name.as_str()))
            .collect()
    }
}

/// Reads inventories, each with the name that problems should call it by; `home` is what `~` stands for in paths on
/// this machine (`ssh.identity`, `ssh.known_hosts`).
///
/// All problems of all files come back together, in the order of the files.
pub(crate) fn load(files: &[InputFile], home: Option<&Path>) -> Result<Inventory, Vec<Problem>> {
    let _ = (files, home);
    Err(Vec::new())
}
