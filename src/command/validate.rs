//! `validate`: everything that can be said of inventories without touching a host.

use std::path::PathBuf;

use super::CommandError;
use crate::cli::{FindingsOutput, ValidateArgs};
use crate::findings::{Collector, Fleet};
use crate::inventory::Inventory;
use crate::lint::{self, Checked};
use crate::report::quantity::{count, errors_and_warnings};

/// `timefleet validate`
pub(crate) fn run(args: &ValidateArgs) -> Result<u8, CommandError> {
    let whole = [args.inventories.as_slice()];
    let each: Vec<&[PathBuf]> = args.inventories.chunks(1).collect();
    let sets = if args.together { whole.as_slice() } else { each.as_slice() };
    match args.output {
        FindingsOutput::Human => for_people(sets),
        output => for_programs(sets, output),
    }
}

/// One inventory after all checks.
struct Examined {
    /// As the user named the files.
    names: Vec<String>,
    checked: Option<Checked>,
    /// What went wrong without a place in the inventory: a file that is not there, a template.
    failure: Option<CommandError>,
}

/// Checks files as one inventory, rendering included: what the agent's own parser would refuse is found here.
fn examine(paths: &[PathBuf]) -> Examined {
    let names = paths.iter().map(|path| path.display().to_string()).collect();
    match paths.iter().map(|path| super::read(path)).collect::<Result<Vec<_>, _>>() {
        Err(failure) => Examined { names, checked: None, failure: Some(failure) },
        Ok(files) => {
            let checked = lint::check(files, super::home().as_deref());
            let failure = checked.inventory.as_ref().and_then(|inventory| super::wishes(inventory).err());
            Examined { names, checked: Some(checked), failure }
        }
    }
}

impl Examined {
    fn counts(&self) -> (usize, usize) {
        let (errors, warnings) =
            self.checked.as_ref().map_or((0, 0), |checked| (checked.errors(), checked.warnings()));
        (errors + usize::from(self.failure.is_some()), warnings)
    }
}

/// Findings on standard error as they come, a line for each good inventory on standard output, the sum at the end.
fn for_people(sets: &[&[PathBuf]]) -> Result<u8, CommandError> {
    let (mut errors, mut warnings) = (0, 0);
    let mut bad = Vec::new();
    let mut only_failure = None;
    for paths in sets {
        let examined = examine(paths);
        if let Some(checked) = &examined.checked {
            // Whoever closed standard error does not want to know; the exit code says it all the same.
            let _ = checked.print(&mut anstream::stderr().lock());
        }
        let (more_errors, more_warnings) = examined.counts();
        (errors, warnings) = (errors + more_errors, warnings + more_warnings);
        let names = examined.names.join(", ");
        if more_errors > 0 {
            bad.push(names.clone());
        }
        match examined.failure {
            // Alone it is the command's own error; among others it is said where it belongs, and counted.
            Some(failure) if sets.len() == 1 => only_failure = Some(failure),
            Some(failure) => super::complain(&failure),
            None => {
                if let Some(inventory) = examined.checked.and_then(|checked| checked.inventory) {
                    super::print(&format!("{names}: {}\n", good(&inventory, more_warnings)))?;
                }
            }
        }
    }
    if let Some(failure) = only_failure {
        return Err(failure);
    }
    if errors > 0 {
        return Err(CommandError::Input { errors, warnings, files: bad.join(", ") });
    }
    Ok(0)
}

/// One document on standard output, whatever was found.
fn for_programs(sets: &[&[PathBuf]], output: FindingsOutput) -> Result<u8, CommandError> {
    let directory = std::env::current_dir().unwrap_or_default();
    let mut collector = Collector::new(&directory);
    for paths in sets {
        let Examined { names, checked, failure } = examine(paths);
        let failures: Vec<String> = failure.iter().map(ToString::to_string).collect();
        let problems = checked.as_ref().map_or(&[][..], |checked| &checked.problems);
        let fleet = checked.as_ref().and_then(|checked| checked.inventory.as_ref()).map(|inventory| Fleet {
            name: inventory.fleet.value.clone(),
            hosts: inventory.hosts.len(),
            groups: inventory.groups.len(),
        });
        collector.add(&names, problems, &failures, fleet.filter(|_| failures.is_empty()));
    }
    let findings = collector.finish();
    let document = match output {
        FindingsOutput::Human | FindingsOutput::Json => findings.json()?,
        FindingsOutput::Github => findings.github(),
        FindingsOutput::Gitlab => findings.gitlab()?,
        FindingsOutput::Sarif => findings.sarif()?,
        FindingsOutput::Junit => findings.junit(),
    };
    super::print_exactly(&document)?;
    Ok(findings.exit_code())
}

fn good(inventory: &Inventory, warnings: usize) -> String {
    let hosts = count(inventory.hosts.len(), "host");
    let groups = count(inventory.groups.len(), "group");
    let verdict = if warnings == 0 { "no problems".to_owned() } else { errors_and_warnings(0, warnings) };
    format!("fleet {}, {hosts} in {groups}, {verdict}", inventory.fleet.value)
}
