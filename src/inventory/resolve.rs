//! From the tree to hosts: every host's layers laid over each other, defaults filled in.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::address::{self, Address};
use super::filling::Filling;
use super::host::{Host, Place, Sourced};
use super::keys;
use super::node::Kind;
use super::problem::{Problem, others};
use super::reader::{Field, Reader};
use super::settings::{Conflict, Layer, Settings, Shown, Template};
use super::settled::{Alike, Filled, MOST_FILLED, Merged, Settled};
use super::template::Words;
use super::tree::{Listing, Tree};
use super::vars::Vars;
use super::{Group, contradiction, defaults};

const LAYER: [&str; 7] = keys::LAYER;
/// What a host may say.
pub(super) const HOST: [&str; 8] =
    ["address", LAYER[0], LAYER[1], LAYER[2], LAYER[3], LAYER[4], LAYER[5], LAYER[6]];

/// A host's name and where it is listed.
struct Member {
    name: String,
    place: Place,
    /// Groups that list it, in file order.
    groups: Vec<usize>,
    /// The listing that holds its own keys, and which name of that listing's range it is.
    own: Option<(usize, usize)>,
}

/// What a host says of itself; one listing's words for all names of its range.
struct Own {
    layer: Layer,
    address: Option<Address>,
}

/// What `explain` asks for: a host, and every layer's word of each of its keys.
pub(super) struct Explained {
    /// After all layers.
    pub(super) settings: Settings,
    /// The host's own.
    pub(super) own: Layer,
    /// Its address as it is written, if it is.
    pub(super) address: Option<Shown>,
    /// Its groups, outermost first.
    pub(super) groups: Vec<usize>,
}

/// Hosts by their listings.
pub(super) struct Members {
    members: Vec<Member>,
    by_name: HashMap<String, usize>,
}

impl Members {
    /// Spreads the ranges out; a host that several groups list is one host.
    pub(super) fn gather(tree: &Tree<'_, '_>, problems: &mut Vec<Problem>) -> Self {
        let mut gathered = Self { members: Vec::new(), by_name: HashMap::new() };
        let mut told = HashSet::new();
        for (index, listing) in tree.listings.iter().enumerate() {
            let speaks = !matches!(listing.body.kind, Kind::Null);
            for nth in 0..listing.names.count() {
                let own = speaks.then_some((index, nth));
                let Err((first, message)) = gathered.add(listing, listing.names.nth(nth), own, tree) else {
                    continue;
                };
                // A range that overlaps another is one mistake, not one for each host.
                if told.insert((index, first.line, first.column)) {
                    let problem = Problem::error(listing.place.clone(), message)
                        .and(first, "the first time")
                        .help("a host's own keys stand in one place; other groups list it with nothing after the colon");
                    problems.push(problem);
                }
            }
        }
        gathered
    }

    fn add(
        &mut self,
        listing: &Listing<'_, '_>,
        name: String,
        own: Option<(usize, usize)>,
        tree: &Tree<'_, '_>,
    ) -> Result<(), (Place, String)> {
        match self.by_name.entry(name) {
            Entry::Vacant(vacant) => {
                let member = Member {
                    name: vacant.key().clone(),
                    place: listing.place.clone(),
                    groups: vec![listing.group],
                    own,
                };
                vacant.insert(self.members.len());
                self.members.push(member);
            }
            Entry::Occupied(occupied) => {
                let Some(member) = self.members.get_mut(*occupied.get()) else { return Ok(()) };
                if member.groups.contains(&listing.group) {
                    let group = tree.groups.get(listing.group).map_or("", |group| group.name.as_str());
                    let message = format!("host `{}` is listed twice in group `{group}`", member.name);
                    return Err((member.place.clone(), message));
                }
                if let (Some((first, _)), Some(_)) = (member.own, own) {
                    let first = tree.listings.get(first).map_or(&member.place, |first| &first.place);
                    return Err((first.clone(), format!("host `{}` is declared twice", member.name)));
                }
                member.groups.push(listing.group);
                if own.is_some() {
                    member.own = own;
                    member.place = listing.place.clone();
                }
            }
        }
        Ok(())
    }

