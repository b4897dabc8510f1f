//! What `lint` found, inventory by inventory, as one report.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    Allowance, Allowed, Checkup, Finding, Findings, Fleet, LANGUAGE, Second, Span, Spot, Summary, Tool, path,
};
use crate::inventory::problem::{visible, visible_lines};
use crate::inventory::{Origin, Place, Problem, Severity};
use crate::lint::{self, Checked};

/// Gathers what was found, inventory by inventory.
#[derive(Debug)]
pub(crate) struct Collector<'d> {
    /// What file names are relative to.
    directory: &'d Path,
    inventories: Vec<Checkup>,
    /// Names of files as they are shown, by what places call them.
    names: HashMap<Arc<str>, Arc<str>>,
    /// How often the same was found in the same file, by its fingerprint: the second time is another finding.
    seen: HashMap<[u8; 16], usize>,
}

impl<'d> Collector<'d> {
    /// Nothing yet; `directory` is the current one.
    pub(crate) fn new(directory: &'d Path) -> Self {
        Self { directory, inventories: Vec::new(), names: HashMap::new(), seen: HashMap::new() }
    }

    /// Adds one inventory: the names it was called by, what was found in it (`None`: it could not be read), and what went
    /// wrong without a place.
    pub(crate) fn add(&mut self, names: &[String], checked: Option<Checked>, failures: &[String]) {
        let files: Vec<String> = names.iter().map(|file| path::relative(file, self.directory)).collect();
        let mut checkup = Checkup { files, fleet: None, findings: Vec::new(), allowed: Vec::new() };
        if let Some(mut checked) = checked {
            let problems = std::mem::take(&mut checked.problems);
            let allowed = std::mem::take(&mut checked.allowed);
            let origin = |file: &str| checked.origin(file);
            checkup.findings = problems.into_iter().map(|problem| self.placed(problem, &origin)).collect();
            checkup.allowed = allowed.into_iter().map(|allowed| self.allowed(allowed, &origin)).collect();
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

    fn placed(&mut self, problem: Problem, origin: &dyn Fn(&str) -> Origin) -> Finding {
        let place = self.spot(&problem.place, origin);
        let fingerprint = self.fingerprint(problem.rule.unwrap_or(LANGUAGE), &place.file, &problem.message);
        let second = problem
            .second
            .map(|(place, label)| Second { label: shown(label), spot: self.spot(&place, origin) });
        Finding {
            severity: problem.severity,
            rule: problem.rule,
            message: shown(problem.message),
            reason: problem.reason,
            help: problem.help.map(shown),
            notes: problem.notes.into_iter().map(shown).collect(),
            second,
            included_from: problem.chain.iter().map(|place| self.spot(place, origin)).collect(),
            fingerprint,
            place,
        }
    }

    fn allowed(&mut self, allowed: lint::Allowed, origin: &dyn Fn(&str) -> Origin) -> Allowed {
        let place = allowed.place.map(|place| self.spot(&place, origin));
        let allowance = Allowance { reason: shown(allowed.reason), place };
        Allowed { finding: self.placed(allowed.problem, origin), allowed: allowance }
    }

    fn unplaced(&mut self, message: &str, file: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            rule: None,
            // What a program said last has lines.
            message: visible_lines(message),
            reason: None,
            help: None,
            notes: Vec::new(),
            place: Spot { file: Arc::from(file), origin: Origin::File, span: None },
            second: None,
            included_from: Vec::new(),
            fingerprint: self.fingerprint(LANGUAGE, file, message),
        }
    }

    fn spot(&mut self, place: &Place, origin: &dyn Fn(&str) -> Origin) -> Spot {
        let Place { line, column, length, .. } = *place;
        let span = Span { line, column, end_column: column.saturating_add(length) };
        let directory = self.directory;
        let name = self.names.entry(Arc::clone(&place.file));
        let name = name.or_insert_with(|| Arc::from(path::relative(&place.file, directory)));
        Spot { file: Arc::clone(name), origin: origin(&place.file), span: Some(span) }
    }

    /// From what does not change when lines are added above: the rule, the file, the words.
    fn fingerprint(&mut self, rule: &'static str, file: &str, message: &str) -> String {
        let print = |times: usize| {
            let digest = Sha256::digest(format!("{rule}\0{file}\0{message}\0{times}"));
            let mut print = [0; 16];
            print.iter_mut().zip(digest).for_each(|(to, byte)| *to = byte);
            print
        };
        let first = print(1);
        let times = self.seen.entry(first).or_default();
        *times += 1;
        let print = if *times == 1 { first } else { print(*times) };
        let digits = print.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
    }
}

/// Most words need no change and are not copied.
fn shown(text: String) -> String {
    match visible(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}
