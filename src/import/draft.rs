//! An inventory that is being put together: hosts with everything of their own, then what they share lifted.

use std::collections::{HashMap, HashSet};

use super::layer::{Layer, Note, Value};
use super::machines;
use super::text::quoted;
use super::{Imported, Wishes};

/// A host with all its values.
#[derive(Debug)]
pub(super) struct DraftHost {
    /// A name that is valid here.
    pub(super) name: String,
    /// Its name where it comes from.
    pub(super) original: String,
    /// Groups that list it; its own keys stand in the first.
    pub(super) groups: Vec<usize>,
    pub(super) layer: Layer,
}

impl DraftHost {
    /// Its address, when it has another one than its name.
    pub(super) fn address(&self) -> Option<String> {
        Some(self.layer.flow("address")?.trim_matches('"').to_owned())
    }
}

/// A group; groups inside come after those around them.
#[derive(Debug)]
pub(super) struct DraftGroup {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    pub(super) layer: Layer,
}

/// The whole.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) fleet: String,
    pub(super) defaults: Layer,
    pub(super) groups: Vec<DraftGroup>,
    pub(super) hosts: Vec<DraftHost>,
    /// Names that are taken, of hosts and of groups.
    taken: [HashSet<String>; 2],
}

/// A host's or a group's name.
#[derive(Clone, Copy)]
pub(super) enum Named {
    Host,
    Group,
}

impl Draft {
    pub(super) fn new(fleet: &str) -> Self {
        Self { fleet: fleet.to_owned(), ..Self::default() }
    }

    /// A valid name, as near to `original` as can be, that nobody else has.
    pub(super) fn name(&mut self, of: Named, original: &str) -> String {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let replaced: String = original.chars().map(|c| if valid(c) { c } else { '-' }).collect();
        // Names of hosts are looked up, and there no case is known.
        let key = |name: &str| match of {
            Named::Host => name.to_ascii_lowercase(),
            Named::Group => name.to_owned(),
        };
        let mut name: String = replaced.trim_start_matches(['-', '.']).chars().take(240).collect();
        if name.is_empty() {
            name = "unnamed".to_owned();
        }
        let taken = match of {
            Named::Host => &mut self.taken[0],
            Named::Group => &mut self.taken[1],
        };
        let mut unique = name.clone();
        let mut count = 2;
        while !taken.insert(key(&unique)) {
            unique = format!("{name}-{count}");
            count += 1;
        }
        unique
    }

    /// Groups directly inside `parent`.
    pub(super) fn children(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        self.groups
            .iter()
            .enumerate()
            .filter(move |(_, group)| group.parent == parent)
            .map(|(index, _)| index)
    }

