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
    /// Its short name; empty where that is wrong.
    pub(crate) name: String,
    /// The regime; empty where that is wrong.
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
    pub(crate) severity: Option<Sourced<Option<Severity>>>,
    /// As written.
    pub(crate) numbers: Vec<WrittenNumber>,
    /// The regime's own words, or where to find them.
    pub(crate) reference: Option<String>,
}

/// One number of a rule.
#[derive(Debug)]
pub(crate) struct WrittenNumber {
    /// Which.
    pub(crate) name: String,
    /// Where that is written.
    pub(crate) place: Place,
    /// `None`: it is no number.
    pub(crate) value: Option<f64>,
    /// As written.
    pub(crate) spelling: Sourced<String>,
}

/// Reads a profile: what it says, and all that is wrong with it. With mistakes it is only good for finding more of them.
///
/// # Errors
/// Text that is no YAML.
pub(crate) fn read(file: &InputFile) -> Result<(ProfileFile, Vec<Problem>), Box<Problem>> {
    let source = Source::new(file);
    let root = node::parse(&source)?;
    let filler = RefCell::new(Filler::new());
    let mut reader = Reader::new(&source, 0, None, &filler);
    let top = source.place(0..0);
    let mut profile =
        ProfileFile { name: String::new(), title: String::new(), about: None, rules: Vec::new() };
    let mut missing = vec!["profile", "title", "rules"];
    let before = reader.problems.len();
    let fields = reader.fields("the profile", "", &PROFILE, &root, top.clone());
    let misspelt = reader.problems.len() > before;
    for field in fields {
        missing.retain(|name| *name != field.name);
        let mut text = |to: &mut String| *to = reader.text(field).map(|text| text.value).unwrap_or_default();
        match field.name {
            "profile" => text(&mut profile.name),
            "title" => text(&mut profile.title),
            "about" => profile.about = reader.text(field).map(|text| text.value),
            _ => profile.rules = tunings(&mut reader, field),
        }
    }
    // A key that is unknown is most probably the one that is missing.
    if !missing.is_empty() && !misspelt {
        let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let problem = Problem::error(top, format!("the profile has no {}", missing.join(", no "))).help(
            "write `profile: NAME`, `title: REGIME` and `rules: { RULE: { severity: …, reference: … } }`",
        );
        reader.problems.push(problem);
    }
    Ok((profile, reader.problems))
}

fn tunings<'a>(reader: &mut Reader<'_, 'a>, field: Field<'_, 'a>) -> Vec<WrittenTuning> {
    let place = reader.place(field.value, field.key);
    let before = reader.problems.len();
    let entries = reader.entries("`rules`", field.value, place.clone());
    if entries.is_empty() && reader.problems.len() == before {
        let help =
            "write `RULE: { severity: …, reference: … }`; `timefleet validate --explain all` lists the rules";
        reader.problems.push(Problem::error(place, "`rules` names no rule").help(help));
    }
    entries.into_iter().map(|(name, key, body)| tuning(reader, name, key, body)).collect()
}

fn tuning<'a>(reader: &mut Reader<'_, 'a>, rule: String, key: &Node<'a>, body: &Node<'a>) -> WrittenTuning {
    let mut tuning = WrittenTuning {
        rule: Sourced::written(rule.clone(), reader.key_place(key)),
        severity: None,
        numbers: Vec::new(),
        reference: None,
    };
    let mut missing = vec!["severity", "reference"];
    let before = reader.problems.len();
    let place = reader.place(body, key);
    let entries = reader.entries(&format!("rule `{rule}`"), body, place);
    let readable = reader.problems.len() == before;
    for (name, key, value) in entries {
        missing.retain(|known| *known != name);
        match name.as_str() {
            "severity" => {
                let words =
                    [("error", Some(Severity::Error)), ("warning", Some(Severity::Warning)), ("off", None)];
                let field = Field { prefix: "rules.", name: "severity", key, value };
                tuning.severity = reader.word(field, &words);
            }
            "reference" => {
                let field = Field { prefix: "rules.", name: "reference", key, value };
                tuning.reference = reader.text(field).map(|text| text.value);
            }
            _ => tuning.numbers.push(number(reader, name, key, value)),
        }
    }
    if !missing.is_empty() && readable {
        let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("rule `{rule}` needs {}", missing.join(" and "));
        let problem = Problem::error(reader.key_place(key), message)
            .help("`severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where");
        reader.problems.push(problem);
    }
    tuning
}

fn number<'a>(reader: &Reader<'_, 'a>, name: String, key: &Node<'a>, value: &Node<'a>) -> WrittenNumber {
    let spelling = reader.spelling(value);
    let read = match value.kind {
        Kind::Number => spelling.parse::<f64>().ok(),
        _ => None,
    };
    WrittenNumber {
        name,
        place: reader.key_place(key),
        value: read.filter(|number| number.is_finite()),
        spelling: Sourced::written(spelling.to_owned(), reader.place(value, key)),
    }
}
