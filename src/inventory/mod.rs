//! YAML text to [`Inventory`]: every value remembers where it was written.
//!
//! The walk: `source` text -> `node` tree with spans -> `tree` of groups and `settings` -> `resolve`d hosts. Nothing
//! stops at the first mistake: every room adds its [`Problem`]s to one list.

mod defaults;
pub(crate) mod host;
mod keys;
mod network;
mod node;
pub(crate) mod problem;
mod range;
mod reader;
mod resolve;
pub(crate) mod selection;
mod settings;
mod show;
pub(crate) mod source;
mod template;
mod tree;
mod vars;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

pub(crate) use defaults::{MAX_DISTANCE, NTP_PORT};
pub(crate) use host::{Host, Place, Sourced};
pub(crate) use problem::{Problem, Severity};
pub(crate) use source::InputFile;

use reader::Reader;
use resolve::Members;
use source::Source;
use template::Filler;
use tree::Tree;

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
    /// Indices into [`Inventory::hosts`], ascending: its own and those of the groups inside.
    pub(crate) members: Vec<usize>,
}

impl Inventory {
    /// The host of that name.
    pub(crate) fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(self.index_of(name)?)
    }

    /// The index into [`Inventory::hosts`] of the host of that name.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.host_by_name.get(name).copied()
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
    pub(crate) fn upstream_hosts<'a>(
        &'a self,
        host: &'a Host,
        group: &str,
    ) -> impl Iterator<Item = &'a Host> {
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
    let sources: Vec<Source<'_>> = files.iter().map(Source::new).collect();
    let filler = RefCell::new(Filler::new());
    let mut readers: Vec<Reader<'_, '_>> = sources
        .iter()
        .enumerate()
        .map(|(file, source)| Reader::new(source, file, home, &filler))
        .collect();
    let mut problems = Vec::new();
    let mut roots = Vec::with_capacity(sources.len());
    for (file, source) in sources.iter().enumerate() {
        match node::parse(source) {
            Ok(root) => roots.push((file, root)),
            Err(problem) => problems.push(*problem),
        }
    }
    let mut tree = Tree::default();
    for (file, root) in &roots {
        if let Some(reader) = readers.get_mut(*file) {
            tree.read(reader, *file, root);
        }
    }
    // What is missing here may stand in a file that could not be read.
    let complete = roots.len() == files.len();
    if complete
        && !tree.fleet_given
        && let Some(source) = sources.first()
    {
        let problem = Problem::error(source.place(0..0), "the fleet has no name")
            .help("write `fleet: NAME` at the top of the file");
        problems.push(problem);
    }
    let members = Members::gather(&tree, &mut problems);
    let (hosts, _) = members.resolve(&tree, &mut readers, None);
    for reader in &mut readers {
        problems.append(&mut reader.problems);
        let named = reader.named_groups.iter();
        let unknown = named.filter(|(name, _)| complete && !tree.group_by_name.contains_key(name));
        problems.extend(unknown.map(|(name, place)| {
            let groups = tree.groups.iter().map(|group| group.name.as_str());
            Problem::error(place.clone(), format!("there is no group `{name}`"))
                .maybe_help(reader::suggestion(name, groups))
        }));
    }
    if !problems.is_empty() {
        problem::in_order(&mut problems, files);
        return Err(problems);
    }
    let fleet = tree.fleet.clone().unwrap_or(Sourced::default(String::new()));
    let groups = resolve::groups(&tree, &hosts);
    let host_by_name = hosts.iter().enumerate().map(|(at, host)| (host.name.clone(), at)).collect();
    let group_by_name = groups.iter().enumerate().map(|(at, group)| (group.name.clone(), at)).collect();
    Ok(Inventory { fleet, hosts, groups, host_by_name, group_by_name })
}

#[cfg(test)]
mod tests;
