//! What `ansible-inventory --list` prints, with or without `--export`.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::draft::{Draft, DraftGroup, DraftHost, Named};
use super::jump::Arguments;
use super::layer::{Layer, Note};
use super::machines;
use super::text::quoted;
use super::upstream::{self, Source};
use super::variables::{self, Why};
use super::{ImportError, Imported, Wishes, timesync};
use crate::inventory::{HostName, name_fault};

/// Connection variables that say nothing which an inventory would have to know.
const WITHOUT_NEWS: [&str; 5] = [
    "ansible_python_interpreter",
    "ansible_connection",
    "ansible_become_method",
    "ansible_become_user",
    "ansible_host_key_checking",
];

/// Reads the JSON.
///
/// # Errors
/// What is no JSON, no inventory, or an inventory without hosts.
pub(crate) fn read(file: &str, bytes: &[u8], wishes: &Wishes) -> Result<Imported, ImportError> {
    let no_json = |line, column, message: &str| ImportError::Json {
        file: file.to_owned(),
        line,
        column,
        message: message.to_owned(),
    };
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let before = String::from_utf8_lossy(before);
        let (line, column) = end_of(&before);
        no_json(line, column, "its bytes are no UTF-8")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let root: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = place(text, &error);
        no_json(line, column, error.to_string().split(" at line ").next().unwrap_or_default())
    })?;
    let shape = |message: &str| ImportError::Shape { file: file.to_owned(), message: message.to_owned() };
    let root = root.as_object().ok_or_else(|| shape("this is no mapping of groups"))?;
    if !root.contains_key("_meta") && !root.contains_key("all") {
        return Err(shape("there is neither `_meta` nor `all` in it"));
    }
    let mut walk = Walk {
        file,
        root,
        draft: Draft::new(&wishes.fleet),
        hosts: HashMap::new(),
        groups: HashMap::new(),
        depth: HashMap::new(),
    };
    walk.groups();
    if walk.draft.hosts.is_empty() {
        return Err(ImportError::NoHosts { file: file.to_owned() });
    }
    let of_all = walk.variables();
    let mut draft = walk.draft;
    let kept = machines::settle(&mut draft);
    // What another name of a machine says of its sources goes with that name.
    let mut sources: Vec<Vec<Source>> = Vec::with_capacity(draft.hosts.len());
    for (of_host, now) in of_all.into_iter().zip(&kept.now) {
        if *now == sources.len() {
            sources.push(of_host);
        }
    }
    roles(&mut draft, &mut sources, kept.others);
    for (host, sources) in draft.hosts.iter_mut().zip(sources) {
        host.layer.set_items("time.upstreams", sources.into_iter().map(|source| source.item).collect());
    }
    draft.give_everybody_a_source(wishes);
    Ok(draft.finish(&format!("Imported by timefleet from Ansible ({file}).")))
}

/// Line and column behind a text.
fn end_of(text: &str) -> (usize, usize) {
    let last = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() + 1, last.chars().count() + 1)
}

/// Where a parser stopped that counts bytes, and none at a line's end.
fn place(text: &str, error: &serde_json::Error) -> (usize, usize) {
    let lines: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (lines + error.column()).saturating_sub(1).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    end_of(text.get(..at).unwrap_or_default())
}

/// From Ansible's groups, which may be in several groups at once, to a tree.
struct Walk<'j> {
    file: &'j str,
    root: &'j Map<String, Value>,
    draft: Draft,
    /// By Ansible's names.
    hosts: HashMap<&'j str, usize>,
    groups: HashMap<&'j str, usize>,
    /// How deep a group is, for who wins among groups' variables.
    depth: HashMap<&'j str, usize>,
}

fn names<'j>(group: Option<&'j Value>, key: &str) -> impl Iterator<Item = &'j str> {
    let list = match group {
        // The old form: a list is a group's hosts.
        Some(Value::Array(list)) if key == "hosts" => Some(list),
        group => group.and_then(|group| group.get(key)).and_then(Value::as_array),
    };
    list.into_iter().flatten().filter_map(Value::as_str)
}

