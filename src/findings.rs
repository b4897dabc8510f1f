//! What was found in inventories, as programs read it: one report, and a face of it for each kind of reader.
//!
//! People read [`crate::lint::Checked::print`] instead.

mod collector;
mod github;
mod gitlab;
mod json;
mod junit;
mod path;
mod sarif;
mod words;

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::inventory::{Origin, Severity};

pub(crate) use collector::Collector;

/// Name of all that the inventory language itself complains of, where a reader wants a rule's name.
pub(crate) const LANGUAGE: &str = "inventory";

/// Everything that was found in all inventories.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    /// Changes when a field changes its meaning or goes; new fields do not change it.
    version: u32,
    tool: Tool,
    /// What the program ends with.
    exit_code: u8,
    summary: Summary,
    inventories: Vec<Checkup>,
}

#[derive(Debug, Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    /// Findings that the inventories allow: neither errors nor warnings.
    allowed: usize,
}

/// One inventory: a file, or several that were read as one.
#[derive(Debug, Serialize)]
struct Checkup {
    files: Vec<String>,
    /// Only of inventories without errors.
    fleet: Option<Fleet>,
    findings: Vec<Finding>,
    allowed: Vec<Allowed>,
}

/// What a good inventory holds.
#[derive(Debug, Serialize)]
struct Fleet {
    name: String,
    hosts: usize,
    groups: usize,
    /// How many of the hosts were asked about; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: Option<usize>,
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    #[serde(serialize_with = "word")]
    severity: Severity,
    /// `None`: the inventory language itself.
    rule: Option<&'static str>,
    message: String,
    reason: Option<&'static str>,
    help: Option<String>,
    /// Who else wants it so: the words of compliance profiles.
    notes: Vec<String>,
    place: Spot,
    second: Option<Second>,
    /// The line that includes the file of `place`, the line that includes that file, and so on.
    included_from: Vec<Spot>,
    /// The same while the finding is the same, wherever its lines move to.
    fingerprint: String,
}

/// A finding that the inventory allows.
#[derive(Debug, Serialize)]
struct Allowed {
    #[serde(flatten)]
    finding: Finding,
    allowed: Allowance,
}

/// Why it is allowed.
#[derive(Debug, Serialize)]
struct Allowance {
    /// In the words of the inventory.
    reason: String,
    /// Where that is written.
    place: Option<Spot>,
}

/// A file, and the characters in it where they are known.
#[derive(Debug, Serialize)]
struct Spot {
    /// As seen from the current directory, with forward slashes. Many findings share it.
    #[serde(serialize_with = "shared")]
    file: Arc<str>,
    /// Of what lines and columns are counted, where it is no file.
    #[serde(rename = "of", skip_serializing_if = "is_file", serialize_with = "origin")]
    origin: Origin,
    #[serde(flatten)]
    span: Option<Span>,
}

/// Characters of one line.
#[derive(Clone, Copy, Debug, Serialize)]
struct Span {
    /// 1 is the first.
    line: u32,
    /// 1 is the first.
    column: u32,
    /// The first one that is no longer meant.
    end_column: u32,
}

#[derive(Debug, Serialize)]
struct Second {
    label: String,
    #[serde(flatten)]
    spot: Spot,
}

impl Finding {
    fn rule_name(&self) -> &'static str {
        self.rule.unwrap_or(LANGUAGE)
    }
}

impl Spot {
    /// The characters, where they are those of the file itself: a program's output is on no line of the program.
    fn in_file(&self) -> Option<Span> {
        self.span.filter(|_| self.origin != Origin::Program)
    }
}

fn is_file(origin: &Origin) -> bool {
    *origin == Origin::File
}

fn origin<S: serde::Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match origin {
        Origin::File => "file",
        Origin::Program => "output",
        Origin::Stdin => "stdin",
    })
}

fn shared<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn word<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.word())
}

impl Findings {
    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    fn allowed(&self) -> impl Iterator<Item = &Allowed> {
        self.inventories.iter().flat_map(|inventory| &inventory.allowed)
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        self.inventories.iter().flat_map(|inventory| &inventory.findings)
    }

    /// Everything, for programs of one's own.
    pub(crate) fn json(&self, to: &mut dyn Write) -> io::Result<()> {
        json::document(self, to)
    }

    /// Workflow commands: annotations on the lines of a pull request.
    pub(crate) fn github(&self, to: &mut dyn Write) -> io::Result<()> {
        let allowed = self.allowed().map(github::debug_line);
        self.all().map(github::annotation).chain(allowed).try_for_each(|line| to.write_all(line.as_bytes()))
    }

    /// A Code Quality report.
    pub(crate) fn gitlab(&self, to: &mut dyn Write) -> io::Result<()> {
        json::document(&json::Each(|| self.all().map(gitlab::issue)), to)
    }

    /// Static Analysis Results Interchange Format, 2.1.0.
    pub(crate) fn sarif(&self, to: &mut dyn Write) -> io::Result<()> {
        json::document(&sarif::log(self), to)
    }

    /// Test results: an inventory is a suite, what was found in it are its failures.
    pub(crate) fn junit(&self, to: &mut dyn Write) -> io::Result<()> {
        junit::document(self, to)
    }
}

#[cfg(test)]
mod tests;
