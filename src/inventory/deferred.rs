//! Values with templates in them: put aside when they are read, filled in and read again for each host that has them.

use std::sync::Arc;

use super::filling::Filling;
use super::node::{Kind, Node};
use super::problem::Problem;
use super::reader::{Field, Reader};
use super::settings::{Settings, Template};
use super::template::{Spot, Words, is_template};

/// A field with a template somewhere in its value.
pub(super) struct Deferred<'a> {
    prefix: &'static str,
    name: &'static str,
    key: Node<'a>,
    value: Node<'a>,
}

impl<'a> Reader<'_, 'a> {
    /// Puts a field aside until its hosts are known, when there is a template in its value.
    pub(super) fn defer(&mut self, field: Field<'_, 'a>) -> Option<Template> {
        if self.filled || !has_template(field.value) {
            return None;
        }
        let key = [field.prefix, field.name].concat();
        let template = Template {
            // Only `address` is no setting.
            key: Settings::KEYS.iter().copied().find(|known| *known == key).unwrap_or(field.name),
            // As that of a list that is none: at its key.
            place: match field.value.kind {
                Kind::List(_) => self.key_place(field.key),
                _ => self.place(field.value, field.key),
            },
            written: Arc::new(self.written(field.value)),
            file: self.file,
            index: self.deferred.len(),
        };
        self.check_templates(field.value, field.key);
        let Field { prefix, name, key, value } = field;
        self.deferred.push(Deferred { prefix, name, key: key.clone(), value: value.clone() });
        Some(template)
    }

    /// What stands there, nothing filled in.
    fn written(&self, node: &Node<'a>) -> serde_json::Value {
        match &node.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Number => self.spelling(node).into(),
            Kind::Text(text) => text.as_ref().into(),
            Kind::List(items) => items.iter().map(|item| self.written(item)).collect(),
            Kind::Map(entries) => {
                let key = |key: &Node<'a>| match &key.kind {
                    Kind::Text(text) => text.clone().into_owned(),
                    _ => self.spelling(key).to_owned(),
                };
                entries.iter().map(|(name, value)| (key(name), self.written(value))).collect()
            }
        }
    }

    /// Says of every template that cannot be read why, before any host asks for it.
    fn check_templates(&mut self, node: &Node<'a>, key: &Node<'a>) {
        match &node.kind {
            Kind::Text(text) if is_template(text) => {
                let spot = Spot::of(self, node, key, text);
                if let Err(problem) = self.filler.borrow_mut().check(text, &spot) {
                    self.problems.push(*problem);
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.check_templates(item, key)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| self.check_templates(value, key)),
            _ => {}
        }
    }

    /// Reads a field that was put aside, filled in for one host.
    pub(super) fn read_deferred<T>(
        &mut self,
        index: usize,
        words: &mut Words<'_>,
        read: impl FnOnce(&mut Self, Field<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let deferred = self.deferred.get(index)?;
        let (prefix, name, key) = (deferred.prefix, deferred.name, deferred.key.clone());
        let mut wrong = Vec::new();
        let value = self.fill(&deferred.value, &key, words, &mut wrong);
        if !wrong.is_empty() {
            self.problems.append(&mut wrong);
            return None;
        }
        self.filled = true;
        let value = read(self, Field { prefix, name, key: &key, value: &value });
        self.filled = false;
        value
    }

    /// What every text of a field that was put aside comes to on one host, in the order in which they stand: fields where
    /// all come to the same are the same. `None`: one of them cannot be filled in.
    pub(super) fn texts(&self, index: usize, words: &mut Words<'_>, texts: &mut Vec<Filling>) -> Option<()> {
        let deferred = self.deferred.get(index)?;
        self.add_texts(&deferred.value, &deferred.key, words, texts)
    }

    fn add_texts(
        &self,
        node: &Node<'a>,
        key: &Node<'a>,
        words: &mut Words<'_>,
        texts: &mut Vec<Filling>,
    ) -> Option<()> {
        match &node.kind {
            Kind::Text(text) if is_template(text) => {
                let spot = Spot::of(self, node, key, text);
                texts.push(self.filler.borrow_mut().fill(text, &spot, words).ok()?);
            }
            Kind::List(items) => items.iter().try_for_each(|item| self.add_texts(item, key, words, texts))?,
            Kind::Map(entries) => {
                entries.iter().try_for_each(|(key, value)| self.add_texts(value, key, words, texts))?;
            }
            _ => {}
        }
        Some(())
    }

    fn fill(
        &self,
        node: &Node<'a>,
        key: &Node<'a>,
        words: &mut Words<'_>,
        wrong: &mut Vec<Problem>,
    ) -> Node<'a> {
        match &node.kind {
            Kind::Text(text) if is_template(text) => {
                let spot = Spot::of(self, node, key, text);
                match self.filler.borrow_mut().fill(text, &spot, words) {
                    Ok(filling) => return filling.instead_of(node),
                    Err(problem) => wrong.push(*problem),
                }
                node.clone()
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.fill(item, key, words, wrong));
                node.with(Kind::List(items.collect()))
            }
            Kind::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| (key.clone(), self.fill(value, key, words, wrong)));
                node.with(Kind::Map(entries.collect()))
            }
            _ => node.clone(),
        }
    }
}

fn has_template(node: &Node<'_>) -> bool {
    match &node.kind {
        Kind::Text(text) => is_template(text),
        Kind::List(items) => items.iter().any(has_template),
        Kind::Map(entries) => entries.iter().any(|(_, value)| has_template(value)),
        Kind::Null | Kind::Bool(_) | Kind::Number => false,
    }
}
