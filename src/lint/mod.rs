//! [`Inventory`] to findings: what would fail at three in the morning, told before a host is touched.

use std::io::{self, Write};
use std::path::Path;

use crate::inventory::{self, InputFile, Inventory, Place, Problem, Severity};

/// A named check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// As people write it.
    pub(crate) name: &'static str,
    /// How bad a finding is.
    pub(crate) severity: Severity,
    /// Why it matters.
    pub(crate) reason: &'static str,
}

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
    pub(crate) fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        inventory::problem::print(&self.problems, &self.files, to)
    }
}

/// Loads the files (see [`inventory::load`]) and holds them against every rule.
pub(crate) fn check(files: Vec<InputFile>, home: Option<&Path>) -> Checked {
    match inventory::load(&files, home) {
        Err(problems) => Checked { inventory: None, problems, files },
        Ok(inventory) => Checked { inventory: Some(inventory), problems: Vec::new(), files },
    }
}
