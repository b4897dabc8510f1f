//! YAML text to [`Inventory`]: every value remembers where it was written.
//!
//! The walk: `source` text -> `node` tree with spans -> `tree` of groups and `settings` -> `resolve`d hosts. Nothing
//! stops at the first mistake: every room adds its [`Problem`]s to one list.

mod address;
mod by_address;
mod contradiction;
mod defaults;
mod deferred;
pub(crate) mod explain;
pub(crate) mod files;
mod filling;
pub(crate) mod host;
mod host_name;
mod keys;
pub(crate) mod network;
mod node;
mod options;
pub(crate) mod problem;
pub(crate) mod profile;
mod program;
mod range;
mod reader;
mod resolve;
pub(crate) mod schema;
pub(crate) mod selection;
mod settings;
mod settled;
pub(crate) mod show;
pub(crate) mod source;
mod template;
mod tree;
mod vars;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

pub(crate) use by_address::ByAddress;
pub(crate) use defaults::{MAX_DISTANCE, NTP_PORT};
pub(crate) use explain::Explanation;
pub(crate) use files::{Inputs, Origin};
pub(crate) use host::{Host, Place, Sourced};
pub(crate) use host_name::{HostName, NameFault, fault as name_fault};
pub(crate) use problem::{Problem, Severity};
pub(crate) use reader::{did_you_mean, near, suggestion};
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

    /// The hosts by what a `server:` line may call them.
    pub(crate) fn by_address(&self) -> ByAddress<'_> {
        ByAddress::new(&self.hosts)
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
        let mut seen = HashSet::new();
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

/// One host for all that differ in nothing but their names and addresses: what is rendered of one of them is as good or
/// bad as that of the others. Of those in a group that they follow there are two: each leaves out itself and nobody else,
/// so between two of them they have a line for everybody. One with a template of the user's own, which may make anything of
/// a name, is one of a kind.
pub(crate) fn kinds<'a>(hosts: impl Iterator<Item = &'a Host>) -> Vec<&'a Host> {
    use host::{Service, UpstreamFrom};
    let mut seen: HashMap<_, usize> = HashMap::new();
    let follows_itself = |host: &Host| {
        host.time.upstreams.iter().any(|upstream| match &upstream.from {
            UpstreamFrom::Group(group) => host.groups.contains(group),
            UpstreamFrom::Server(_) | UpstreamFrom::Pool(_) => false,
        })
    };
    let mut follow: HashMap<(usize, usize), bool> = HashMap::new();
    let mut differs = |host: &Host| {
        if host.time.template.is_some() {
            return true;
        }
        let process = *host.agent.service == Service::Process;
        let agent = process.then(|| host.agent.home.value.clone());
        let layers = (host.time.identity(), host.groups.as_ptr().addr());
        let follows = *follow.entry(layers).or_insert_with(|| follows_itself(host));
        let key = (host.time.identity(), *host.role == host::Role::Server, agent, follows);
        let alike = seen.entry(key).or_default();
        *alike += 1;
        *alike <= if follows { 2 } else { 1 }
    };
    hosts.filter(|host| differs(host)).collect()
}

/// Reads inventories, each with the name that problems should call it by; `home` is what `~` stands for in paths on
/// this machine (`ssh.identity`, `ssh.known_hosts`).
///
/// All problems of all files come back together, in the order of the files.
pub(crate) fn load_inputs(inputs: &Inputs, home: Option<&Path>) -> Result<Inventory, Vec<Problem>> {
    load_and_explain(inputs, home, None).map(|(inventory, _)| inventory)
}

/// The same from texts; their includes are not followed.
#[cfg(test)]
pub(crate) fn load(files: &[InputFile], home: Option<&Path>) -> Result<Inventory, Vec<Problem>> {
    load_inputs(&files.to_vec().into(), home)
}

/// Reads inventories, and says of one host how its values came about (`None`: there is no such host).
pub(crate) fn load_and_explain(
    inputs: &Inputs,
    home: Option<&Path>,
    host: Option<&str>,
) -> Result<(Inventory, Option<Explanation>), Vec<Problem>> {
    let files = &inputs.files;
    let sources: Vec<Source<'_>> = files.iter().map(Source::new).collect();
    let filler = RefCell::new(Filler::new());
    let mut readers: Vec<Reader<'_, '_>> =
        sources.iter().enumerate().map(|(file, source)| Reader::new(source, file, home, &filler)).collect();
    let mut problems = inputs.problems.clone();
    let mut roots = Vec::with_capacity(sources.len());
    for (number, (source, file)) in sources.iter().zip(files).enumerate() {
        match node::parse(source) {
            _ if !inputs.is_readable(file) => {}
            Ok(root) => roots.push((number, root)),
            Err(problem) => problems.push(*problem),
        }
    }
    // What is missing here may stand in a file that could not be read.
    let complete = roots.len() == files.len() && inputs.problems.is_empty();
    let mut tree = Tree::default();
    for (file, root) in &roots {
        if let Some(reader) = readers.get_mut(*file) {
            tree.read(reader, *file, root);
        }
    }
    if complete
        && !tree.fleet_given
        && let Some(source) = sources.first()
    {
        let problem = Problem::error(source.place(0..0), "the fleet has no name")
            .help("write `fleet: NAME` at the top of the file");
        problems.push(problem);
    }
    let members = Members::gather(&tree, &mut problems);
    let (hosts, explained) = members.resolve(&tree, &mut readers, host);
    for reader in &mut readers {
        problems.append(&mut reader.problems);
        if complete {
            unknown_groups(reader, &tree, &mut problems);
        }
    }
    if !problems.is_empty() {
        finish(&mut problems, inputs);
        return Err(problems);
    }
    let fleet = tree.fleet.clone().unwrap_or(Sourced::default(String::new()));
    let groups = resolve::groups(&tree, &hosts);
    let host_by_name = hosts.iter().enumerate().map(|(at, host)| (host.name.clone(), at)).collect();
    let group_by_name = groups.iter().enumerate().map(|(at, group)| (group.name.clone(), at)).collect();
    let inventory = Inventory { fleet, hosts, groups, host_by_name, group_by_name };
    let explanation =
        explained.and_then(|explained| Some(Explanation::new(&explained, inventory.host(host?)?, &tree)));
    Ok((inventory, explanation))
}

/// Groups that are named as upstreams and are nowhere; each name is looked up once for each place.
fn unknown_groups(reader: &Reader<'_, '_>, tree: &Tree<'_, '_>, problems: &mut Vec<Problem>) {
    for (name, place) in &reader.named_groups {
        if !tree.group_by_name.contains_key(name) {
            let groups = tree.groups.iter().map(|group| group.name.as_str());
            let problem = Problem::error(place.clone(), format!("there is no group `{name}`"))
                .maybe_help(reader::suggestion(name, groups));
            problems.push(problem);
        }
    }
}

/// Puts problems into the order of the files, and says of each how its file came to be read.
pub(crate) fn finish(problems: &mut Vec<Problem>, inputs: &Inputs) {
    problem::in_order(problems, &inputs.files);
    for problem in problems {
        problem.chain = inputs.chain(&problem.place.file);
    }
}

#[cfg(test)]
pub(crate) mod tests;
