//! `{{ … }}` in values: which words there are, what they stand for, and what is wrong when one is not there.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::rc::Rc;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::host::Place;
use super::node::Node;
use super::problem::Problem;
use super::reader::{Reader, suggestion};
use super::vars::{Variable, Vars};

/// Words that every template knows; `role` and `address` once they are settled.
pub(super) const BUILT_IN: [&str; 4] = ["name", "address", "fleet", "role"];
/// No value is longer: variables that double each other would fill the memory.
const MAX_LENGTH: usize = 64 * 1024;
/// Variables that stand for variables, and so on.
const MAX_CHAIN: usize = 32;
/// Steps of one template: enough for any value, soon over for a loop in a loop.
const FUEL: u64 = 100_000;

/// Whether a text stands for another one.
pub(super) fn is_template(text: &str) -> bool {
    text.as_bytes().contains(&b'{') && ["{{", "{%", "{#"].iter().any(|begin| text.contains(begin))
}

/// Where a template's text is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    /// The text, or all of the value where it is not written as it reads (escapes, several lines).
    pub(super) place: Place,
    verbatim: bool,
}

impl Spot {
    /// The spot of a node's text.
    pub(super) fn of(reader: &Reader<'_, '_>, node: &Node<'_>, key: &Node<'_>, text: &str) -> Self {
        let span = node.span();
        let found = reader.source.slice(span.clone()).find(text).filter(|_| !text.contains('\n'));
        match found {
            Some(at) => {
                let begin = span.start + at;
                Self { place: reader.source.place(begin..begin + text.len()), verbatim: true }
            }
            None => Self { place: reader.place(node, key), verbatim: false },
        }
    }

    /// The place of a part of the text.
    fn part(&self, text: &str, range: Option<std::ops::Range<usize>>) -> Place {
        let inside = range.filter(|_| self.verbatim).and_then(|range| {
            Some((text.get(..range.start)?.chars().count(), text.get(range)?.chars().count()))
        });
        let Some((before, length)) = inside else { return self.place.clone() };
        Place {
            column: self.place.column.saturating_add(super::source::number(before)),
            length: super::source::number(length.max(1)),
            ..self.place.clone()
        }
    }
}

/// What the words of one host's templates stand for.
pub(super) struct Words<'v> {
    host: &'v str,
    /// Innermost first.
    vars: [&'v Vars; 2],
    known: BTreeMap<String, Value>,
    /// Variables that are being filled in, the outermost first.
    open: Vec<String>,
}

impl<'v> Words<'v> {
    pub(super) fn new(host: &'v str, fleet: &str, vars: [&'v Vars; 2]) -> Self {
        let known =
            [("name", host), ("fleet", fleet)].map(|(name, value)| (name.to_owned(), Value::from(value)));
        Self { host, vars, known: known.into(), open: Vec::new() }
    }

    /// From now on this word is known.
    pub(super) fn learn(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), Value::from(value));
    }

    fn variable(&self, name: &str) -> Option<Rc<Variable>> {
        self.vars.iter().find_map(|vars| vars.get(name)).cloned()
    }

    fn names(&self) -> Vec<String> {
        let vars = self.vars.iter().flat_map(|vars| vars.keys().cloned());
        BUILT_IN.iter().map(|&name| name.to_owned()).chain(vars).collect()
    }
}

/// Fills templates in; each text is compiled once.
pub(super) struct Filler {
    environment: Environment<'static>,
    /// The words that a text needs.
    needs: HashMap<String, Rc<[String]>>,
}

