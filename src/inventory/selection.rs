//! `--on 'web-*,@servers,!db1'`: which hosts of an inventory are meant.

use std::fmt;
use std::str::FromStr;

use super::range::{Pattern, RangeError};
use super::reader::near;
use super::{Host, Inventory};

/// What somebody wrote after `--on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    text: String,
    elements: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Element {
    /// As it was written, blanks around it taken off.
    text: String,
    excludes: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// `@servers`, `@site-*`.
    Groups(String),
    /// `web1`, `web-*`.
    Hosts(String),
    /// `web[01:20]`: every one of them must be there.
    Range(Pattern),
}

/// Why a selection selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectionError {
    /// Two commas in a row, or nothing at all.
    #[error(
        "`{text}` has an empty element: write host names, `web-*`, `@group`, and `!` before what is left out"
    )]
    Empty {
        /// The whole selection.
        text: String,
    },
    /// Brackets that are no range.
    #[error("`{element}`: {source}")]
    Range {
        /// As written.
        element: String,
        /// What is wrong with it.
        source: RangeError,
    },
    /// No host or group is called so.
    #[error(
        "`{element}` matches no {kind} of the inventory{}",
        .similar.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    NoMatch {
        /// As written.
        element: String,
        /// `host` or `group`.
        kind: &'static str,
        /// What looks most like it, written as an element.
        similar: Option<String>,
    },
    /// All that is selected is left out again.
    #[error("`{text}` leaves no host of the inventory")]
    Nobody {
        /// The whole selection.
        text: String,
    },
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let elements = text.split(',').map(|element| Element::parse(element.trim(), text));
        Ok(Self { text: text.to_owned(), elements: elements.collect::<Result<_, _>>()? })
    }
}

impl Element {
    fn parse(text: &str, whole: &str) -> Result<Self, SelectionError> {
        let (excludes, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name = rest.strip_prefix('@').unwrap_or(rest);
        if name.is_empty() {
            return Err(SelectionError::Empty { text: whole.to_owned() });
        }
        let what = if rest.starts_with('@') {
            What::Groups(name.to_owned())
        } else if name.contains(['[', ']']) {
            let range = Pattern::parse(name)
                .map_err(|source| SelectionError::Range { element: text.to_owned(), source })?;
            What::Range(range)
        } else {
            What::Hosts(name.to_owned())
        };
        Ok(Self { text: text.to_owned(), excludes, what })
    }

    /// Marks the hosts that are meant; how many there were.
    fn mark(&self, inventory: &Inventory, marks: &mut [bool]) -> Result<(), SelectionError> {
        let mut set = |index: usize| {
            if let Some(mark) = marks.get_mut(index) {
                *mark = !self.excludes;
            }
        };
        match &self.what {
            What::Groups(pattern) => {
                let mut groups =
                    inventory.groups.iter().filter(|group| is_match(pattern, &group.name)).peekable();
                if groups.peek().is_none() {
                    let names = inventory.groups.iter().map(|group| group.name.as_str());
                    return Err(self.no_match("group", near(pattern, names).map(|name| format!("@{name}"))));
                }
                groups.flat_map(|group| &group.members).for_each(|&index| set(index));
            }
            What::Hosts(pattern) if !pattern.contains(['*', '?']) => match inventory.index_of(pattern) {
                Some(index) => set(index),
                None => return Err(self.unknown_host(inventory, pattern)),
            },
            What::Hosts(pattern) => {
                let mut found = false;
                for (index, host) in inventory.hosts.iter().enumerate() {
                    if is_match(pattern, &host.name) {
                        found = true;
                        set(index);
                    }
                }
                if !found {
                    return Err(self.no_match("host", None));
                }
            }
            What::Range(range) => {
                for name in (0..range.count()).map(|nth| range.nth(nth)) {
                    match inventory.index_of(&name) {
                        Some(index) => set(index),
                        None => return Err(self.unknown_host(inventory, &name)),
                    }
                }
            }
        }
        Ok(())
    }

    /// A host that is not there; somebody may have meant the group of that name.
    fn unknown_host(&self, inventory: &Inventory, name: &str) -> SelectionError {
        let names = inventory.hosts.iter().map(|host| host.name.as_str());
        let similar = match inventory.group(name) {
            Some(group) => Some(format!("@{}", group.name)),
            None => near(name, names),
        };
        match self.what {
            What::Range(_) => SelectionError::NoMatch { element: name.to_owned(), kind: "host", similar },
            _ => self.no_match("host", similar),
        }
    }

    fn no_match(&self, kind: &'static str, similar: Option<String>) -> SelectionError {
        let similar = similar.map(|name| format!("{}{name}", if self.excludes { "!" } else { "" }));
        SelectionError::NoMatch { element: self.text.clone(), kind, similar }
    }
}

impl Selection {
    /// Indices into [`Inventory::hosts`], ascending: everything that an element names, without what a `!` element names,
    /// in whatever order they are written. With `!` elements only, it is everything but those.
    ///
    /// # Errors
    /// An element that matches nothing, and a selection that leaves nobody.
    pub(crate) fn of(&self, inventory: &Inventory) -> Result<Vec<usize>, SelectionError> {
        let all = self.elements.iter().all(|element| element.excludes);
        let mut marks = vec![all; inventory.hosts.len()];
        let (out, named): (Vec<_>, Vec<_>) = self.elements.iter().partition(|element| element.excludes);
        for element in named.into_iter().chain(out) {
            element.mark(inventory, &mut marks)?;
        }
        let chosen: Vec<usize> =
            marks.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(index, _)| index).collect();
        if chosen.is_empty() { Err(SelectionError::Nobody { text: self.text.clone() }) } else { Ok(chosen) }
    }

