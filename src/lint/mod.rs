//! [`Inventory`] to findings: what would fail at three in the morning, told before a host is touched.
//!
//! Every rule has a name, a place, a reason and a cure. A finding that many hosts share is told once.

mod access;
mod extra;
mod hosts;
mod rule;
mod sources;
mod topology;

use std::io::{self, Write};
use std::path::Path;

pub(crate) use rule::Rule;

use crate::inventory::{self, Host, InputFile, Inputs, Inventory, Place, Problem, Severity, Sourced};

/// Something a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which rule.
    pub(crate) rule: &'static Rule,
    /// Where.
    pub(crate) place: Place,
    /// The other place that has a part in it, and what is there.
    pub(crate) second_place: Option<(Place, String)>,
    /// What is wrong, one line.
    pub(crate) message: String,
    /// What to do about it, one line.
    pub(crate) help: String,
}

impl Finding {
    fn new(rule: &'static Rule, place: Place, message: String, help: impl Into<String>) -> Self {
        Self { rule, place, second_place: None, message, help: help.into() }
    }

    fn and(mut self, place: Option<&Place>, label: impl Into<String>) -> Self {
        self.second_place = place.cloned().map(|place| (place, label.into()));
        self
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        Self {
            severity: finding.rule.severity,
            rule: Some(finding.rule.name),
            place: finding.place,
            second: finding.second_place,
            message: finding.message,
            reason: Some(finding.rule.reason),
            help: Some(finding.help),
            chain: Vec::new(),
        }
    }
}

/// Everything that can be said of inventories without touching a host.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Only when there are no errors at all, neither of the language nor of the rules.
    pub(crate) inventory: Option<Inventory>,
    /// Errors and warnings, in the order of the files.
    pub(crate) problems: Vec<Problem>,
    files: Vec<InputFile>,
}

impl Checked {
    /// How many errors (exit code 2 when there are any).
    pub(crate) fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// How many warnings.
    pub(crate) fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }

    /// Prints every problem with a caret under the characters that are meant. The text carries colours: give it an
    /// `anstream` stream (which drops them for files and with NO_COLOR).
    ///
    /// # Errors
    /// Those of the stream.
    pub(crate) fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        inventory::problem::print(&self.problems, &self.files, to)
    }
}

/// Loads what was read (see [`inventory::load_inputs`]) and holds it against every rule.
pub(crate) fn check(inputs: impl Into<Inputs>, home: Option<&Path>) -> Checked {
    let inputs = inputs.into();
    match inventory::load_inputs(&inputs, home) {
        Err(problems) => Checked { inventory: None, problems, files: inputs.files },
        Ok(inventory) => {
            let mut problems: Vec<Problem> = lint(&inventory).into_iter().map(Problem::from).collect();
            inventory::finish(&mut problems, &inputs);
            let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
            Checked { inventory: (!wrong).then_some(inventory), problems, files: inputs.files }
        }
    }
}

/// Holds an inventory against every rule.
pub(crate) fn lint(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    hosts::check(inventory, &mut findings);
    sources::check(inventory, &mut findings);
    access::check(inventory, &mut findings);
    topology::check(inventory, &mut findings);
    extra::check(inventory, &mut findings);
    findings
}

/// Where a value was written, or else where its host was declared.
fn place_or_host<T>(value: &Sourced<T>, host: &Host) -> Place {
    value.place.clone().unwrap_or_else(|| host.place.clone())
}

/// The first of those who share a mistake, and how many more there are.
fn whom(first: &str, count: usize) -> String {
    format!("`{first}`{}", others(count))
}

fn others(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " (and one more host)".to_owned(),
        _ => format!(" (and {} more hosts)", count - 1),
    }
}

#[cfg(test)]
mod tests;