    /// Resolves every host, in the order in which they were first listed.
    ///
    /// Of the host named `explain` it is kept how it came about.
    pub(super) fn resolve<'a>(
        &self,
        tree: &Tree<'_, 'a>,
        readers: &mut [Reader<'_, 'a>],
        explain: Option<&str>,
    ) -> (Vec<Host>, Option<Explained>) {
        let mut resolver = Resolver {
            tree,
            merged: HashMap::new(),
            filled: HashMap::new(),
            problems: Vec::new(),
            told: HashMap::new(),
            told_places: HashSet::new(),
            role_misread: readers.iter().any(|reader| reader.role_misread),
            explain,
            explained: None,
        };
        let nothing = Own { layer: Layer::default(), address: None };
        let mut hosts: Vec<(usize, Host)> = Vec::with_capacity(self.members.len());
        for (index, member) in self.members.iter().enumerate() {
            if member.own.is_none() {
                hosts.extend(resolver.host(readers, member, &nothing, 0).map(|host| (index, host)));
            }
        }
        // Listing by listing, so that a range's own keys are read once and let go before the next.
        for (index, listing) in tree.listings.iter().enumerate() {
            if matches!(listing.body.kind, Kind::Null) {
                continue;
            }
            let Some(reader) = readers.get_mut(listing.file) else { continue };
            let own = read_own(reader, listing);
            resolver.role_misread |= reader.role_misread;
            for nth in 0..listing.names.count() {
                let Some(&slot) = self.by_name.get(&listing.names.nth(nth)) else { continue };
                let Some(member) = self.members.get(slot) else { continue };
                if member.own == Some((index, nth)) {
                    hosts.extend(resolver.host(readers, member, &own, nth).map(|host| (slot, host)));
                }
            }
        }
        resolver.count();
        if let Some(reader) = readers.first_mut() {
            reader.problems.append(&mut resolver.problems);
        }
        if !hosts.is_sorted_by_key(|(slot, _)| *slot) {
            hosts.sort_by_key(|(slot, _)| *slot);
        }
        (hosts.into_iter().map(|(_, host)| host).collect(), resolver.explained)
    }
}

fn read_own<'a>(reader: &mut Reader<'_, 'a>, listing: &Listing<'_, 'a>) -> Own {
    let (mut settings, mut vars, mut address_given) = (Settings::default(), Vars::new(), None);
    let what = format!("host `{}`", reader.spelling(listing.key).trim_matches(['"', '\'']));
    let place = reader.place(listing.body, listing.key);
    for field in reader.fields(&what, "", &HOST, listing.body, place) {
        if field.name == "address" {
            address_given = match reader.defer(field) {
                Some(template) => Some(Address::Template(template)),
                None => address::of_names(reader, field, &listing.names),
            };
        } else {
            reader.layer_key(field, &mut settings, &mut vars);
        }
    }
    Own { layer: settings.layer(vars), address: address_given }
}

struct Resolver<'t, 'n, 'a> {
    tree: &'t Tree<'n, 'a>,
    /// By the groups that list a host.
    merged: HashMap<Vec<usize>, Rc<Merged>>,
    /// Filled-in settings of the last kinds of hosts.
    filled: HashMap<Alike, Rc<Filled>>,
    problems: Vec<Problem>,
    /// What was said of one host is counted of the next in the same groups: the first one's name and problem, and how
    /// many they are.
    told: HashMap<(Vec<usize>, String), (String, usize, usize)>,
    /// Nor what is wrong with a template.
    told_places: HashSet<Place>,
    role_misread: bool,
    explain: Option<&'t str>,
    explained: Option<Explained>,
}

impl<'t, 'n, 'a> Resolver<'t, 'n, 'a> {
    fn merged(&mut self, member: &Member) -> Rc<Merged> {
        if let Some(merged) = self.merged.get(&member.groups) {
            return Rc::clone(merged);
        }
        let mut groups = Vec::new();
        for &group in &member.groups {
            let chain: Vec<usize> = self.tree.with_ancestors(group).collect();
            groups.extend(chain.into_iter().rev());
        }
        let mut seen = HashSet::new();
        groups.retain(|group| seen.insert(*group));
        let (layer, conflicts) = Layer::lay(&self.tree.defaults, self.tree, &groups);
        let names =
            groups.iter().filter_map(|&group| self.tree.groups.get(group)).map(|group| group.name.clone());
        let names = names.collect();
        let merged = Rc::new(Merged::new(layer, conflicts, groups, names));
        self.merged.insert(member.groups.clone(), Rc::clone(&merged));
        merged
    }

