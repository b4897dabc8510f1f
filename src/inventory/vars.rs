//! `vars:` of a layer: words of the user's own, for templates.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Number, Value};

use super::node::{Kind, Node};
use super::problem::Problem;
use super::reader::{Field, Reader};
use super::settings::{Conflict, Layers, innermost};
use super::template::{BUILT_IN, Spot, is_template};

/// Variables by name.
pub(super) type Vars = BTreeMap<String, Rc<Variable>>;

/// One variable as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    /// Texts in it may be templates.
    pub(super) value: Value,
    pub(super) spot: Spot,
}

/// Laid over each other like settings: the innermost group wins, unrelated groups must agree.
pub(super) fn lay(defaults: &Vars, layers: &impl Layers, groups: &[usize]) -> (Vars, Vec<Conflict>) {
    let mut conflicts = Vec::new();
    let mut laid = defaults.clone();
    let of = |group: usize| layers.layer(group).map(|layer| &layer.vars);
    let names: std::collections::BTreeSet<&String> =
        groups.iter().filter_map(|&group| of(group)).flat_map(|vars| vars.keys()).collect();
    for name in names {
        let value = |&group: &usize| of(group).and_then(|vars| vars.get(name));
        let givers: Vec<usize> = groups.iter().copied().filter(|group| value(group).is_some()).collect();
        let winners = innermost(layers, &givers);
        let mut values = winners.iter().filter_map(value);
        let Some(first) = values.next() else { continue };
        if let Some(other) = values.find(|other| other.value != first.value) {
            conflicts.push(conflict(name, first, other));
        }
        laid.insert(name.clone(), Rc::clone(first));
    }
    (laid, conflicts)
}

/// Adds another file's defaults; both may say the same, not different things.
pub(super) fn join(mine: &mut Vars, theirs: Vars) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (name, value) in theirs {
        match mine.get(&name) {
            Some(first) if first.value != value.value => conflicts.push(conflict(&name, first, &value)),
            Some(_) => {}
            None => {
                mine.insert(name, value);
            }
        }
    }
    conflicts
}

fn conflict(name: &str, first: &Variable, second: &Variable) -> Conflict {
    Conflict {
        key: format!("vars.{name}").into(),
        first: first.spot.place.clone(),
        second: second.spot.place.clone(),
    }
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn vars(&mut self, field: Field<'_, 'a>) -> Vars {
        let place = self.place(field.value, field.key);
        let mut vars = Vars::new();
        for (name, key, node) in self.entries(&field.to_string(), field.value, place) {
            let problem =
                Problem::error(self.key_place(key), format!("`{name}` cannot be the name of a variable"));
            if BUILT_IN.contains(&name.as_str()) {
                self.problems.push(problem.help("it stands for something of the host's own already"));
                continue;
            }
            if !is_word(&name) {
                self.problems.push(problem.help("letters, digits and `_`, no digit first"));
                continue;
            }
            let spot = match &node.kind {
                Kind::Text(text) => Spot::of(self, node, key, text),
                _ => Spot::whole(self.place(node, key)),
            };
            let value = self.var(node, key, &spot).or_else(|| {
                // A number that was refused is still there: who uses it need not hear that it is not defined.
                matches!(node.kind, Kind::Number).then(|| Value::String(self.spelling(node).to_owned()))
            });
            if let Some(value) = value {
                vars.insert(name, Rc::new(Variable { value, spot }));
            }
        }
        vars
    }

    fn var(&mut self, node: &Node<'a>, key: &Node<'a>, spot: &Spot) -> Option<Value> {
        Some(match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number => Value::Number(self.var_number(node, key)?),
            Kind::Text(_) if is_infinite(self.spelling(node)) => Value::Number(self.var_number(node, key)?),
            Kind::Text(text) => {
                if is_template(text) {
                    let spot = Spot::of(self, node, key, text);
                    let checked = self.filler.borrow_mut().check(text, &spot);
                    if let Err(problem) = checked {
                        self.problems.push(*problem);
                        return None;
                    }
                }
                Value::String(text.clone().into_owned())
            }
            Kind::List(items) => {
                // All of them, so that every mistake is told.
                let items: Vec<_> = items.iter().map(|item| self.var(item, key, spot)).collect();
                Value::Array(items.into_iter().collect::<Option<_>>()?)
            }
            Kind::Map(_) => {
                let mut map = serde_json::Map::new();
                let mut good = true;
                for (name, key, value) in self.entries("this variable", node, spot.place.clone()) {
                    match self.var(value, key, spot) {
                        Some(value) => drop(map.insert(name, value)),
                        None => good = false,
                    }
                }
                good.then_some(Value::Object(map))?
            }
        })
    }
}

impl<'a> Reader<'_, 'a> {
    fn var_number(&mut self, node: &Node<'a>, key: &Node<'a>) -> Option<Number> {
        number(self.spelling(node))
            .map_err(|(message, help)| {
                let place = self.place(node, key);
                self.problems.push(Problem::error(place, message).help(help));
            })
            .ok()
    }
}

/// A number that a template prints as it is written. One that it would print otherwise may have been meant as a text, and
/// is neither: what is wrong, and what to write.
fn number(spelling: &str) -> Result<Number, (String, String)> {
    if let Some(whole) = spelling.parse::<i64>().ok().filter(|whole| whole.to_string() == spelling) {
        return Ok(whole.into());
    }
    let digits = spelling.strip_prefix(['-', '+']).unwrap_or(spelling);
    let printed = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        spelling.parse::<i64>().ok().map(|whole| whole.to_string())
    } else {
        let fraction = spelling.parse::<f64>().ok().filter(|fraction| fraction.is_finite());
        let printed = fraction.map(|fraction| minijinja::Value::from(fraction).to_string());
        if let Some(number) =
            fraction.filter(|_| printed.as_deref() == Some(spelling)).and_then(Number::from_f64)
        {
            return Ok(number);
        }
        printed
    };
    let text = format!("`\"{spelling}\"` for a text");
    Err(match printed {
        Some(printed) => (
            format!("`{spelling}` would become {printed} in a template"),
            format!("write `{printed}` for the number, or {text}"),
        ),
        None => (
            format!("`{spelling}` is no number that a template knows"),
            format!("write decimal digits, at most {}, or {text}", i64::MAX),
        ),
    })
}

/// Whether YAML would have taken a text for a number if there were one so large.
fn is_infinite(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// What a template can name.
pub(super) fn is_word(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
