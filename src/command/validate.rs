//! `validate`: everything that can be said of inventories without touching a host.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::cli::{FindingsOutput, ValidateArgs};
use crate::findings::Collector;
use crate::inventory::files::FilesError;
use crate::inventory::problem::visible;
use crate::inventory::selection::Selection;
use crate::inventory::{self, Host, Inputs, Inventory, did_you_mean, suggestion};
use crate::lint::catalogue::RULES;
use crate::lint::profile::{self, CARRIED, Profile};
use crate::lint::{self, Allowed, Checked, Policy, explain, rule};
use crate::report::quantity::{count, errors_and_warnings};

/// `timefleet validate`
pub(crate) fn run(args: &ValidateArgs) -> Result<u8, CommandError> {
    if let Some(subject) = &args.explain {
        return super::print(&explained(subject)?).map(|()| 0);
    }
    let policy = policy(args)?;
    let whole = [args.inventories.as_slice()];
    let each: Vec<&[PathBuf]> = args.inventories.chunks(1).collect();
    let named = Named::read(if args.together { whole.as_slice() } else { each.as_slice() });
    match args.output {
        FindingsOutput::Human => for_people(named, args.on.as_ref(), &policy),
        output => for_programs(named, output, args.on.as_ref(), &policy),
    }
}

/// Files that are checked together, as the user named them.
struct Named<'a> {
    paths: &'a [PathBuf],
    inputs: Result<Inputs, FilesError>,
    /// The only file, whatever it was called.
    file: Option<PathBuf>,
}

impl<'a> Named<'a> {
    /// Reads everything that was named. A file that another one of them includes is checked as a part of that one, not
    /// alone: it need not make sense without it.
    fn read(sets: &[&'a [PathBuf]]) -> Vec<Self> {
        let mut named: Vec<Self> = sets.iter().map(|paths| Self::set(paths)).collect();
        let includes = |one: &Self, other: &Self| {
            one.inputs.as_ref().ok().zip(other.file.as_ref()).is_some_and(|(one, file)| one.includes(file))
        };
        // Of files that include each other the first is checked, and says so.
        let is_part = |(at, one): (usize, &Self)| {
            let mut others = named.iter().enumerate();
            others.any(|(by, other)| by != at && includes(other, one) && (by < at || !includes(one, other)))
        };
        let mut parts = named.iter().enumerate().map(is_part).collect::<Vec<_>>().into_iter();
        named.retain(|_| parts.next() != Some(true));
        named
    }

    fn set(paths: &'a [PathBuf]) -> Self {
        let file = match paths {
            [path] => path.canonicalize().ok(),
            _ => None,
        };
        Self { paths, inputs: Inputs::read(paths), file }
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
fn examine(named: Named<'_>, on: Option<&Selection>, policy: &Policy) -> Examined {
    let names = named.paths.iter().map(|path| path.display().to_string()).collect();
    match check(named.inputs, on, policy) {
        Err(failure) => Examined { names, checked: None, failure: Some(failure) },
        Ok(checked) => {
            let failure = checked.inventory.as_ref().and_then(|inventory| {
                let hosts: Vec<&Host> = match &checked.selected {
                    None => inventory.hosts.iter().collect(),
                    Some(selected) => selected.iter().filter_map(|&host| inventory.hosts.get(host)).collect(),
                };
                super::renders(inventory, &hosts).err()
            });
            Examined { names, checked: Some(checked), failure }
        }
    }
}

fn check(
    inputs: Result<Inputs, FilesError>,
    on: Option<&Selection>,
    policy: &Policy,
) -> Result<Checked, CommandError> {
    let (inputs, home) = (inputs?, super::home());
    match on {
        None => Ok(lint::check_with(inputs, home.as_deref(), policy)),
        Some(selection) => Ok(lint::check_on(inputs, home.as_deref(), policy, selection)?),
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
fn for_people(all: Vec<Named<'_>>, on: Option<&Selection>, policy: &Policy) -> Result<u8, CommandError> {
    let (mut errors, mut warnings) = (0, 0);
    let mut bad = Vec::new();
    let mut only_failure = None;
    let alone = all.len() == 1;
    for named in all {
        let examined = examine(named, on, policy);
        if let Some(checked) = &examined.checked {
            // Whoever closed standard error does not want to know; the exit code says it all the same.
            let mut stderr = std::io::BufWriter::new(anstream::stderr().lock());
            let _ = checked.print(&mut stderr).and_then(|()| stderr.flush());
        }
        let (more_errors, more_warnings) = examined.counts();
        (errors, warnings) = (errors + more_errors, warnings + more_warnings);
        let names = examined.names.join(", ");
        if more_errors > 0 {
            bad.push(names.clone());
        }
        match examined.failure {
            // Alone it is the command's own error; among others it is said where it belongs, and counted.
            Some(failure) if alone => only_failure = Some(failure),
            Some(CommandError::Selection(source)) => {
                super::complain(&CommandError::SelectionOf { files: names, source });
            }
            Some(failure) => super::complain(&failure),
            None => {
                let Some(checked) = examined.checked else { continue };
                let Some(inventory) = &checked.inventory else { continue };
                let known: String = checked.allowed.iter().map(allowed).collect();
                let asked = checked.selected.as_ref().map(Vec::len).zip(on);
                super::print(&format!("{names}: {}\n{known}", good(inventory, asked, more_warnings)))?;
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
fn for_programs(
    all: Vec<Named<'_>>,
    output: FindingsOutput,
    on: Option<&Selection>,
    policy: &Policy,
) -> Result<u8, CommandError> {
    let directory = std::env::current_dir().unwrap_or_default();
    let mut collector = Collector::new(&directory);
    for named in all {
        let Examined { names, checked, failure } = examine(named, on, policy);
        let failures: Vec<String> = failure.iter().map(ToString::to_string).collect();
        collector.add(&names, checked, &failures);
    }
    let findings = collector.finish();
    super::print_document(|to| match output {
        FindingsOutput::Human | FindingsOutput::Json => findings.json(to),
        FindingsOutput::Github => findings.github(to),
        FindingsOutput::Gitlab => findings.gitlab(to),
        FindingsOutput::Sarif => findings.sarif(to),
        FindingsOutput::Junit => findings.junit(to),
    })?;
    Ok(findings.exit_code())
}

/// The line of an inventory without errors; where only some hosts were asked about, how many and how.
fn good(inventory: &Inventory, asked: Option<(usize, &Selection)>, warnings: usize) -> String {
    let hosts = count(inventory.hosts.len(), "host");
    let what = match asked {
        None => format!("{hosts} in {}", count(inventory.groups.len(), "group")),
        Some((some, selection)) => format!("{some} of {hosts} (--on {selection})"),
    };
    let verdict = if warnings == 0 { "no problems".to_owned() } else { errors_and_warnings(0, warnings) };
    format!("fleet {}, {what}, {verdict}", visible(&inventory.fleet.value))
}

/// A finding that the inventory allows, and why.
fn allowed(allowed: &Allowed) -> String {
    let Allowed { problem, reason, place } = allowed;
    let rule = problem.rule.unwrap_or_default();
    let at = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let chain: String = problem.chain.iter().map(|place| format!("    included from {place}\n")).collect();
    let (message, reason) = (visible(&problem.message), visible(reason));
    format!("  {}: allowed[{rule}]: {message}\n    {at}because {reason}\n{chain}", problem.place)
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
        CommandError::Input { errors: problems.len(), warnings: 0, files: file.name }
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
    let near = did_you_mean(subject, names);
    Err(CommandError::NoSuchRule { name: subject.to_owned(), help: near, list: explain::all() })
}