impl<'j> Walk<'j> {
    fn groups(&mut self) {
        let all = self.root.get("all");
        let inside: HashSet<&str> =
            self.root.values().flat_map(|group| names(Some(group), "children")).collect();
        let tops = self.root.keys().map(String::as_str);
        let tops = tops.filter(|name| !["_meta", "all"].contains(name) && !inside.contains(name));
        let mut tops: Vec<&str> = names(all, "children").chain(tops).collect();
        // Hosts without a group come last, as in Ansible's own listing of them.
        tops.sort_by_key(|name| *name == "ungrouped");
        for name in tops {
            self.group(name, None, 1);
        }
        let known = self.root.get("_meta").and_then(|meta| meta.get("hostvars")).and_then(Value::as_object);
        let known = known.into_iter().flatten().map(|(name, _)| name.as_str());
        let lost: Vec<&str> =
            names(all, "hosts").chain(known).filter(|name| !self.hosts.contains_key(name)).collect();
        if !lost.is_empty() {
            let group = self.add_group("ungrouped", None);
            for host in lost {
                self.host(host, group);
            }
        }
    }

    fn add_group(&mut self, name: &'j str, parent: Option<usize>) -> usize {
        if let Some(&known) = self.groups.get(name) {
            return known;
        }
        let mut layer = Layer::default();
        let valid = self.draft.name(Named::Group, name);
        if valid != name {
            let text = format!("`{name}` cannot be the name of a group: it is called `{valid}`");
            layer.notes.push(Note::changed(format!("{}: {name}", self.file), text));
        }
        let index = self.draft.groups.len();
        self.draft.groups.push(DraftGroup { name: valid, parent, layer });
        self.groups.insert(name, index);
        index
    }

    fn group(&mut self, name: &'j str, parent: Option<usize>, depth: usize) {
        let deepest = self.depth.entry(name).or_insert(depth);
        *deepest = depth.max(*deepest);
        let body = self.root.get(name);
        if name == "ungrouped" && names(body, "hosts").next().is_none() {
            return;
        }
        if self.groups.contains_key(name) {
            self.again(name, parent);
            return;
        }
        let index = self.add_group(name, parent);
        for host in names(body, "hosts") {
            self.host(host, index);
        }
        for child in names(body, "children") {
            self.group(child, Some(index), depth + 1);
        }
    }

    /// A group that is in several groups stands in the first of them; the others list its hosts.
    fn again(&mut self, name: &'j str, parent: Option<usize>) {
        let Some(parent) = parent else { return };
        let mut open = vec![name];
        let mut seen = HashSet::new();
        while let Some(group) = open.pop() {
            if !seen.insert(group) {
                continue;
            }
            let body = self.root.get(group);
            for host in names(body, "hosts") {
                self.host(host, parent);
            }
            open.extend(names(body, "children"));
        }
        let first = self.groups.get(name).and_then(|&group| self.draft.groups.get(group));
        let around =
            first.and_then(|group| self.draft.groups.get(group.parent?)).map(|outer| outer.name.clone());
        if let Some(outer) = self.draft.groups.get_mut(parent) {
            let around =
                around.map_or_else(|| "outside all groups".to_owned(), |around| format!("inside `{around}`"));
            let text = format!("group `{name}` is {around} here: its hosts are listed one by one");
            outer.layer.notes.push(Note::changed(format!("{}: {}", self.file, outer.name), text));
        }
    }

    fn host(&mut self, name: &'j str, group: usize) {
        if let Some(&known) = self.hosts.get(name) {
            if let Some(host) = self.draft.hosts.get_mut(known)
                && !host.groups.contains(&group)
            {
                host.groups.push(group);
            }
            return;
        }
        let mut layer = Layer::default();
        let place = format!("{}: {name}", self.file);
        let valid = self.draft.name(Named::Host, name);
        if valid != name {
            let text = format!("`{name}` cannot be the name of a host: it is called `{valid}`");
            layer.notes.push(Note::changed(&place, text));
            if name_fault(name).is_none() {
                layer.set("address", quoted(name));
            }
        }
        self.hosts.insert(name, self.draft.hosts.len());
        self.draft.hosts.push(DraftHost { name: valid, original: place, groups: vec![group], layer });
    }