    /// A group and those around it, innermost first.
    fn chain(&self, group: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(group), |&group| self.groups.get(group)?.parent)
    }

    /// Hosts of each group, those of the groups inside included.
    fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.groups.len()];
        for (index, host) in self.hosts.iter().enumerate() {
            let groups: HashSet<usize> = host.groups.iter().flat_map(|&group| self.chain(group)).collect();
            for group in groups {
                if let Some(of_group) = members.get_mut(group) {
                    of_group.push(index);
                }
            }
        }
        members
    }

    /// A host without any source would not be valid: it gets the pool that the user named.
    pub(super) fn give_everybody_a_source(&mut self, wishes: &Wishes) {
        for host in &mut self.hosts {
            if !host.layer.has("time.upstreams") && !host.layer.has("time.local") {
                let pool = quoted(&wishes.pool);
                host.layer.set_items("time.upstreams", vec![format!("{{ pool: {pool}, iburst: true }}")]);
                let text = format!("names no source of time: `{}` is assumed, choose your own", wishes.pool);
                host.layer.notes.push(Note::changed(&host.original, text));
            }
        }
    }

    /// Lifts what hosts share, and writes the whole down.
    pub(super) fn finish(mut self, head: &str) -> Imported {
        machines::settle(&mut self);
        let members = self.members();
        for rank in Layer::liftable() {
            self.lift(rank, &members);
        }
        self.lift_notes(&members);
        let layers = std::iter::once(&self.defaults)
            .chain(self.groups.iter().map(|group| &group.layer))
            .chain(self.hosts.iter().map(|host| &host.layer));
        let notes = layers.flat_map(|layer| &layer.notes);
        let remarks = notes.map(|note| format!("{}: {}", note.place, note.text)).collect();
        Imported { text: super::text::of(&self, head), remarks }
    }

    /// What a host inherits of a key: a value for each group that gives one, or else what everybody gets.
    fn inherited(&self, host: usize, rank: usize) -> Vec<&Value> {
        let groups = self.hosts.get(host).map_or(&[][..], |host| &host.groups);
        let nearest = |&group: &usize| {
            let mut chain = self.chain(group).filter_map(|group| self.groups.get(group));
            chain.find_map(|group| group.layer.get(rank))
        };
        let given: Vec<&Value> = groups.iter().filter_map(nearest).collect();
        if given.is_empty() { self.defaults.get(rank).into_iter().collect() } else { given }
    }

    /// Whether a host would have its own value of a key without saying so itself.
    fn needs_no_own(&self, host: usize, rank: usize) -> bool {
        let own = self.hosts.get(host).and_then(|host| host.layer.get(rank));
        let inherited = self.inherited(host, rank);
        !inherited.is_empty() && inherited.iter().all(|value| Some(*value) == own)
    }

    /// One key. A group gives what its hosts agree on; a host keeps a value of its own where it would inherit another.
    fn lift(&mut self, rank: usize, members: &[Vec<usize>]) {
        let everybody: Vec<usize> = (0..self.hosts.len()).collect();
        if everybody.len() > 1 || Layer::is_role(rank) {
            let shared = self.common(rank, &everybody, true);
            shared.into_iter().for_each(|value| self.defaults.give(rank, value));
        }
        for (group, of_group) in members.iter().enumerate() {
            let enough = of_group.len() > 1 || Layer::is_role(rank);
            if !enough || of_group.iter().all(|&host| self.needs_no_own(host, rank)) {
                continue;
            }
            let Some(value) = self.common(rank, of_group, false) else { continue };
            if let Some(group) = self.groups.get_mut(group) {
                group.layer.give(rank, value);
            }
        }
        for index in everybody {
            if self.needs_no_own(index, rank)
                && let Some(host) = self.hosts.get_mut(index)
            {
                host.layer.take(rank);
            }
        }
    }

    /// The value that all `hosts` have, or (unless `unanimous`) two thirds of them while the others have another.
    fn common(&self, rank: usize, hosts: &[usize], unanimous: bool) -> Option<Value> {
        let mut counts: HashMap<String, (usize, &Value)> = HashMap::new();
        for &host in hosts {
            // A host without a value cannot take a group's value away again.
            let value = self.hosts.get(host)?.layer.get(rank)?;
            counts.entry(format!("{value:?}")).or_insert((0, value)).0 += 1;
        }
        let (count, value) = counts.into_values().max_by_key(|(count, _)| *count)?;
        let most = !unanimous && hosts.len() >= 3 && count * 3 >= hosts.len() * 2;
        (count == hosts.len() || most).then(|| value.clone())
    }

    /// A note that all hosts of a group have is the group's.
    fn lift_notes(&mut self, members: &[Vec<usize>]) {
        let everybody: Vec<usize> = (0..self.hosts.len()).collect();
        let taken = self.common_notes(&everybody);
        self.defaults.notes.extend(taken);
        for (group, of_group) in members.iter().enumerate() {
            let taken = self.common_notes(of_group);
            if let Some(group) = self.groups.get_mut(group) {
                group.layer.notes.extend(taken);
            }
        }
    }

    fn common_notes(&mut self, hosts: &[usize]) -> Vec<Note> {
        let Some((&first, others)) = hosts.split_first() else { return Vec::new() };
        if others.is_empty() {
            return Vec::new();
        }
        let Some(notes) = self.hosts.get(first).map(|host| host.layer.notes.clone()) else {
            return Vec::new();
        };
        let has = |host: &usize, note: &Note| {
            self.hosts.get(*host).is_some_and(|host| host.layer.notes.iter().any(|own| own.text == note.text))
        };
        let shared: Vec<Note> =
            notes.into_iter().filter(|note| others.iter().all(|host| has(host, note))).collect();
        for &host in hosts {
            if let Some(host) = self.hosts.get_mut(host) {
                host.layer.notes.retain(|note| shared.iter().all(|shared| shared.text != note.text));
            }
        }
        let more = others.len();
        let counted = |note: Note| {
            let hosts = if more == 1 { "host" } else { "hosts" };
            Note { place: format!("{} (and {more} more {hosts})", note.place), text: note.text }
        };
        shared.into_iter().map(counted).collect()
    }
}