impl Filler {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        // As an inventory writes them, not as Python does.
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Bool => {
                out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Into::into)
            }
            ValueKind::None => out.write_str("null").map_err(Into::into),
            _ => minijinja::escape_formatter(out, state, value),
        });
        Self { environment, needs: HashMap::new() }
    }

    /// Whether the text can be read as a template at all.
    pub(super) fn check(&mut self, text: &str, spot: &Spot) -> Result<Rc<[String]>, Box<Problem>> {
        if let Some(needs) = self.needs.get(text) {
            return Ok(Rc::clone(needs));
        }
        let compiled = self
            .environment
            .add_template_owned(text.to_owned(), text.to_owned())
            .and_then(|()| self.environment.get_template(text))
            .map(|template| template.undeclared_variables(false));
        match compiled {
            Ok(names) => {
                let mut names: Vec<String> = names.into_iter().collect();
                names.sort_unstable();
                let needs: Rc<[String]> = names.into();
                self.needs.insert(text.to_owned(), Rc::clone(&needs));
                Ok(needs)
            }
            Err(error) => {
                let detail = error.detail().unwrap_or("it cannot be read");
                let place = spot.part(text, error.range());
                Err(Box::new(Problem::error(place, format!("this template cannot be read: {detail}"))))
            }
        }
    }

    /// What a text stands for on one host.
    pub(super) fn fill(
        &mut self,
        text: &str,
        spot: &Spot,
        words: &mut Words<'_>,
    ) -> Result<String, Box<Problem>> {
        let needs = self.check(text, spot)?;
        for name in needs.iter() {
            self.settle(name, spot, words)?;
        }
        let values: Value = needs
            .iter()
            .filter_map(|name| Some((name.clone(), words.known.get(name)?.clone())))
            .collect::<BTreeMap<String, Value>>()
            .into();
        let mut filled = Limited(Vec::new());
        let rendered = self
            .environment
            .get_template(text)
            .and_then(|template| template.render_captured_to(values, &mut filled).map(|_| ()));
        match rendered {
            Ok(()) => Ok(String::from_utf8_lossy(&filled.0).into_owned()),
            Err(error) => Err(Box::new(fault(&error, text, spot, words))),
        }
    }

    /// Sees to it that a word is known, if it is a variable.
    fn settle(&mut self, name: &str, spot: &Spot, words: &mut Words<'_>) -> Result<(), Box<Problem>> {
        if words.known.contains_key(name) {
            return Ok(());
        }
        let Some(variable) = words.variable(name) else { return Ok(()) };
        if words.open.iter().any(|open| open == name) {
            let ring: Vec<String> =
                words.open.iter().skip_while(|open| *open != name).map(|open| format!("`{open}`")).collect();
            let message = format!("variable `{name}` stands for itself: {} -> `{name}`", ring.join(" -> "));
            return Err(Box::new(Problem::error(variable.spot.place.clone(), message)));
        }
        if words.open.len() >= MAX_CHAIN {
            let message =
                format!("variable `{name}` is at the end of a chain of more than {MAX_CHAIN} variables");
            return Err(Box::new(Problem::error(variable.spot.place.clone(), message)));
        }
        words.open.push(name.to_owned());
        let value = self.value(&variable.value, &variable.spot, words);
        words.open.pop();
        let value = value.map_err(|mut problem| {
            if problem.second.is_none() && problem.place != spot.place {
                problem.second = Some((spot.place.clone(), "used here".to_owned()));
            }
            problem
        })?;
        words.known.insert(name.to_owned(), of_json(&value));
        Ok(())
    }

    /// A variable's value with every text in it filled in.
    fn value(
        &mut self,
        value: &serde_json::Value,
        spot: &Spot,
        words: &mut Words<'_>,
    ) -> Result<serde_json::Value, Box<Problem>> {
        use serde_json::Value as Json;
        Ok(match value {
            Json::String(text) if is_template(text) => Json::String(self.fill(text, spot, words)?),
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.value(item, spot, words)).collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.value(value, spot, words)?)))
                    .collect::<Result<_, Box<Problem>>>()?,
            ),
            plain => plain.clone(),
        })
    }
}

fn of_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of_json).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(name, value)| (name.clone(), of_json(value)))
            .collect::<BTreeMap<String, Value>>()
            .into(),
    }
}

/// Why a template that can be read has no value on this host.
fn fault(error: &minijinja::Error, text: &str, spot: &Spot, words: &Words<'_>) -> Problem {
    let range = error.range();
    let word = range.clone().and_then(|range| text.get(range)).unwrap_or_default().trim();
    let place = spot.part(text, range);
    let host = words.host;
    match error.kind() {
        ErrorKind::UndefinedError if BUILT_IN.contains(&word) => {
            Problem::error(place, format!("`{word}` is not known yet where it is used here"))
                .help("the role is settled first, then the address, then everything else")
        }
        ErrorKind::UndefinedError if !word.is_empty() => {
            let names = words.names();
            Problem::error(place, format!("`{word}` is not defined for host `{host}`"))
                .maybe_help(suggestion(word, names.iter().map(String::as_str)))
        }
        ErrorKind::WriteFailure | ErrorKind::OutOfFuel => {
            Problem::error(place, format!("this stands for far more than a value, on host `{host}`"))
                .help("a value has at most 65536 characters")
        }
        kind => {
            let detail = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            Problem::error(place, format!("this template has no value on host `{host}`: {detail}"))
        }
    }
}

/// Takes [`MAX_LENGTH`] bytes and no more.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_LENGTH {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
