//! `validate`: everything that can be said of inventories without touching a host.

use std::path::{Path, PathBuf};

use super::CommandError;
use crate::cli::ValidateArgs;
use crate::inventory::{self, Inventory, suggestion};
use crate::lint::catalogue::RULES;
use crate::lint::profile::{self, CARRIED, Profile};
use crate::lint::{Allowed, Policy, explain, rule};
use crate::report::quantity::count;

/// `timefleet validate`
pub(crate) fn run(args: &ValidateArgs) -> Result<u8, CommandError> {
    if let Some(subject) = &args.explain {
        return super::print(&explained(subject)?).map(|()| 0);
    }
    let policy = policy(args)?;
    if args.together {
        return one(&args.inventories, &policy).map(|()| 0);
    }
    let mut worst = Ok(0);
    for path in &args.inventories {
        if let Err(error) = one(std::slice::from_ref(path), &policy) {
            // Every file is checked; the last error is the command's, the others are said here.
            if let Err(before) = std::mem::replace(&mut worst, Err(error)) {
                super::complain(&before);
            }
        }
    }
    worst
}

/// Checks files as one inventory, rendering included: what the agent's own parser would refuse is found here.
fn one(paths: &[PathBuf], policy: &Policy) -> Result<(), CommandError> {
    let checked = super::checked_against(paths, policy)?;
    super::wishes(&checked.inventory)?;
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let allowed: String = checked.allowed.iter().map(allowed).collect();
    super::print(&format!("{names}: {}\n{allowed}", good(&checked.inventory, checked.warnings)))
}

fn good(inventory: &Inventory, warnings: usize) -> String {
    let hosts = count(inventory.hosts.len(), "host");
    let groups = count(inventory.groups.len(), "group");
    let verdict = if warnings == 0 { "no problems".to_owned() } else { count(warnings, "warning") };
    format!("fleet {}, {hosts} in {groups}, {verdict}", inventory.fleet.value)
}

/// A finding that the inventory allows, and why.
fn allowed(allowed: &Allowed) -> String {
    let Allowed { problem, reason, place } = allowed;
    let rule = problem.rule.unwrap_or_default();
    let at = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    format!("  {}: allowed[{rule}]: {}\n    {at}because {reason}\n", problem.place, problem.message)
}

fn policy(args: &ValidateArgs) -> Result<Policy, CommandError> {
    let mut policy = Policy::default();
    for name in &args.profile {
        policy.add(&profile(name)?);
    }
    for name in &args.deny {
        policy.deny(name)?;
    }
    Ok(policy)
}

/// A profile that is carried along, or else a file.
fn profile(name: &str) -> Result<Profile, CommandError> {
    let path = Path::new(name);
    let file = match profile::carried(name) {
        Some(file) => file,
        None if !path.exists() && !name.contains(['/', '.']) => {
            let help = suggestion(name, CARRIED.iter().map(|(name, _)| *name));
            return Err(CommandError::NoSuchProfile { name: name.to_owned(), help });
        }
        None => super::read(path)?,
    };
    profile::read(&file).map_err(|problems| {
        // Whoever closed standard error does not want to know; the exit code says it all the same.
        let files = [file];
        let _ = inventory::problem::print(&problems, &files, &mut anstream::stderr().lock());
        let [file] = files;
        CommandError::Input { errors: problems.len(), files: file.name }
    })
}

fn explained(subject: &str) -> Result<String, CommandError> {
    if subject == "all" {
        return Ok(explain::all());
    }
    if let Some(name) = subject.strip_prefix("profile:") {
        return Ok(explain::profile(&profile(name)?));
    }
    if let Some(rule) = rule::by_name(subject) {
        return Ok(explain::rule(rule));
    }
    let names = RULES.iter().map(|rule| rule.name);
    let near = suggestion(subject, names).filter(|help| help.starts_with("did"));
    Err(CommandError::NoSuchRule { name: subject.to_owned(), help: near, list: explain::all() })
}
