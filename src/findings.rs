//! What was found in inventories, as programs read it: one report, and a face of it for each kind of reader.
//!
//! People read [`crate::lint::Checked::print`] instead.

mod github;
mod gitlab;
mod json;
mod junit;
mod path;
mod sarif;

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::inventory::{Place, Problem, Severity};

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
}

/// One inventory: a file, or several that were read as one.
#[derive(Debug, Serialize)]
pub(crate) struct Checkup {
    files: Vec<String>,
    /// Only of inventories without errors.
    fleet: Option<Fleet>,
    findings: Vec<Finding>,
}

/// What a good inventory holds.
#[derive(Debug, Serialize)]
pub(crate) struct Fleet {
    /// Its name.
    pub(crate) name: String,
    /// How many.
    pub(crate) hosts: usize,
    /// How many.
    pub(crate) groups: usize,
    /// How many of the hosts were asked about; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) selected: Option<usize>,
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    #[serde(serialize_with = "word")]
    severity: Severity,
    /// `None`: the inventory language itself.
    rule: Option<&'static str>,
    message: String,
    reason: Option<String>,
    help: Option<String>,
    place: Spot,
    second: Option<Second>,
    /// The same while the finding is the same, wherever its lines move to.
    fingerprint: String,
}

/// A file, and the characters in it where they are known.
#[derive(Debug, Serialize)]
struct Spot {
    /// As seen from the current directory, with forward slashes.
    file: String,
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

fn word<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.word())
}

/// Gathers what was found, inventory by inventory.
#[derive(Debug)]
pub(crate) struct Collector<'d> {
    /// What file names are relative to.
    directory: &'d Path,
    inventories: Vec<Checkup>,
    /// How often the same was found in the same file: the second time is another finding.
    seen: HashMap<(&'static str, String, String), usize>,
}

impl<'d> Collector<'d> {
    /// Nothing yet; `directory` is the current one.
    pub(crate) fn new(directory: &'d Path) -> Self {
        Self { directory, inventories: Vec::new(), seen: HashMap::new() }
    }

    /// Adds one inventory: its files, what is wrong with it, what went wrong without a place, and what it holds.
    pub(crate) fn add(
        &mut self,
        files: &[String],
        problems: &[Problem],
        failures: &[String],
        fleet: Option<Fleet>,
    ) {
        let files: Vec<String> = files.iter().map(|file| path::relative(file, self.directory)).collect();
        let mut findings: Vec<Finding> = problems.iter().map(|problem| self.placed(problem)).collect();
        let first = files.first().cloned().unwrap_or_default();
        findings.extend(failures.iter().map(|failure| self.unplaced(failure, &first)));
        self.inventories.push(Checkup { files, fleet, findings });
    }

    /// The report.
    pub(crate) fn finish(self) -> Findings {
        let mut summary = Summary::default();
        for finding in self.inventories.iter().flat_map(|inventory| &inventory.findings) {
            match finding.severity {
                Severity::Error => summary.errors += 1,
                Severity::Warning => summary.warnings += 1,
            }
        }
        Findings {
            version: 1,
            tool: Tool { name: "timefleet", version: env!("CARGO_PKG_VERSION") },
            exit_code: if summary.errors == 0 { 0 } else { 2 },
            summary,
            inventories: self.inventories,
        }
    }

    fn placed(&mut self, problem: &Problem) -> Finding {
        let place = self.spot(&problem.place);
        let fingerprint = self.fingerprint(problem.rule.unwrap_or(LANGUAGE), &place.file, &problem.message);
        let second = problem.second.as_ref();
        Finding {
            severity: problem.severity,
            rule: problem.rule,
            message: problem.message.clone(),
            reason: problem.reason.map(|reason| reason.to_string()),
            help: problem.help.clone(),
            second: second.map(|(place, label)| Second { label: label.clone(), spot: self.spot(place) }),
            place,
            fingerprint,
        }
    }

    fn unplaced(&mut self, message: &str, file: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            rule: None,
            message: message.to_owned(),
            reason: None,
            help: None,
            place: Spot { file: file.to_owned(), span: None },
            second: None,
            fingerprint: self.fingerprint(LANGUAGE, file, message),
        }
    }

    fn spot(&self, place: &Place) -> Spot {
        let Place { line, column, length, .. } = *place;
        let span = Span { line, column, end_column: column.saturating_add(length) };
        Spot { file: path::relative(&place.file, self.directory), span: Some(span) }
    }

    /// From what does not change when lines are added above: the rule, the file, the words.
    fn fingerprint(&mut self, rule: &'static str, file: &str, message: &str) -> String {
        let times = self.seen.entry((rule, file.to_owned(), message.to_owned())).or_default();
        *times += 1;
        let digest = Sha256::digest(format!("{rule}\0{file}\0{message}\0{times}"));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Findings {
    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        self.inventories.iter().flat_map(|inventory| &inventory.findings)
    }

    /// Everything, for programs of one's own.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        json::document(self)
    }

    /// Workflow commands: annotations on the lines of a pull request.
    pub(crate) fn github(&self) -> String {
        self.all().map(github::annotation).collect()
    }

    /// A Code Quality report.
    pub(crate) fn gitlab(&self) -> Result<String, serde_json::Error> {
        json::document(&self.all().map(gitlab::issue).collect::<Vec<_>>())
    }

    /// Static Analysis Results Interchange Format, 2.1.0.
    pub(crate) fn sarif(&self) -> Result<String, serde_json::Error> {
        json::document(&sarif::log(self))
    }

    /// Test results: an inventory is a suite, what was found in it are its failures.
    pub(crate) fn junit(&self) -> String {
        junit::document(self)
    }
}

#[cfg(test)]
mod tests;
