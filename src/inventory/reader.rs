//! Reading nodes as what they should be: every mistake becomes a [`Problem`] and the walk goes on.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use timefleet_agent::time::Seconds;

use super::address;
use super::deferred::Deferred;
use super::host::{Place, Sourced};
use super::host_name::{self, NameFault};
use super::node::{Kind, Node, TEMPLATE_NEEDS_QUOTES, is_number};
use super::problem::Problem;
use super::source::Source;
use super::template::{Filler, is_template};

/// One `key: value` of a mapping.
#[derive(Clone, Copy)]
pub(super) struct Field<'n, 'a> {
    /// The mapping it is in, dotted and with a dot at its end (`time.`), or nothing.
    pub(super) prefix: &'static str,
    /// The key, one that is known there.
    pub(super) name: &'static str,
    pub(super) key: &'n Node<'a>,
    pub(super) value: &'n Node<'a>,
}

impl fmt::Display for Field<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}{}`", self.prefix, self.name)
    }
}

/// The walk over one file.
pub(super) struct Reader<'r, 'a> {
    pub(super) source: &'r Source<'a>,
    /// What `~` stands for in paths on this machine.
    pub(super) home: Option<&'r Path>,
    pub(super) problems: Vec<Problem>,
    /// Groups that are named as upstreams: they may be declared further down or in another file.
    pub(super) named_groups: Vec<(String, Place)>,
    /// A role was given and could not be read: hosts without one are no news then.
    pub(super) role_misread: bool,
    /// Values that are filled in for each host.
    pub(super) deferred: Vec<Deferred<'a>>,
    /// What is read now is filled in already.
    pub(super) filled: bool,
    /// Compiled templates of all files.
    pub(super) filler: &'r RefCell<Filler>,
    pub(super) file: usize,
}

/// The known word that a wrong one looks most like.
pub(crate) fn near<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let near = known
        .filter(|word| word.len().abs_diff(wrong.len()) <= 1 + word.len().min(wrong.len()) / 4)
        .map(|word| (strsim::damerau_levenshtein(wrong, word), word))
        .filter(|&(distance, word)| distance <= 1 + word.len().min(wrong.len()) / 4)
        .min_by_key(|&(distance, _)| distance)?;
    Some(near.1.to_owned())
}

/// `did you mean …`, where something looks enough like it.
pub(crate) fn did_you_mean<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    near(wrong, known).map(|word| format!("did you mean `{word}`?"))
}

/// `did you mean …`, or else what there is.
pub(crate) fn suggestion<'k>(wrong: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<String> {
    if let Some(help) = did_you_mean(wrong, known.clone()) {
        return Some(help);
    }
    let all: Vec<_> = known.take(40).collect();
    if all.is_empty() { None } else { Some(format!("known are {}", all.join(", "))) }
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(
        source: &'r Source<'a>,
        file: usize,
        home: Option<&'r Path>,
        filler: &'r RefCell<Filler>,
    ) -> Self {
        Self {
            source,
            home,
            problems: Vec::new(),
            named_groups: Vec::new(),
            role_misread: false,
            deferred: Vec::new(),
            filled: false,
            filler,
            file,
        }
    }

    /// The place of a node; one that shows no characters (null, an indented block) is at its key.
    pub(super) fn place(&self, node: &Node<'_>, key: &Node<'_>) -> Place {
        let span = node.span();
        self.source.place(if span.is_empty() { key.span() } else { span })
    }

    pub(super) fn key_place(&self, key: &Node<'_>) -> Place {
        self.source.place(key.span())
    }

    pub(super) fn spelling(&self, node: &Node<'a>) -> &'a str {
        self.source.slice(node.span())
    }

    /// How a number or a switch is spelled; one that was filled in has no quotes to say that it is text.
    fn plain_spelling<'n>(&self, node: &'n Node<'a>) -> Cow<'n, str>
    where
        'a: 'n,
    {
        match &node.kind {
            Kind::Text(text) if self.is_filled(node) => Cow::Borrowed(text),
            _ => Cow::Borrowed(self.spelling(node)),
        }
    }

    /// Whether a template stood in a node's place.
    fn is_filled(&self, node: &Node<'a>) -> bool {
        self.filled && is_template(self.spelling(node))
    }

    /// Whether a node can be a number.
    fn is_number(&self, node: &Node<'a>) -> bool {
        match &node.kind {
            Kind::Number => true,
            Kind::Text(text) => self.is_filled(node) && is_number(text),
            _ => false,
        }
    }

    pub(super) fn complain(
        &mut self,
        field: Field<'_, 'a>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let bare = field.value.is_bare_template().then(|| TEMPLATE_NEEDS_QUOTES.to_owned());
        let help = bare.or(help);
        let place = self.place(field.value, field.key);
        self.problems.push(Problem::error(place, message).maybe_help(help));
    }

    /// The text of a key: a number or a word is as good as a string there.
    pub(super) fn key_text(&mut self, key: &Node<'a>) -> Option<String> {
        match &key.kind {
            Kind::Text(text) => Some(text.clone().into_owned()),
            Kind::Number | Kind::Bool(_) => Some(self.spelling(key).to_owned()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => {
                let place = self.key_place(key);
                self.problems.push(Problem::error(place, "a key must be text").help("write it in quotes"));
                None
            }
        }
    }

    /// The entries of a mapping, each key once; nothing at all counts as an empty mapping. `what` names the mapping.
    pub(super) fn entries<'n>(
        &mut self,
        what: &str,
        node: &'n Node<'a>,
        place: Place,
    ) -> Vec<(String, &'n Node<'a>, &'n Node<'a>)> {
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => return Vec::new(),
            _ => {
                let message = format!("{what} must hold `key: value` lines");
                let list = matches!(node.kind, Kind::List(_));
                let help = list.then(|| "write `name:` lines instead of `- name` items".to_owned());
                self.problems.push(Problem::error(place, message).maybe_help(help));
                return Vec::new();
            }
        };
        let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(entries.len());
        let mut unique = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(name) = self.key_text(key) else { continue };
            if let Some(first) = seen.get(&name) {
                let problem = Problem::error(self.key_place(key), format!("`{name}` is written twice here"))
                    .and(self.source.place(first.clone()), "the first time")
                    .help("keep one of them");
                self.problems.push(problem);
                continue;
            }
            seen.insert(name.clone(), key.span());
            unique.push((name, key, value));
        }
        unique
    }

    /// The entries of a mapping whose keys are known; others are problems.
    pub(super) fn fields<'n>(
        &mut self,
        what: &str,
        prefix: &'static str,
        known: &[&'static str],
        node: &'n Node<'a>,
        place: Place,
    ) -> Vec<Field<'n, 'a>> {
        let mut fields = Vec::new();
        for (name, key, value) in self.entries(what, node, place) {
            match known.iter().find(|word| **word == name) {
                Some(&name) => fields.push(Field { prefix, name, key, value }),
                None => {
                    let help = suggestion(&name, known.iter().copied());
                    let message = format!("unknown key `{name}` in {what}");
                    let problem = Problem::error(self.key_place(key), message).maybe_help(help);
                    self.problems.push(problem);
                }
            }
        }
        fields
    }

    /// The fields of a field that is itself a mapping.
    pub(super) fn inner<'n>(
        &mut self,
        field: Field<'n, 'a>,
        prefix: &'static str,
        known: &[&'static str],
    ) -> Vec<Field<'n, 'a>> {
        let place = self.place(field.value, field.key);
        self.fields(&field.to_string(), prefix, known, field.value, place)
    }

    fn sourced<T>(&self, field: Field<'_, 'a>, value: T) -> Option<Sourced<T>> {
        Some(Sourced::written(value, self.place(field.value, field.key)))
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, field: Field<'n, 'a>) -> Option<&'n [Node<'a>]> {
        if let Kind::List(items) = &field.value.kind {
            return Some(items);
        }
        let help = match &field.value.kind {
            Kind::Map(_) => "write `[{ … }]` or one `- ` line for each".to_owned(),
            Kind::Null => format!("`{}: []` is an empty list", field.name),
            _ => format!("write `[{}]`", self.spelling(field.value)),
        };
        self.complain(field, format!("{field} must be a list"), Some(help));
        None
    }

    /// Text of one line without control characters: nothing that is written into a file can begin a second line.
    pub(super) fn text(&mut self, field: Field<'_, 'a>) -> Option<Sourced<String>> {
        let Kind::Text(text) = &field.value.kind else {
            let help = match &field.value.kind {
                Kind::Number | Kind::Bool(_) => {
                    Some(format!("write it in quotes: \"{}\"", self.spelling(field.value)))
                }
                Kind::Null => Some("write a value or take the line away".to_owned()),
                Kind::Text(_) | Kind::List(_) | Kind::Map(_) => None,
            };
            self.complain(field, format!("{field} must be text"), help);
            return None;
        };
        if text.trim().is_empty() {
            self.complain(field, format!("{field} is empty"), None);
            return None;
        }
        if text.chars().any(char::is_control) {
            self.complain(field, format!("{field} must be one line without control characters"), None);
            return None;
        }
        self.sourced(field, text.clone().into_owned())
    }

    /// A host name or an address, safe to be a word in a configuration line.
    pub(super) fn host_name(&mut self, field: Field<'_, 'a>) -> Option<Sourced<String>> {
        let name = self.name_text(field)?;
        let Some(fault) = host_name::fault(&name) else { return Some(name) };
        self.no_name(field, &name, &fault);
        None
    }

    /// Text where a name is meant: of a number without quotes, quotes would make no name.
    pub(super) fn name_text(&mut self, field: Field<'_, 'a>) -> Option<Sourced<String>> {
        if matches!(field.value.kind, Kind::Number) {
            let spelling = self.spelling(field.value);
            if let Some(fault) = host_name::fault(spelling) {
                self.no_name(field, spelling, &fault);
                return None;
            }
        }
        self.text(field)
    }

    /// Says what is wrong with a name, and what to write.
    pub(super) fn no_name(&mut self, field: Field<'_, 'a>, name: &str, fault: &NameFault) {
        let message = match fault {
            NameFault::Neither => format!("{field} must be a host name or an address, not `{name}`"),
            fault => format!("{field} `{name}` {fault}"),
        };
        let help = match field.name {
            "address" => fault.help(address::port_key),
            _ => fault.help(|port| format!("port: {port}")),
        };
        self.complain(field, message, help);
    }

    /// A path on this machine, `~/` expanded.
    pub(super) fn local_path(&mut self, field: Field<'_, 'a>) -> Option<Sourced<PathBuf>> {
        let text = self.text(field)?;
        let path = match (text.strip_prefix('~'), self.home) {
            (None, _) => PathBuf::from(&text.value),
            (Some(""), Some(home)) => home.to_owned(),
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
            (Some(rest), None) if rest.is_empty() || rest.starts_with('/') => {
                let help = Some("set HOME or write the whole path".to_owned());
                self.complain(
                    field,
                    format!("{field} begins with `~`, but there is no home directory"),
                    help,
                );
                return None;
            }
            (Some(_), _) => {
                let help = Some("only `~/` is expanded: write the whole path".to_owned());
                self.complain(field, format!("{field} is in another user's home directory"), help);
                return None;
            }
        };
        Some(Sourced { value: path, place: text.place })
    }

    pub(super) fn bool(&mut self, field: Field<'_, 'a>) -> Option<Sourced<bool>> {
        if let Kind::Bool(value) = field.value.kind {
            return self.sourced(field, value);
        }
        let spelling = self.plain_spelling(field.value);
        match spelling.as_ref() {
            "true" if self.is_filled(field.value) => return self.sourced(field, true),
            "false" if self.is_filled(field.value) => return self.sourced(field, false),
            _ => {}
        }
        let help = match spelling.to_ascii_lowercase().as_str() {
            "\"true\"" | "'true'" | "\"false\"" | "'false'" => Some("write it without quotes".to_owned()),
            "yes" | "on" | "y" => Some("write `true`".to_owned()),
            "no" | "off" | "n" => Some("write `false`".to_owned()),
            _ => None,
        };
        self.complain(field, format!("{field} must be `true` or `false`{}", but_is(&spelling)), help);
        None
    }

    /// A whole number within limits, in plain decimal digits.
    pub(super) fn whole<T>(&mut self, field: Field<'_, 'a>, limits: (T, T)) -> Option<Sourced<T>>
    where
        T: FromStr + PartialOrd + Copy + fmt::Display,
    {
        let spelling = self.plain_spelling(field.value);
        let digits = spelling.strip_prefix('-').unwrap_or(&spelling);
        let plain = self.is_number(field.value) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = if plain { spelling.parse::<T>().ok() } else { None };
        match value.filter(|value| limits.0 <= *value && *value <= limits.1) {
            Some(value) => self.sourced(field, value),
            None => {
                let message = format!(
                    "{field} must be a whole number from {} to {}{}",
                    limits.0,
                    limits.1,
                    but_is(&spelling)
                );
                self.no_number(field, message, plain);
                None
            }
        }
    }

    /// No number that is taken: one out of its range, or something that is only like a number.
    fn no_number(&mut self, field: Field<'_, 'a>, message: String, is_number: bool) {
        let numeric = |text: &str| {
            text.trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit())
        };
        let help = match &field.value.kind {
            _ if is_number => None,
            Kind::Text(text) if self.spelling(field.value).starts_with(['"', '\'']) && !self.filled => {
                text.parse::<f64>().is_ok().then_some("write it without quotes")
            }
            Kind::Text(_) | Kind::Number if numeric(&self.plain_spelling(field.value)) => {
                Some("write plain decimal digits")
            }
            _ => None,
        };
        self.complain(field, message, help.map(str::to_owned));
        if is_number && let Some(problem) = self.problems.last_mut() {
            problem.rule = Some("value-out-of-range");
        }
    }

    /// Seconds above zero.
    pub(super) fn seconds(&mut self, field: Field<'_, 'a>) -> Option<Sourced<Seconds>> {
        let spelling = self.plain_spelling(field.value);
        let value = if self.is_number(field.value) { spelling.parse::<f64>().ok() } else { None };
        // The limits of the agent's own parser: nothing smaller or larger is meant.
        match value.filter(|value| (1e-6..=1e6).contains(value)) {
            Some(value) => self.sourced(field, Seconds(value)),
            None => {
                let message = format!(
                    "{field} must be a number of seconds from 0.000001 to 1000000{}",
                    but_is(&spelling)
                );
                self.no_number(field, message, value.is_some());
                None
            }
        }
    }

    /// Seconds where a limit of its own holds; nothing and less than nothing may be meant, too.
    pub(super) fn seconds_within(
        &mut self,
        field: Field<'_, 'a>,
        limits: (f64, f64),
    ) -> Option<Sourced<Seconds>> {
        let spelling = self.plain_spelling(field.value);
        let value = if self.is_number(field.value) { spelling.parse::<f64>().ok() } else { None };
        match value.filter(|value| (limits.0..=limits.1).contains(value)) {
            Some(value) => self.sourced(field, Seconds(value)),
            None => {
                let (least, most) = limits;
                let message = format!(
                    "{field} must be a number of seconds from {least} to {most}{}",
                    but_is(&spelling)
                );
                self.no_number(field, message, value.is_some());
                None
            }
        }
    }

    /// A path of a file on the host, safe to be a word in a configuration line.
    pub(super) fn host_path(&mut self, field: Field<'_, 'a>) -> Option<Sourced<String>> {
        let path = self.text(field)?;
        let rooted = path.starts_with('/') || path.starts_with("~/");
        if rooted && !path.ends_with('/') && !path.contains(char::is_whitespace) {
            return Some(path);
        }
        let help = Some("it is a path on the host, without blanks".to_owned());
        self.complain(
            field,
            format!("{field} must be the path of a file that begins with `/` or `~/`"),
            help,
        );
        None
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, field: Field<'_, 'a>, words: &[(&str, T)]) -> Option<Sourced<T>> {
        let text = match &field.value.kind {
            Kind::Text(text) => text.as_ref(),
            _ => self.spelling(field.value),
        };
        if let Some(&(_, value)) = words.iter().find(|(word, _)| *word == text) {
            return self.sourced(field, value);
        }
        let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let near = did_you_mean(text, words.iter().map(|(word, _)| *word));
        self.complain(field, format!("{field} must be {}{}", all.join(" or "), but_is(text)), near);
        None
    }
}

fn but_is(spelling: &str) -> String {
    let line = spelling.lines().next().unwrap_or_default().trim();
    if line.is_empty() || line.starts_with(['{', '[']) { String::new() } else { format!(", not `{line}`") }
}
