//! [`Inventory`] to findings: what would fail at three in the morning, told before a host is touched.
//!
//! Every rule has a name, a place, a reason and a cure (`catalogue`). A finding that many hosts share is told once. What
//! the inventory allows (`allow_rules`) is put aside with its reason; profiles and `--deny` make the `Policy`.

mod access;
pub(crate) mod catalogue;
mod duplicates;
pub(crate) mod explain;
mod extra;
mod extra_lines;
mod families;
mod gathered;
mod hosts;
mod keys;
mod orphans;
mod policy;
mod ports;
pub(crate) mod profile;
mod public;
mod redundancy;
mod regimes;
pub(crate) mod rule;
mod servers;
mod site;
mod sources;
mod strata;
mod topology;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

pub(crate) use access::Access;
pub(crate) use catalogue::RULES;
pub(crate) use extra_lines::ExtraLines;
pub(crate) use policy::{Policy, UnknownRule};
pub(crate) use ports::nobody_at;
pub(crate) use site::{Lines, all_upstreams, own_clock};

use gathered::Gathered;
use site::Site;
use strata::Strata;
pub(crate) use topology::components;

use crate::inventory::problem::others;
use crate::inventory::selection::{Selection, SelectionError};
use crate::inventory::{self, Host, Inputs, Inventory, Origin, Place, Problem, Severity, Sourced};

/// Everything that can be said of inventories without touching a host.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Only when there are no errors at all, neither of the language nor of the rules.
    ///
    /// Where only some hosts were asked about: no errors that concern them.
    pub(crate) inventory: Option<Inventory>,
    /// The inventory when it could be read but breaks rules: to be looked at, never to be applied.
    pub(crate) refused: Option<Inventory>,
    /// Indices of the hosts that were asked about, ascending; `None`: all, or nobody knows yet.
    pub(crate) selected: Option<Vec<usize>>,
    /// Errors and warnings, in the order of the files.
    pub(crate) problems: Vec<Problem>,
    /// Findings that the inventory allows, in the order of the files.
    pub(crate) allowed: Vec<Allowed>,
    inputs: Inputs,
}

/// A finding that the inventory allows.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    /// What would have been told.
    pub(crate) problem: Problem,
    /// Why it is fine, in the inventory's words; several, where several hosts have a part in it.
    pub(crate) reason: String,
    /// Where that is written, the first of them.
    pub(crate) place: Option<Place>,
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

    /// Where the text that places call so stands.
    pub(crate) fn origin(&self, file: &str) -> Origin {
        self.inputs.origin(file)
    }

    /// Prints every problem with a caret under the characters that are meant. The text carries colours: give it an
    /// `anstream` stream (which drops them for files and with NO_COLOR).
    ///
    /// # Errors
    /// Those of the stream.
    pub(crate) fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        inventory::problem::print(&self.problems, &self.inputs.files, to)
    }
}

/// Loads what was read (see [`inventory::load_inputs`]) and holds it against every rule that is always on.
pub(crate) fn check(inputs: impl Into<Inputs>, home: Option<&Path>) -> Checked {
    check_with(inputs, home, &Policy::default())
}

/// Loads what was read and holds it against the rules of a policy.
pub(crate) fn check_with(inputs: impl Into<Inputs>, home: Option<&Path>, policy: &Policy) -> Checked {
    let inputs = inputs.into();
    match inventory::load_inputs(&inputs, home) {
        Err(problems) => unreadable(problems, inputs),
        Ok(inventory) => judged(inventory, inputs, policy, None),
    }
}

/// The same, and tells of it only what concerns the hosts of a selection. What the language itself refuses is told in
/// any case, and then nobody knows yet whom the selection means.
///
/// # Errors
/// A selection that does not fit the inventory.
pub(crate) fn check_on(
    inputs: Inputs,
    home: Option<&Path>,
    policy: &Policy,
    selection: &Selection,
) -> Result<Checked, SelectionError> {
    match inventory::load_inputs(&inputs, home) {
        Err(problems) => Ok(unreadable(problems, inputs)),
        Ok(inventory) => {
            let selected = selection.of(&inventory)?;
            Ok(judged(inventory, inputs, policy, Some(selected)))
        }
    }
}

fn unreadable(mut problems: Vec<Problem>, inputs: Inputs) -> Checked {
    for problem in &mut problems {
        // Rules that the language itself keeps: their reasons and cures are here, with all the others.
        if let Some(rule) = problem.rule.and_then(rule::by_name) {
            problem.reason = Some(rule.reason);
            problem.help.get_or_insert_with(|| rule.cure.to_owned());
        }
    }
    Checked { inventory: None, refused: None, selected: None, problems, allowed: Vec::new(), inputs }
}

fn judged(inventory: Inventory, inputs: Inputs, policy: &Policy, selected: Option<Vec<usize>>) -> Checked {
    let (mut problems, mut allowed) = lint(&inventory, policy, selected.as_deref());
    inventory::finish(&mut problems, &inputs);
    inventory::problem::sort_by_place(&mut allowed, &inputs.files, |allowed| &allowed.problem);
    for Allowed { problem, .. } in &mut allowed {
        problem.chain = inputs.chain(&problem.place.file);
    }
    let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
    let (inventory, refused) = if wrong { (None, Some(inventory)) } else { (Some(inventory), None) };
    Checked { inventory, refused, selected, problems, allowed, inputs }
}

/// Holds an inventory against the rules: what is left to tell of the selected hosts (indices), and what it allows.
fn lint(inventory: &Inventory, policy: &Policy, selected: Option<&[usize]>) -> (Vec<Problem>, Vec<Allowed>) {
    let lines = Lines::of(inventory);
    let site = Site::new(inventory, &lines);
    let strata = Strata::new(&site);
    let names = |selected: &[usize]| -> HashSet<&str> {
        selected.iter().filter_map(|&host| Some(inventory.hosts.get(host)?.name.as_str())).collect()
    };
    let mut findings = Gathered::new(policy, selected.map(names));
    hosts::check(inventory, &mut findings);
    sources::check(&site, &mut findings);
    ports::check(&site, &mut findings);
    families::check(&site, &mut findings);
    keys::check(&site, &mut findings);
    redundancy::check(&site, &mut findings);
    duplicates::check(&site, &mut findings);
    access::check(&site, &mut findings);
    topology::check(&site, &mut findings);
    orphans::check(&site, &mut findings);
    servers::check(&site, &strata, &mut findings);
    strata::check(&site, &strata, &mut findings);
    public::check(&site, &mut findings);
    extra::check(&site, &mut findings);
    regimes::check(&site, &mut findings);
    findings.finish(inventory)
}

/// Where a value was written, or else where its host was declared.
fn place_or_host<T>(value: &Sourced<T>, host: &Host) -> Place {
    value.place.clone().unwrap_or_else(|| host.place.clone())
}

/// A count and its noun: `1 source`, `5 sources`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests;
