//! YAML text to a tree in which every node knows the bytes it was written with.
//!
//! The tree holds what the text says, not what a type would like it to say: numbers keep their spelling, so `0.5` and
//! `10.20` stay what they are until somebody who knows whether a number or a network is meant reads them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Options, Spanned};

use super::host::Place;
use super::problem::Problem;
use super::source::{Source, number};

/// A node and the bytes of the text that say it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    start: u32,
    end: u32,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    Null,
    Bool(bool),
    /// Anything that YAML takes for a number; its spelling is in the span.
    Number,
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Node<'a>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Something else in the same place.
    pub(super) fn with(&self, kind: Kind<'a>) -> Self {
        Self { start: self.start, end: self.end, kind }
    }

    /// Whether this is `{{ word }}` without quotes.
    pub(super) fn is_bare_template(&self) -> bool {
        let Kind::Map(entries) = &self.kind else { return false };
        matches!(entries.as_slice(), [(Self { kind: Kind::Map(_), .. }, Self { kind: Kind::Null, .. })])
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind<'de>>::deserialize(deserializer)?;
        // The place where an alias was defined, not where it is used: that is where a wrong value can be cured.
        let span = spanned.defined.span();
        let start = span.byte_offset().unwrap_or(0);
        let end = start.saturating_add(span.byte_len().unwrap_or(0));
        Ok(Self {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Kind<'de>, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind<'de>, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind<'de>, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind<'de>, E> {
        Ok(Kind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind<'de>, E> {
        Ok(Kind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind<'de>, E> {
        Ok(Kind::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind<'de>, E> {
        Ok(Kind::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Kind<'de>, E> {
        Ok(Kind::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Kind::Map(entries))
    }
}

/// The deepest nesting that is read: groups seventy deep. Every level costs stack.
const MAX_DEPTH: usize = 150;
/// For [`MAX_DEPTH`] levels in a debug build, with room to spare; pages that are not touched cost nothing.
const STACK: usize = 64 << 20;
/// Keys, values, lists and maps in one file: 100,000 hosts have about 700,000.
const MAX_NODES: usize = 20_000_000;

fn options(text: &str) -> Options {
    serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // Reported by the walk: all of them, and with both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
        // A file may say ten times what it writes out, not a billion times.
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 10_000 + 10 * text.len(),
        },
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_total_scalar_bytes: 1 << 30,
            simple_key_max_lookahead: 1024,
        },
    }
}

/// Reads one file's YAML; a mistake in the syntax is the only one that can be told.
pub(super) fn parse<'a>(source: &Source<'a>) -> Result<Node<'a>, Box<Problem>> {
    let read = || {
        serde_yaml::from_str_with_options(source.text, options(source.text))
            .map_err(|error| Box::new(syntax_problem(source, error.without_snippet())))
    };
    // On a stack of its own, whatever the caller's is like: threads of the tests have two megabytes.
    std::thread::scope(|scope| {
        let walk = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        walk.ok().and_then(|walk| walk.join().ok()).unwrap_or_else(|| {
            let problem = Problem::error(source.place(0..0), "this file cannot be read: no memory for it");
            Err(Box::new(problem))
        })
    })
}

/// Whether YAML takes a text for a number, were it written without quotes.
pub(super) fn is_number(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    text.bytes().all(plain)
        && text.len() < 64
        && matches!(serde_yaml::from_str_with_options(text, options(text)), Ok(Kind::Number))
}

fn syntax_problem(source: &Source<'_>, error: &serde_yaml::Error) -> Problem {
    let location = error.location().unwrap_or(serde_yaml::Location::UNKNOWN);
    let span = location.span();
    let place = Place {
        file: Arc::clone(&source.name),
        line: number(location.line().max(1) as usize),
        column: number(location.column().max(1) as usize),
        length: number((span.len() as usize).max(1)),
    };
    let (message, help) = syntax_message(error);
    let quotes = |place: &Place| {
        let window = source.window(place)?;
        let (before, meant) = window.text.split_at_checked(window.meant.start)?;
        let template = [": {{", "- {{", "[{{"].iter().any(|begin| before.contains(begin));
        // `{ address: 10.0.0.[1:3] }`: what is right in a block is not between braces.
        let bracket = meant.starts_with(['[', '{']) && !before.ends_with([' ', '[', '{', ',']);
        let help = if template {
            TEMPLATE_NEEDS_QUOTES
        } else if bracket {
            "between braces a text with brackets needs quotes"
        } else {
            return None;
        };
        Some(help.to_owned())
    };
    let help = help.or_else(|| quotes(&place));
    Problem::error(place, message).maybe_help(help)
}

/// To YAML two braces are a mapping in a mapping.
pub(super) const TEMPLATE_NEEDS_QUOTES: &str =
    "a value that begins with a template needs quotes: `\"{{ … }}\"`";

/// The reader's own words, except where they speak to programmers.
fn syntax_message(error: &serde_yaml::Error) -> (String, Option<String>) {
    use serde_yaml::Error;
    let (message, help) = match error {
        Error::AliasError { error, .. } => return syntax_message(error),
        Error::Budget { breach: serde_yaml::budget::BudgetBreach::Depth { .. }, .. } => {
            let help = "each group inside another takes two levels".to_owned();
            return (format!("nested deeper than {MAX_DEPTH} levels"), Some(help));
        }
        Error::Budget { .. } => ("this file is larger than that of any fleet", ""),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            ("the aliases of this file stand for far more than the file itself says", "write it out")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("this alias stands inside what it stands for", "")
        }
        Error::MultipleDocuments { .. } => (
            "a second YAML document begins here",
            "an inventory is one document: use two files, or one mapping",
        ),
        other => {
            let text = other.to_string();
            let message = text.split(" at line ").next().unwrap_or(&text);
            // The parser's own limit, for brackets in brackets, comes before ours.
            if message.contains("recursion limit") {
                return (format!("nested deeper than {MAX_DEPTH} levels"), None);
            }
            let help = message.contains("tabs").then(|| "indent with spaces".to_owned());
            return (format!("not YAML: {message}"), help);
        }
    };
    (message.to_owned(), (!help.is_empty()).then(|| help.to_owned()))
}
