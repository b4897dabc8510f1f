//! One line of a configuration: its words with their columns, taken one after the other.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{ConfigError, Place};

/// A word and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) column: usize,
}

/// What is wrong with a line; its file and line are added by whoever reads them.
#[derive(Debug)]
pub(super) struct Wrong {
    column: usize,
    message: String,
    agent_only: bool,
}

impl Wrong {
    /// It is the agent that does not take this; a chronyd may.
    pub(super) fn for_the_agent(self) -> Self {
        Self { agent_only: true, ..self }
    }

    pub(super) fn at(self, place: &Place, included_at: &[Place]) -> ConfigError {
        ConfigError {
            file: place.file.clone(),
            line: place.line,
            column: self.column,
            message: self.message,
            agent_only: self.agent_only,
            included_at: included_at.to_vec(),
        }
    }
}

impl<'a> Word<'a> {
    /// This word is wrong.
    pub(super) fn wrong(self, message: impl Into<String>) -> Wrong {
        Wrong { column: self.column, message: message.into(), agent_only: false }
    }

    /// Directives and options are not case-sensitive.
    pub(super) fn lower(self) -> String {
        self.text.to_ascii_lowercase()
    }
}

/// A line that says something; comments and empty lines are never made into one.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The first word.
    pub(super) directive: Word<'a>,
    rest: std::vec::IntoIter<Word<'a>>,
    /// Column after the last word: where a missing word would stand.
    end: usize,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let mut words = words(text).into_iter();
        let directive = words.next().filter(|first| !first.text.starts_with(['!', ';', '#', '%']))?;
        let end = text.trim_end().chars().count() + 1;
        Some(Self { directive, rest: words, end })
    }

    /// The next word, if there is one.
    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        self.rest.next()
    }

    /// The next word; `what` names it in the complaint about its absence.
    pub(super) fn need(&mut self, what: &str) -> Result<Word<'a>, Wrong> {
        let directive = self.directive.lower();
        self.rest.next().ok_or_else(|| Wrong {
            column: self.end,
            message: format!("'{directive}' needs {what} here"),
            agent_only: false,
        })
    }

    /// The next word as a whole number.
    pub(super) fn integer<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Result<T, Wrong>
    where
        T: FromStr + PartialOrd + Display,
    {
        let word = self.need(&format!("a whole number from {} to {}", range.start(), range.end()))?;
        word.text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            word.wrong(format!(
                "{name} must be a whole number from {} to {}, not '{}'",
                range.start(),
                range.end(),
                word.text
            ))
        })
    }

    /// The next word as a number with or without a fraction.
    pub(super) fn number(
        &mut self,
        name: &str,
        unit: &str,
        range: RangeInclusive<f64>,
    ) -> Result<f64, Wrong> {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let word = self.need(&format!("a number from {} to {}{unit}", range.start(), range.end()))?;
        word.text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            word.wrong(format!(
                "{name} must be a number from {} to {}{unit}, not '{}'",
                range.start(),
                range.end(),
                word.text
            ))
        })
    }

    /// A count where any negative number means "without limit".
    pub(super) fn limit(&mut self, name: &str) -> Result<Option<u32>, Wrong> {
        let word = self.need("a whole number, negative for no limit,")?;
        let limit: i32 = word.text.parse().map_err(|_| {
            word.wrong(format!("{name} must be a whole number, negative for no limit, not '{}'", word.text))
        })?;
        Ok(u32::try_from(limit).ok())
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        match self.next() {
            None => Ok(()),
            Some(word) if word.text.starts_with(['!', ';', '#', '%']) => {
                Err(word.wrong("a comment must stand on a line of its own"))
            }
            Some(word) => Err(word.wrong(format!(
                "'{}' takes nothing more, found '{}'",
                self.directive.lower(),
                word.text
            ))),
        }
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut column = 0;
    for (position, character) in text.char_indices() {
        column += 1;
        match (character.is_whitespace(), start) {
            (false, None) => start = Some((position, column)),
            (true, Some((from, at))) => {
                words.extend(text.get(from..position).map(|text| Word { text, column: at }));
                start = None;
            }
            _ => {}
        }
    }
    if let Some((from, at)) = start {
        words.extend(text.get(from..).map(|text| Word { text, column: at }));
    }
    words
}
