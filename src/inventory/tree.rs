//! The tree of groups with their settings, and which hosts are listed where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::host::{Place, Sourced};
use super::keys;
use super::node::Node;
use super::problem::Problem;
use super::range::{MAX_HOSTS, Pattern};
use super::reader::{Field, Reader};
use super::settings::{Conflict, Layer, Layers, Settings};
use super::vars::Vars;

pub(super) const FILE: [&str; 4] = ["fleet", "include", "defaults", "groups"];
const LAYER: [&str; 7] = keys::LAYER;
pub(super) const GROUP: [&str; 9] =
    [LAYER[0], LAYER[1], LAYER[2], LAYER[3], LAYER[4], LAYER[5], LAYER[6], "hosts", "children"];

/// A group and its own settings.
pub(super) struct GroupLayer {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) parent: Option<usize>,
    pub(super) layer: Layer,
}

/// One line under `hosts:`; the host's own keys are read when all groups are known.
pub(super) struct Listing<'n, 'a> {
    /// Which file.
    pub(super) file: usize,
    /// Index of the group.
    pub(super) group: usize,
    pub(super) key: &'n Node<'a>,
    pub(super) body: &'n Node<'a>,
    pub(super) place: Place,
    pub(super) names: Pattern,
}

/// What all files together declare.
#[derive(Default)]
pub(super) struct Tree<'n, 'a> {
    pub(super) fleet: Option<Sourced<String>>,
    /// A name is written, readable or not.
    pub(super) fleet_given: bool,
    pub(super) defaults: Layer,
    pub(super) groups: Vec<GroupLayer>,
    pub(super) group_by_name: HashMap<String, usize>,
    pub(super) listings: Vec<Listing<'n, 'a>>,
    /// How many names the listings stand for.
    listed: usize,
}

impl Layers for Tree<'_, '_> {
    fn layer(&self, index: usize) -> Option<&Layer> {
        self.groups.get(index).map(|group| &group.layer)
    }

    fn contains(&self, outer: usize, inner: usize) -> bool {
        outer != inner && self.with_ancestors(inner).any(|group| group == outer)
    }
}

impl<'n, 'a> Tree<'n, 'a> {
    /// A group and everything that contains it, innermost first.
    pub(super) fn with_ancestors(&self, group: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(group), |&group| self.groups.get(group)?.parent)
    }

    /// Adds one file.
    pub(super) fn read(&mut self, reader: &mut Reader<'_, 'a>, file: usize, root: &'n Node<'a>) {
        let top = reader.source.place(0..0);
        for field in reader.fields("the inventory", "", &FILE, root, top) {
            match field.name {
                "fleet" => {
                    self.fleet_given = true;
                    let name = reader.text(field);
                    self.take_fleet(reader, name);
                }
                // Followed before anything is read: see `files`.
                "include" => {}
                "defaults" => self.take_defaults(reader, field),
                _ => self.groups_of(reader, file, None, field),
            }
        }
    }

    fn take_fleet(&mut self, reader: &mut Reader<'_, 'a>, name: Option<Sourced<String>>) {
        match (&self.fleet, name) {
            (
                Some(Sourced { value, place: Some(first) }),
                Some(Sourced { value: other, place: Some(place) }),
            ) if *value != other => {
                let message = format!("two files name different fleets: `{value}` and `{other}`");
                reader.problems.push(Problem::error(place, message).and(first.clone(), "the other name"));
            }
            (None, name) => self.fleet = name,
            _ => {}
        }
    }

    fn take_defaults(&mut self, reader: &mut Reader<'_, 'a>, field: Field<'n, 'a>) {
        let (mut settings, mut vars) = (Settings::default(), Vars::new());
        for inner in reader.inner(field, "", &keys::LAYER) {
            reader.layer_key(inner, &mut settings, &mut vars);
        }
        for Conflict { key, first, second } in self.defaults.join(settings.layer(vars)) {
            let message = format!("two files give different defaults for `{key}`");
            reader.problems.push(Problem::error(second, message).and(first, "the other value"));
        }
    }

    fn groups_of(
        &mut self,
        reader: &mut Reader<'_, 'a>,
        file: usize,
        parent: Option<usize>,
        field: Field<'n, 'a>,
    ) {
        let place = reader.place(field.value, field.key);
        for (name, key, body) in reader.entries(&field.to_string(), field.value, place) {
            if let Some(group) = self.add_group(reader, parent, name, key) {
                self.group(reader, file, group, key, body);
            }
        }
    }

    fn add_group(
        &mut self,
        reader: &mut Reader<'_, 'a>,
        parent: Option<usize>,
        name: String,
        key: &Node<'a>,
    ) -> Option<usize> {
        let place = reader.key_place(key);
        if !is_name(&name) {
            let problem = Problem::error(place, format!("`{name}` cannot be the name of a group"))
                .help("letters, digits, `.`, `-` and `_`");
            reader.problems.push(problem);
            return None;
        }
        let index = self.groups.len();
        match self.group_by_name.entry(name.clone()) {
            Entry::Occupied(first) => {
                let mut problem = Problem::error(place, format!("group `{name}` is declared twice"))
                    .help("write all that belongs to it in one place, or choose another name");
                if let Some(first) = self.groups.get(*first.get()) {
                    problem = problem.and(first.place.clone(), "the first declaration");
                }
                reader.problems.push(problem);
                return None;
            }
            Entry::Vacant(vacant) => vacant.insert(index),
        };
        self.groups.push(GroupLayer { name, place, parent, layer: Layer::default() });
        Some(index)
    }

    fn group(
        &mut self,
        reader: &mut Reader<'_, 'a>,
        file: usize,
        group: usize,
        key: &'n Node<'a>,
        body: &'n Node<'a>,
    ) {
        let (mut settings, mut vars) = (Settings::default(), Vars::new());
        let what = self.groups.get(group).map(|group| format!("group `{}`", group.name)).unwrap_or_default();
        for field in reader.fields(&what, "", &GROUP, body, reader.place(body, key)) {
            match field.name {
                "hosts" => self.hosts(reader, file, group, field),
                "children" => self.groups_of(reader, file, Some(group), field),
                _ => reader.layer_key(field, &mut settings, &mut vars),
            }
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.layer = settings.layer(vars);
        }
    }

    fn hosts(&mut self, reader: &mut Reader<'_, 'a>, file: usize, group: usize, field: Field<'n, 'a>) {
        let place = reader.place(field.value, field.key);
        for (name, key, body) in reader.entries(&field.to_string(), field.value, place) {
            let place = reader.key_place(key);
            let names = match Pattern::parse(&name) {
                Ok(names) if is_name(&names.nth(0)) => names,
                Ok(_) => {
                    let problem = Problem::error(place, format!("`{name}` cannot be the name of a host"))
                        .help("letters, digits, `.`, `-` and `_`; ranges are written `web[01:20]`");
                    reader.problems.push(problem);
                    continue;
                }
                Err(error) => {
                    reader.problems.push(Problem::error(place, error.to_string()));
                    continue;
                }
            };
            self.listed = self.listed.saturating_add(names.count());
            if self.listed > MAX_HOSTS {
                let message = format!("with this line the inventory has more than {MAX_HOSTS} hosts");
                reader.problems.push(Problem::error(place, message));
                self.listed = self.listed.saturating_sub(names.count());
                continue;
            }
            self.listings.push(Listing { file, group, key, body, place, names });
        }
    }
}

/// Names of hosts and groups: they must survive in patterns, file names and tables.
fn is_name(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    begins
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