    fn host(
        &mut self,
        readers: &mut [Reader<'_, 'a>],
        member: &Member,
        own: &Own,
        nth: usize,
    ) -> Option<Host> {
        let merged = self.merged(member);
        self.conflicts(member, own, &merged);
        let settings = if own.layer.has_settings() {
            Cow::Owned(own.layer.over(&merged.layer).settings())
        } else {
            Cow::Borrowed(&merged.settings)
        };
        let (address, filled) = self.fill(readers, member, own, nth, &merged, &settings)?;
        let settings = filled.as_ref().map_or(settings, |filled| Cow::Borrowed(&filled.settings));
        let Some(role) = settings.role.clone() else {
            if !self.role_misread {
                self.tell(member, "role", || {
                    Problem::error(member.place.clone(), format!("host `{}` has no role", member.name))
                        .help("write `role: server` or `role: client` on the host or on one of its groups")
                });
            }
            return None;
        };
        let Settled { ssh, time, allow_rules } = match (&filled, &settings) {
            (Some(filled), _) => filled.settled(role.value),
            (None, Cow::Borrowed(_)) => merged.shared(role.value),
            (None, Cow::Owned(settings)) => merged.same_or_own(settings, role.value),
        };
        let host = Host {
            name: member.name.clone(),
            place: member.place.clone(),
            groups: Arc::clone(&merged.names),
            address,
            ssh,
            agent: defaults::agent(&settings),
            take_over: defaults::or(&settings.take_over, false),
            time,
            allow_rules,
            role,
        };
        contradiction::find(&host, &mut self.problems);
        if self.explain == Some(member.name.as_str()) {
            self.explained = Some(Explained {
                settings: settings.into_owned(),
                own: own.layer.clone(),
                address: own.address.as_ref().map(|address| match address {
                    Address::Template(template) => template.shown(),
                    Address::Pattern(_, place) => {
                        ("address".to_owned(), host.address.value.clone().into(), Some(place.clone()))
                    }
                }),
                groups: merged.groups.clone(),
            });
        }
        Some(host)
    }

    fn conflicts(&mut self, member: &Member, own: &Own, merged: &Merged) {
        for Conflict { key, first, second } in &merged.conflicts {
            if !own.layer.gives(key) {
                self.tell(member, key, || {
                    let message =
                        format!("host `{}` is in two unrelated groups that differ in `{key}`", member.name);
                    Problem::error(second.clone(), message)
                        .and(first.clone(), "the other value")
                        .help("put one group inside the other, or give the host a value of its own")
                });
            }
        }
    }

    /// Tells what is wrong with a host in its groups, and how many more there are in the same groups.
    fn tell(&mut self, member: &Member, key: &str, problem: impl FnOnce() -> Problem) {
        match self.told.entry((member.groups.clone(), key.to_owned())) {
            Entry::Vacant(vacant) => {
                vacant.insert((member.name.clone(), self.problems.len(), 1));
                self.problems.push(problem());
            }
            Entry::Occupied(mut occupied) => occupied.get_mut().2 += 1,
        }
    }

    /// Says of every problem how many hosts share it.
    fn count(&mut self) {
        for (name, problem, count) in self.told.values() {
            if let Some(problem) = self.problems.get_mut(*problem) {
                let first = format!("host `{name}`");
                problem.message = problem.message.replacen(&first, &format!("{first}{}", others(*count)), 1);
            }
        }
    }

