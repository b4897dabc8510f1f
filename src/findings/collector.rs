//! What `lint` found, inventory by inventory, as one report.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{
    Allowance, Allowed, Checkup, Finding, Findings, Fleet, LANGUAGE, Second, Span, Spot, Summary, Tool, path,
};
use crate::inventory::{Origin, Place, Problem, Severity};
use crate::lint::{self, Checked};

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

    /// Adds one inventory: the names it was called by, what was found in it (`None`: it could not be read), and what went
    /// wrong without a place.
    pub(crate) fn add(&mut self, names: &[String], checked: Option<&Checked>, failures: &[String]) {
        let files: Vec<String> = names.iter().map(|file| path::relative(file, self.directory)).collect();
        let mut checkup = Checkup { files, fleet: None, findings: Vec::new(), allowed: Vec::new() };
        if let Some(checked) = checked {
            let origin = |file: &str| checked.origin(file);
            let problems = checked.problems.iter();
            checkup.findings = problems.map(|problem| self.placed(problem, &origin)).collect();
            let allowed = checked.allowed.iter();
            checkup.allowed = allowed.map(|allowed| self.allowed(allowed, &origin)).collect();
            checkup.fleet =
                checked.inventory.as_ref().filter(|_| failures.is_empty()).map(|inventory| Fleet {
                    name: inventory.fleet.value.clone(),
                    hosts: inventory.hosts.len(),
                    groups: inventory.groups.len(),
                    selected: checked.selected.as_ref().map(Vec::len),
                });
        }
        let first = checkup.files.first().cloned().unwrap_or_default();
        checkup.findings.extend(failures.iter().map(|failure| self.unplaced(failure, &first)));
        self.inventories.push(checkup);
    }

    /// The report.
    pub(crate) fn finish(self) -> Findings {
        let mut summary = Summary::default();
        for inventory in &self.inventories {
            let errors =
                inventory.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            summary.errors += errors;
            summary.warnings += inventory.findings.len() - errors;
            summary.allowed += inventory.allowed.len();
        }
        Findings {
            version: 1,
            tool: Tool { name: "timefleet", version: env!("CARGO_PKG_VERSION") },
            exit_code: if summary.errors == 0 { 0 } else { 2 },
            summary,
            inventories: self.inventories,
        }
    }

    fn placed(&mut self, problem: &Problem, origin: &dyn Fn(&str) -> Origin) -> Finding {
        let spot = |place: &Place| spot(place, origin(&place.file), self.directory);
        let second = problem.second.as_ref();
        let second = second.map(|(place, label)| Second { label: label.clone(), spot: spot(place) });
        let included_from = problem.chain.iter().map(spot).collect();
        let place = spot(&problem.place);
        Finding {
            severity: problem.severity,
            rule: problem.rule,
            message: problem.message.clone(),
            reason: problem.reason.map(str::to_owned),
            help: problem.help.clone(),
            notes: problem.notes.clone(),
            second,
            included_from,
            fingerprint: self.fingerprint(problem.rule.unwrap_or(LANGUAGE), &place.file, &problem.message),
            place,
        }
    }

    fn allowed(&mut self, allowed: &lint::Allowed, origin: &dyn Fn(&str) -> Origin) -> Allowed {
        let place = allowed.place.as_ref().map(|place| spot(place, origin(&place.file), self.directory));
        let allowance = Allowance { reason: allowed.reason.clone(), place };
        Allowed { finding: self.placed(&allowed.problem, origin), allowed: allowance }
    }

    fn unplaced(&mut self, message: &str, file: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            rule: None,
            message: message.to_owned(),
            reason: None,
            help: None,
            notes: Vec::new(),
            place: Spot { file: file.to_owned(), origin: Origin::File, span: None },
            second: None,
            included_from: Vec::new(),
            fingerprint: self.fingerprint(LANGUAGE, file, message),
        }
    }

    /// From what does not change when lines are added above: the rule, the file, the words.
    fn fingerprint(&mut self, rule: &'static str, file: &str, message: &str) -> String {
        let times = self.seen.entry((rule, file.to_owned(), message.to_owned())).or_default();
        *times += 1;
        let digest = Sha256::digest(format!("{rule}\0{file}\0{message}\0{times}"));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn spot(place: &Place, origin: Origin, directory: &Path) -> Spot {
    let Place { line, column, length, .. } = *place;
    let span = Span { line, column, end_column: column.saturating_add(length) };
    Spot { file: path::relative(&place.file, directory), origin, span: Some(span) }
}
