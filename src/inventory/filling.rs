//! What a template comes to: one text, or the very value of the one expression that it is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr, ValueKind};

use super::node::{Kind, Node};

/// Lists in lists: nothing in an inventory is deeper.
const MAX_DEPTH: usize = 32;

/// What a key is given by a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Filling {
    Nothing,
    /// Any single value as it is spelled.
    Text(String),
    List(Vec<Filling>),
    Map(Vec<(String, Filling)>),
}

impl Filling {
    /// Of a value that is [`plain`].
    pub(super) fn of(value: &Value) -> Self {
        let items = || value.try_iter().into_iter().flatten();
        match value.kind() {
            ValueKind::None => Self::Nothing,
            ValueKind::Seq => Self::List(items().map(|item| Self::of(&item)).collect()),
            ValueKind::Map => Self::Map(
                items()
                    .map(|key| (spelled(&key), Self::of(&value.get_item(&key).unwrap_or_default())))
                    .collect(),
            ),
            _ => Self::Text(spelled(value)),
        }
    }

    /// As if it were written in the place of this node.
    pub(super) fn instead_of<'a>(self, node: &Node<'a>) -> Node<'a> {
        node.with(match self {
            Self::Nothing => Kind::Null,
            Self::Text(text) => Kind::Text(text.into()),
            Self::List(items) => Kind::List(items.into_iter().map(|item| item.instead_of(node)).collect()),
            Self::Map(entries) => Kind::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (node.with(Kind::Text(key.into())), value.instead_of(node)))
                    .collect(),
            ),
        })
    }
}

/// A single value as an inventory spells it.
pub(super) fn spelled(value: &Value) -> String {
    match value.kind() {
        ValueKind::Bool => value.is_true().to_string(),
        _ => value.to_string(),
    }
}

/// Why a value cannot be one of an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Undefined,
    TooMuch,
    /// A function, for example.
    Other,
}

/// The same in texts, numbers, lists and mappings and nothing else; they and their texts take as much room as there is.
pub(super) fn plain(value: &Value, room: &mut usize) -> Result<Value, Unfit> {
    plain_at(value, room, MAX_DEPTH)
}

fn plain_at(value: &Value, room: &mut usize, depth: usize) -> Result<Value, Unfit> {
    let text = value.as_str().map_or(1, |text| text.len().max(1));
    *room = room.checked_sub(text).ok_or(Unfit::TooMuch)?;
    let depth = depth.checked_sub(1).ok_or(Unfit::TooMuch)?;
    let items = || value.try_iter().map_err(|_| Unfit::Other);
    match value.kind() {
        ValueKind::Undefined => Err(Unfit::Undefined),
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::String => Ok(value.clone()),
        ValueKind::Seq | ValueKind::Iterable => items()?
            .map(|item| plain_at(&item, room, depth))
            .collect::<Result<Vec<Value>, Unfit>>()
            .map(Value::from),
        ValueKind::Map => {
            let mut map = BTreeMap::new();
            for key in items()? {
                let name = spelled(&plain_at(&key, room, depth)?);
                let value = value.get_item(&key).map_err(|_| Unfit::Other)?;
                map.insert(name, plain_at(&value, room, depth)?);
            }
            Ok(map.into())
        }
        _ => Err(Unfit::Other),
    }
}

/// Whether nothing stands anywhere in a plain value.
pub(super) fn lacks(value: &Value) -> bool {
    let items = || value.try_iter().into_iter().flatten();
    match value.kind() {
        ValueKind::None => true,
        ValueKind::Seq => items().any(|item| lacks(&item)),
        ValueKind::Map => items().any(|key| value.get_item(&key).is_ok_and(|value| lacks(&value))),
        _ => false,
    }
}

/// Stands for nothing, and is seen in every text that is made of it: `'ntp.' ~ site` would say `ntp.none` otherwise.
#[derive(Debug)]
pub(super) struct Gap(usize);

/// Nobody writes these: Unicode gave them no meaning, and no case.
const MARKS: [char; 2] = ['\u{f0f0}', '\u{f0f1}'];

impl Object for Gap {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", MARKS[0], self.0, MARKS[1])
    }
}

/// Gaps by what they are called: `site`, `dc.ntp`, `list[2]`.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<String>);

impl Gaps {
    /// The value of `name` with a gap wherever nothing stands.
    pub(super) fn mark(&mut self, name: &str, value: &Value) -> Value {
        let items = || value.try_iter().into_iter().flatten();
        match value.kind() {
            ValueKind::None => {
                self.0.push(name.to_owned());
                Value::from_object(Gap(self.0.len() - 1))
            }
            ValueKind::Seq => {
                let items = items().enumerate().map(|(at, item)| self.mark(&format!("{name}[{at}]"), &item));
                Value::from(items.collect::<Vec<Value>>())
            }
            ValueKind::Map => {
                let entries = items().map(|key| {
                    let value = value.get_item(&key).unwrap_or_default();
                    (key.to_string(), self.mark(&format!("{name}.{key}"), &value))
                });
                Value::from(entries.collect::<BTreeMap<String, Value>>())
            }
            _ => value.clone(),
        }
    }

    /// The first gap that became a part of a text.
    pub(super) fn seen_in(&self, value: &Value) -> Option<&str> {
        let mut items = value.try_iter().into_iter().flatten();
        match value.kind() {
            ValueKind::String => {
                let (_, rest) = value.as_str()?.split_once(MARKS[0])?;
                let (number, _) = rest.split_once(MARKS[1])?;
                self.0.get(number.parse::<usize>().ok()?).map(String::as_str)
            }
            ValueKind::Seq | ValueKind::Iterable => items.find_map(|item| self.seen_in(&item)),
            ValueKind::Map => items.find_map(|key| self.seen_in(&value.get_item(&key).ok()?)),
            _ => None,
        }
    }

    /// Whether this is a gap, for `is none`.
    pub(super) fn is_one(value: &Value) -> bool {
        value.downcast_object_ref::<Gap>().is_some()
    }
}