    /// The hosts that an optional selection means, all where there is none, in the inventory's order.
    ///
    /// # Errors
    /// See [`Selection::of`].
    pub(crate) fn hosts<'i>(
        selection: Option<&Self>,
        inventory: &'i Inventory,
    ) -> Result<Vec<&'i Host>, SelectionError> {
        let Some(selection) = selection else { return Ok(inventory.hosts.iter().collect()) };
        Ok(selection.of(inventory)?.into_iter().filter_map(|index| inventory.hosts.get(index)).collect())
    }
}

/// `*` is any number of characters, `?` is one.
pub(crate) fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of_name) = (0, 0);
    // Where the last star is, and up to where it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&character) = name.get(of_name) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of_name));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == character => {
                at += 1;
                of_name += 1;
            }
            _ => {
                let Some((begin, reach)) = star else { return false };
                star = Some((begin, reach + 1));
                at = begin + 1;
                of_name = reach + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|&character| character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{InputFile, load};

    fn inventory() -> Inventory {
        let text = "fleet: x
groups:
  servers: { role: server, hosts: { ntp-a: , ntp-b: } }
  clients: { role: client, hosts: { 'web-[1:3]': , db1: , db2: } }
  site-1: { hosts: { web-1: , db1: } }
";
        load(&[InputFile { name: "f.yaml".into(), text: text.into() }], None).unwrap()
    }

    fn on(text: &str) -> String {
        let inventory = inventory();
        let selected =
            text.parse::<Selection>().and_then(|selection| Selection::hosts(Some(&selection), &inventory));
        match selected {
            Ok(hosts) => hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn names_globs_groups_and_what_is_left_out() {
        assert_eq!(on("web-2"), "web-2");
        assert_eq!(on("web-*,@servers,!ntp-b"), "ntp-a web-1 web-2 web-3");
        assert_eq!(on("!ntp-b , @servers"), "ntp-a", "the order of the elements says nothing");
        assert_eq!(on("!@clients"), "ntp-a ntp-b");
        assert_eq!(on("@site-*"), "web-1 db1");
        assert_eq!(on("db?"), "db1 db2");
        assert_eq!(on("web-[2:3]"), "web-2 web-3");
        assert_eq!(on("*,!web-[1:3],!db*"), "ntp-a ntp-b");
    }

    #[test]
    fn an_element_that_matches_nothing_is_an_error() {
        assert_eq!(on("wbe-1"), "error: `wbe-1` matches no host of the inventory; did you mean `web-1`?");
        assert_eq!(
            on("web-1,!dbb1"),
            "error: `!dbb1` matches no host of the inventory; did you mean `!db1`?"
        );
        assert_eq!(
            on("servers"),
            "error: `servers` matches no host of the inventory; did you mean `@servers`?"
        );
        assert_eq!(
            on("@server"),
            "error: `@server` matches no group of the inventory; did you mean `@servers`?"
        );
        assert_eq!(on("mail*"), "error: `mail*` matches no host of the inventory");
        assert_eq!(on("!mail*"), "error: `!mail*` matches no host of the inventory");
        assert_eq!(on("web-[2:4]"), "error: `web-4` matches no host of the inventory; did you mean `web-1`?");
        assert_eq!(on("web-*,!@clients"), "error: `web-*,!@clients` leaves no host of the inventory");
        assert_eq!(
            on("web-1,,db1"),
            "error: `web-1,,db1` has an empty element: write host names, `web-*`, `@group`, and `!` before what is left out"
        );
        assert_eq!(
            on("web[1-3]"),
            "error: `web[1-3]`: a range is written `[first:last]` with two whole numbers, as in `web[01:20]`"
        );
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*b", "aab", true),
            ("?", "", false),
            ("a?", "ab", true),
            ("a", "ab", false),
            ("**a", "a", true),
        ] {
            assert_eq!(is_match(pattern, name), fits, "{pattern} {name}");
        }
        assert!(!is_match(&"*a".repeat(50), &"a".repeat(40)), "and takes no time over it");
    }
}
