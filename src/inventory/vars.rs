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
            let text = match &node.kind {
                Kind::Text(text) => text.as_ref(),
                _ => "",
            };
            let spot = Spot::of(self, node, key, text);
            if let Some(value) = self.var(node, &spot) {
                vars.insert(name, Rc::new(Variable { value, spot }));
            }
        }
        vars
    }

    /// A number stays as it is written: one that would be printed otherwise (`010`, `1.10`) is text.
    fn var(&mut self, node: &Node<'a>, spot: &Spot) -> Option<Value> {
        Some(match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number => number(self.spelling(node)),
            Kind::Text(text) => {
                if is_template(text)
                    && let Err(problem) = self.filler.borrow_mut().check(text, spot)
                {
                    self.problems.push(*problem);
                    return None;
                }
                Value::String(text.clone().into_owned())
            }
            Kind::List(items) => {
                Value::Array(items.iter().map(|item| self.var(item, spot)).collect::<Option<_>>()?)
            }
            Kind::Map(_) => {
                let mut map = serde_json::Map::new();
                for (name, _, value) in self.entries("this variable", node, spot.place.clone()) {
                    map.insert(name, self.var(value, spot)?);
                }
                Value::Object(map)
            }
        })
    }
}

fn number(spelling: &str) -> Value {
    if let Some(whole) = spelling.parse::<i64>().ok().filter(|whole| whole.to_string() == spelling) {
        return Value::Number(whole.into());
    }
    let fraction = spelling.parse::<f64>().ok().filter(|fraction| fraction.to_string() == spelling);
    fraction.and_then(Number::from_f64).map_or_else(|| Value::String(spelling.to_owned()), Value::Number)
}

/// What a template can name.
fn is_word(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
