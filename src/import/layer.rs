//! What is known of one host, or common to a group: values under dotted keys, and what could not be said.

use std::collections::BTreeMap;

use crate::inventory::problem::visible;

/// The keys of an import in the order in which they are written.
const ORDER: [&str; 23] = [
    "address",
    "role",
    "ssh.user",
    "ssh.port",
    "ssh.identity",
    "ssh.become",
    "ssh.jump",
    "time.upstreams",
    "time.allow",
    "time.deny",
    "time.local",
    "time.makestep",
    "time.maxdistance",
    "time.minsources",
    "time.rtcsync",
    "time.ipv4_only",
    "time.ipv6_only",
    "time.port",
    "time.cmdport",
    "time.ratelimit",
    "time.keyfile",
    "time.daemon",
    "time.extra",
];

/// Something that did not get into the inventory as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Where it stands in what was imported.
    pub(super) place: String,
    /// What and why, one line.
    pub(super) text: String,
}

impl Note {
    /// Something that an inventory cannot say.
    pub(super) fn left_out(place: impl Into<String>, what: &str, why: &str) -> Self {
        Self::changed(place, format!("not imported: {what}: {why}"))
    }

    /// Something that is not as it was.
    pub(super) fn changed(place: impl Into<String>, text: impl Into<String>) -> Self {
        // A comment is one line, and what is named steers no terminal.
        Self { place: visible(&place.into()).into_owned(), text: visible(&text.into()).into_owned() }
    }
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// On the line of its key.
    Flow(String),
    /// One line for each item.
    Items(Vec<String>),
}

/// Values and notes.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// By the key's rank in [`ORDER`].
    values: BTreeMap<usize, Value>,
    pub(super) notes: Vec<Note>,
}

impl Layer {
    /// Sets a key of [`ORDER`].
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.put(key, Value::Flow(value.into()));
    }

    /// Sets a list; an empty one is not written.
    pub(super) fn set_items(&mut self, key: &str, items: Vec<String>) {
        if !items.is_empty() {
            self.put(key, Value::Items(items));
        }
    }

    fn put(&mut self, key: &str, value: Value) {
        if let Some(rank) = ORDER.iter().position(|known| *known == key) {
            self.values.insert(rank, value);
        }
    }

    /// The value of a key, as it is written on one line.
    pub(super) fn flow(&self, key: &str) -> Option<&str> {
        let rank = ORDER.iter().position(|known| *known == key)?;
        match self.values.get(&rank)? {
            Value::Flow(value) => Some(value),
            Value::Items(_) => None,
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        ORDER.iter().position(|known| *known == key).is_some_and(|rank| self.values.contains_key(&rank))
    }

    /// The value of a key by its rank.
    pub(super) fn get(&self, rank: usize) -> Option<&Value> {
        self.values.get(&rank)
    }

    /// Gives a key by its rank.
    pub(super) fn give(&mut self, rank: usize, value: Value) {
        self.values.insert(rank, value);
    }

    /// Takes a key away by its rank.
    pub(super) fn take(&mut self, rank: usize) {
        self.values.remove(&rank);
    }

    /// Adds a line to `time.extra`.
    pub(super) fn extra(&mut self, line: &str) {
        let line = super::text::quoted(line);
        let rank = ORDER.len() - 1;
        match self.values.get_mut(&rank) {
            Some(Value::Items(lines)) => lines.push(line),
            _ => self.give(rank, Value::Items(vec![line])),
        }
    }

    /// Ranks of all keys but the address, which is never shared.
    pub(super) fn liftable() -> impl Iterator<Item = usize> {
        1..ORDER.len()
    }

    /// Whether `rank` is the role: the one key that a group of a single host gives, too.
    pub(super) fn is_role(rank: usize) -> bool {
        ORDER.get(rank) == Some(&"role")
    }

    /// Values below one word of the dotted keys (`ssh`, `time`), or those without one.
    pub(super) fn within(&self, word: Option<&str>) -> Vec<(&'static str, &Value)> {
        let named = self.values.iter().filter_map(|(rank, value)| Some((*ORDER.get(*rank)?, value)));
        named
            .filter_map(|(key, value)| match (word, key.split_once('.')) {
                (None, None) => Some((key, value)),
                (Some(word), Some((before, after))) if before == word => Some((after, value)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.notes.is_empty()
    }
}