    /// Which groups give variables to which host (`--export` keeps them apart), the weakest first: as in Ansible the
    /// outer before the inner, then by the alphabet.
    fn givers(&self) -> HashMap<&'j str, Vec<(usize, &'j str)>> {
        let mut givers: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
        for (group, _) in self.root.iter().filter(|(_, body)| body.get("vars").is_some()) {
            let (depth, hosts) = match group.as_str() {
                "all" => (0, self.hosts.keys().copied().collect()),
                group => (self.depth.get(group).copied().unwrap_or(1), self.within(group)),
            };
            for host in hosts {
                givers.entry(host).or_default().push((depth, group));
            }
        }
        givers.values_mut().for_each(|groups| groups.sort_unstable());
        givers
    }

    /// Every host of a group and of the groups inside.
    fn within(&self, group: &'j str) -> HashSet<&'j str> {
        let (mut hosts, mut seen, mut open) = (HashSet::new(), HashSet::new(), vec![group]);
        while let Some(group) = open.pop() {
            if !seen.insert(group) {
                continue;
            }
            let body = self.root.get(group);
            hosts.extend(names(body, "hosts"));
            open.extend(names(body, "children"));
        }
        hosts
    }

    fn merged(&self, givers: &[(usize, &str)], own: Option<&Map<String, Value>>) -> Map<String, Value> {
        let vars =
            |name: &str| self.root.get(name).and_then(|body| body.get("vars")).and_then(Value::as_object);
        let layers = givers.iter().filter_map(|(_, group)| vars(group)).chain(own);
        layers.flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Reads the variables of every host; its sources are returned in the order of the hosts.
    fn variables(&mut self) -> Vec<Vec<Source>> {
        let mut by_index: Vec<(&str, usize)> =
            self.hosts.iter().map(|(name, index)| (*name, *index)).collect();
        by_index.sort_unstable_by_key(|(_, index)| *index);
        let givers = self.givers();
        let hostvars = self.root.get("_meta").and_then(|meta| meta.get("hostvars"));
        let mut sources = Vec::with_capacity(by_index.len());
        for (name, index) in by_index {
            let own = hostvars.and_then(|hosts| hosts.get(name)).and_then(Value::as_object);
            let merged = givers.get(name).map(|givers| self.merged(givers, own));
            let variables = merged.as_ref().or(own);
            let none = Map::new();
            let Some(host) = self.draft.hosts.get_mut(index) else { continue };
            sources.push(host_variables(variables.unwrap_or(&none), host));
            if host.name != name
                && host.address().is_none()
                && let Some(fault) = name_fault(name)
            {
                let text = format!("has no address, give it one: `{name}` {fault}");
                host.layer.notes.push(Note::changed(&host.original, text));
            }
        }
        sources
    }
}

fn host_variables(variables: &Map<String, Value>, host: &mut DraftHost) -> Vec<Source> {
    let at = host.original.clone();
    let layer = &mut host.layer;
    layer.set("role", "client");
    let mut others = Vec::new();
    for (name, value) in variables {
        let read = match name.as_str() {
            "ansible_host" | "ansible_ssh_host" => address(value).map(|to| layer.set("address", quoted(&to))),
            name if name.starts_with("ansible_") => connection(name, value, layer),
            name if name.starts_with(timesync::PREFIX) => continue,
            name if ["ntp_", "chrony_"].iter().any(|other| name.starts_with(other)) => {
                Err("it belongs to another role: only `timesync_…` is understood".to_owned())
            }
            name => {
                others.push(name);
                continue;
            }
        };
        if let Err(why) = read {
            layer.notes.push(Note::left_out(format!("{at}.{name}"), &variables::shown(name, value), &why));
        }
    }
    if !others.is_empty() {
        let shown: Vec<&str> = others.iter().copied().take(5).collect();
        let more = if others.len() > shown.len() { ", …" } else { "" };
        let what = format!("{}{more}", shown.join(", "));
        layer.notes.push(Note::left_out(&at, &what, "neither about the time nor about how to get there"));
    }
    timesync::read(variables, &at, layer)
}

fn address(value: &Value) -> Result<String, Why> {
    let text = variables::text(value)?;
    let bare = text.trim_start_matches('[').trim_end_matches(']').to_owned();
    if let Some(fault) = name_fault(&bare) {
        return Err(format!("`{text}` {fault}"));
    }
    Ok(bare)
}

/// How Ansible gets there.
fn connection(name: &str, value: &Value, layer: &mut Layer) -> Result<(), Why> {
    match name {
        "ansible_port" | "ansible_ssh_port" => {
            layer.set("ssh.port", variables::whole(value, (1, 65_535))?.to_string());
        }
        "ansible_user" | "ansible_ssh_user" => layer.set("ssh.user", quoted(&variables::text(value)?)),
        "ansible_ssh_private_key_file" | "ansible_private_key_file" => {
            layer.set("ssh.identity", quoted(&variables::text(value)?));
        }
        "ansible_become" => layer.set("ssh.become", variables::truth(value)?.to_string()),
        "ansible_ssh_common_args" | "ansible_ssh_extra_args" => arguments(&variables::text(value)?, layer)?,
        "ansible_connection"
            if !["ssh", "smart", "paramiko", "paramiko_ssh"].contains(&variables::text(value)?.as_str()) =>
        {
            return Err("hosts are reached over SSH only".to_owned());
        }
        "ansible_become_user" if variables::text(value)? != "root" => {
            return Err("only root can manage a time service".to_owned());
        }
        "ansible_become_method" if variables::text(value)? != "sudo" => {
            return Err("only sudo is used".to_owned());
        }
        name if WITHOUT_NEWS.contains(&name) => {}
        name if name.contains("pass") => return Err("keys are used, never passwords".to_owned()),
        _ => return Err("an inventory has no key for it".to_owned()),
    }
    Ok(())
}

/// The jump host; everything else is the business of the user's own configuration.
fn arguments(line: &str, layer: &mut Layer) -> Result<(), Why> {
    let Arguments { jump, rest } = Arguments::read(line);
    if let Some(jump) = &jump {
        layer.set("ssh.jump", quoted(jump));
    }
    match (rest.is_empty(), jump) {
        (true, _) => Ok(()),
        (false, None) => Err("put it into your own ~/.ssh/config".to_owned()),
        (false, Some(jump)) => Err(format!(
            "only the jump host `{jump}` is taken; put `{}` into your own ~/.ssh/config",
            rest.join(" ")
        )),
    }
}

/// Where hosts are that are known by name only, more likely than not (RFC 1918, RFC 4193).
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// The role only knows clients. Who is polled by another host of the inventory is a server, and answers who polls it.
fn roles(draft: &mut Draft, sources: &mut [Vec<Source>], others: Vec<(String, usize)>) {
    let key = |name: &str| HostName::of(name).into_owned();
    let mut by_name: HashMap<HostName<'static>, usize> = HashMap::new();
    by_name.extend(others.iter().map(|(name, index)| (key(name), *index)));
    for (index, host) in draft.hosts.iter().enumerate() {
        by_name.entry(key(&host.name)).or_insert(index);
        by_name.extend(host.address().map(|address| (key(&address), index)));
    }
    let mut polled: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, of_host) in sources.iter_mut().enumerate() {
        let before = of_host.len();
        of_host.retain(|source| by_name.get(&key(&source.name)) != Some(&index));
        if of_host.len() < before
            && let Some(host) = draft.hosts.get_mut(index)
        {
            let note = Note::left_out(&host.original, upstream::ITSELF, upstream::WHY_NOT_ITSELF);
            host.layer.notes.push(note);
        }
        for source in of_host.iter() {
            if let Some(&server) = by_name.get(&key(&source.name)) {
                polled.entry(server).or_default().push(index);
            }
        }
    }
    for (server, mut clients) in polled {
        // A host may name it several times, by its name and by its address.
        clients.dedup();
        let addresses: Vec<Option<IpAddr>> = clients
            .iter()
            .map(|&client| {
                draft
                    .hosts
                    .get(client)
                    .and_then(|host| host.address().unwrap_or(host.name.clone()).parse().ok())
            })
            .collect();
        let Some(host) = draft.hosts.get_mut(server) else { continue };
        host.layer.set("role", "server");
        if host.layer.has("time.allow") {
            continue;
        }
        let unknown = addresses.iter().filter(|address| address.is_none()).count();
        let mut known: Vec<IpNet> = addresses.iter().flatten().map(|address| IpNet::from(*address)).collect();
        if unknown > 0 {
            known.extend(PRIVATE.iter().filter_map(|network| network.parse::<IpNet>().ok()));
        }
        let networks = IpNet::aggregate(&known).iter().map(|network| quoted(&network.to_string())).collect();
        host.layer.set_items("time.allow", networks);
        let count = crate::report::quantity::count(clients.len(), "host");
        let allowed = match unknown {
            0 => "`allow` names them, widen it to your networks".to_owned(),
            _ => format!(
                "{unknown} of them have no literal address: the private networks are allowed, choose your own"
            ),
        };
        let text = format!("is the time source of {count} here, so it is a server; {allowed}");
        host.layer.notes.push(Note::changed(&host.original, text));
    }
}