    /// The address, and what is left when all templates are filled in, if there are any: the role first, then the address,
    /// then everything else. `None`: some of it has no value, and that was said.
    fn fill(
        &mut self,
        readers: &mut [Reader<'_, 'a>],
        member: &Member,
        own: &Own,
        nth: usize,
        merged: &Merged,
        settings: &Settings,
    ) -> Option<(Sourced<String>, Option<Rc<Filled>>)> {
        let plain = match &own.address {
            Some(Address::Pattern(pattern, place)) => Some(Sourced::written(pattern.nth(nth), place.clone())),
            Some(Address::Template(_)) => None,
            None => {
                self.named(member);
                Some(Sourced::default(member.name.clone()))
            }
        };
        if settings.templates.is_empty()
            && let Some(address) = plain
        {
            return Some((address, None));
        }
        let fleet = self.tree.fleet.as_ref().map_or("", |fleet| fleet.value.as_str());
        let mut words = Words::new(&member.name, fleet, [&own.layer.vars, &merged.layer.vars]);
        let templates = settings.templates.iter();
        let (roles, others): (Vec<_>, Vec<_>) = templates.partition(|template| template.key == "role");
        let mut role = Settings { role: settings.role.clone(), ..Settings::default() };
        let mut good = true;
        for template in roles {
            good &= self.setting(readers, template, &mut words, &mut role);
        }
        if let Some(role) = &role.role {
            words.learn("role", role.value.word());
        }
        let address = match (plain, &own.address) {
            (None, Some(Address::Template(template))) => {
                self.read(readers, template, &mut words, address::of_one)
            }
            (plain, _) => plain,
        };
        if let Some(address) = &address {
            words.learn("address", &address.value);
        }
        let listing = member.own.filter(|_| own.layer.has_settings()).map(|(listing, _)| listing);
        let key = texts(readers, &others, &mut words).map(|texts| Alike {
            groups: member.groups.clone(),
            listing,
            role: role.role.as_ref().map(|role| role.value),
            texts,
        });
        if let Some(filled) = key.as_ref().and_then(|key| self.filled.get(key))
            && good
        {
            return Some((address?, Some(Rc::clone(filled))));
        }
        let mut left = Settings { role: role.role, templates: Vec::new(), ..settings.clone() };
        // A whole `local` comes last: its keys lie over those of outer layers.
        for template in others.into_iter().rev() {
            good &= self.setting(readers, template, &mut words, &mut left);
        }
        let address = address.filter(|_| good)?;
        let filled = Rc::new(Filled::new(left));
        if let Some(key) = key {
            // Hosts that all differ would only fill the memory.
            if self.filled.len() >= MOST_FILLED {
                self.filled.clear();
            }
            self.filled.insert(key, Rc::clone(&filled));
        }
        Some((address, Some(filled)))
    }

    /// A host without an address is polled and reached by its name.
    fn named(&mut self, member: &Member) {
        if let Some(problem) = address::of_name(&member.name, &member.place)
            && self.told_places.insert(member.place.clone())
        {
            self.problems.push(problem);
        }
    }

    fn setting(
        &mut self,
        readers: &mut [Reader<'_, 'a>],
        template: &Template,
        words: &mut Words<'_>,
        settings: &mut Settings,
    ) -> bool {
        let value = self.read(readers, template, words, |reader, field| {
            let mut value = Settings::default();
            reader.setting(field, &mut value);
            Some(value)
        });
        match value {
            Some(value) => settings.take(template, value),
            None => return false,
        }
        true
    }

    /// Reads one filled-in value; what is wrong with it is said of the first host only.
    fn read<T>(
        &mut self,
        readers: &mut [Reader<'_, 'a>],
        template: &Template,
        words: &mut Words<'_>,
        read: impl FnOnce(&mut Reader<'_, 'a>, Field<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let reader = readers.get_mut(template.file)?;
        let before = reader.problems.len();
        let value = reader.read_deferred(template.index, words, read);
        let wrong = reader.problems.split_off(before);
        if wrong.is_empty() {
            return value;
        }
        for problem in wrong {
            if self.told_places.insert(problem.place.clone()) {
                reader.problems.push(problem);
            }
        }
        None
    }
}

/// Everything that these templates say of one host. `None`: one of them cannot be filled in.
fn texts(readers: &[Reader<'_, '_>], templates: &[&Template], words: &mut Words<'_>) -> Option<Vec<Filling>> {
    let mut texts = Vec::new();
    for template in templates {
        readers.get(template.file)?.texts(template.index, words, &mut texts)?;
    }
    Some(texts)
}

/// Groups with the hosts that are in them or in the groups inside.
pub(super) fn groups(tree: &Tree<'_, '_>, hosts: &[Host]) -> Vec<Group> {
    let mut groups: Vec<Group> =
        tree.groups.iter().map(|layer| Group { name: layer.name.clone(), members: Vec::new() }).collect();
    for (index, host) in hosts.iter().enumerate() {
        let of_host = host.groups.iter().filter_map(|name| tree.group_by_name.get(name.as_str()));
        for &group in of_host {
            if let Some(group) = groups.get_mut(group) {
                group.members.push(index);
            }
        }
    }
    groups
}
