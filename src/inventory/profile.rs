//! A compliance profile as it is written: which rules, how bad, with which numbers, and in whose words. Whether there are
//! such rules is for those to say who know them.

use std::cell::RefCell;

use super::host::{Place, Sourced};
use super::node::{self, Kind, Node};
use super::problem::{Problem, Severity};
use super::reader::{Field, Reader};
use super::source::{InputFile, Source};
use super::template::Filler;

const PROFILE: [&str; 4] = ["profile", "title", "about", "rules"];

/// A profile's file.
#[derive(Debug)]
pub(crate) struct ProfileFile {
    /// Its short name.
    pub(crate) name: String,
    /// The regime.
    pub(crate) title: String,
    /// What to know before it is used.
    pub(crate) about: Option<String>,
    /// In the order of the file.
    pub(crate) rules: Vec<WrittenTuning>,
}

/// What it says of one rule.
#[derive(Debug)]
pub(crate) struct WrittenTuning {
    /// As written.
    pub(crate) rule: Sourced<String>,
    /// `None`: off.
    pub(crate) severity: Option<Severity>,
    /// As written.
    pub(crate) numbers: Vec<(Sourced<String>, f64)>,
    /// The regime's own words, or where to find them.
    pub(crate) reference: String,
}

/// Reads a profile.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn read(file: &InputFile) -> Result<ProfileFile, Vec<Problem>> {
    let source = Source::new(file);
    let root = node::parse(&source).map_err(|problem| vec![*problem])?;
    let filler = RefCell::new(Filler::new());
    let mut reader = Reader::new(&source, 0, None, &filler);
    let top = source.place(0..0);
    let (mut name, mut title, mut about) = (None, None, None);
    let mut rules = Vec::new();
    let fields = reader.fields("the profile", "", &PROFILE, &root, top.clone());
    for field in fields {
        match field.name {
            "profile" => name = reader.text(field),
            "title" => title = reader.text(field),
            "about" => about = reader.text(field),
            _ => rules = tunings(&mut reader, field),
        }
    }
    if reader.problems.is_empty() && (name.is_none() || title.is_none()) {
        let problem = Problem::error(top, "a profile has a name and a title")
            .help("write `profile: NAME` and `title: REGIME` at the top");
        reader.problems.push(problem);
    }
    match (name, title) {
        (Some(name), Some(title)) if reader.problems.is_empty() => Ok(ProfileFile {
            name: name.value,
            title: title.value,
            about: about.map(|text| text.value),
            rules,
        }),
        _ => Err(reader.problems),
    }
}

fn tunings<'a>(reader: &mut Reader<'_, 'a>, field: Field<'_, 'a>) -> Vec<WrittenTuning> {
    let place = reader.place(field.value, field.key);
    let entries = reader.entries("`rules`", field.value, place);
    entries.into_iter().filter_map(|(name, key, body)| tuning(reader, name, key, body)).collect()
}

fn tuning<'a>(
    reader: &mut Reader<'_, 'a>,
    rule: String,
    key: &Node<'a>,
    body: &Node<'a>,
) -> Option<WrittenTuning> {
    let (mut severity, mut reference) = (None, None);
    let mut numbers = Vec::new();
    let before = reader.problems.len();
    let place = reader.place(body, key);
    for (name, key, value) in reader.entries(&format!("rule `{rule}`"), body, place) {
        match name.as_str() {
            "severity" => {
                let words =
                    [("error", Some(Severity::Error)), ("warning", Some(Severity::Warning)), ("off", None)];
                let field = Field { prefix: "rules.", name: "severity", key, value };
                severity = reader.word(field, &words);
            }
            "reference" => reference = reader.text(Field { prefix: "rules.", name: "reference", key, value }),
            _ => {
                let place = reader.key_place(key);
                numbers.extend(number(reader, &name, value, place));
            }
        }
    }
    if reader.problems.len() > before {
        return None;
    }
    let place = reader.key_place(key);
    let (Some(severity), Some(reference)) = (severity, reference) else {
        let problem = Problem::error(place, format!("rule `{rule}` needs `severity` and `reference`"))
            .help("`severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where");
        reader.problems.push(problem);
        return None;
    };
    let rule = Sourced::written(rule, place);
    Some(WrittenTuning { rule, severity: severity.value, numbers, reference: reference.value })
}

fn number<'a>(
    reader: &mut Reader<'_, 'a>,
    name: &str,
    value: &Node<'a>,
    place: Place,
) -> Option<(Sourced<String>, f64)> {
    let spelling = reader.spelling(value);
    let read = match value.kind {
        Kind::Number => spelling.parse::<f64>().ok(),
        _ => None,
    };
    let Some(read) = read.filter(|number| number.is_finite() && *number >= 0.0) else {
        let problem = Problem::error(place, format!("`{name}` must be a number, zero or more"));
        reader.problems.push(problem);
        return None;
    };
    Some((Sourced::written(name.to_owned(), place), read))
}
