//! The commands' bodies: from what was typed to an exit code.

pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod validate;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use timefleet_agent::host::desired::Desired;

use crate::agents::AgentsError;
use crate::import::ImportError;
use crate::inventory::files::FilesError;
use crate::inventory::selection::SelectionError;
use crate::inventory::{self, Host, InputFile, Inputs, Inventory, Problem};
use crate::lab::LabError;
use crate::lint;
use crate::render::{RenderError, Templates, render_with};

/// Why a command ended without a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// An inventory is not there or cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Nobody of that name.
    #[error(
        "there is no {what} `{name}`{}",
        .similar.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    Unknown {
        /// `host in the inventory`, `key`.
        what: &'static str,
        /// As typed.
        name: String,
        /// What looks most like it.
        similar: Option<String>,
    },
    /// An inventory is wrong; its problems have been printed with their places.
    #[error("{} in {files}; nothing was touched", crate::report::quantity::errors_and_warnings(*errors, *warnings))]
    Input {
        /// How many.
        errors: usize,
        /// How many beside them.
        warnings: usize,
        /// Where, as the user named the files.
        files: String,
    },
    /// Hosts' files could not be made.
    #[error("{}", lines(.0))]
    Render(Vec<RenderError>),
    /// A host's files could not be written.
    #[error("{0}")]
    Write(RenderError),
    /// `--explain` names nothing.
    #[error("there is no rule `{name}`{}; there are:\n\n{list}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    NoSuchRule {
        /// As typed.
        name: String,
        /// The rule whose name looks most like it.
        help: Option<String>,
        /// All of them.
        list: String,
    },
    /// `--profile` names nothing.
    #[error("there is no profile `{name}`{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    NoSuchProfile {
        /// As typed.
        name: String,
        /// The profiles that are there.
        help: Option<String>,
    },
    /// `--deny` names nothing.
    #[error(transparent)]
    UnknownRule(#[from] lint::UnknownRule),
    /// Nothing could be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// There are more names than files.
    #[error("{hosts} times --host and {files}: give it once for each file, in their order", files = crate::report::quantity::count(*files, "file"))]
    MoreHostsThanFiles {
        /// `--host`.
        hosts: usize,
        /// Files.
        files: usize,
    },
    /// `--on` means nobody.
    #[error("--on: {0}")]
    Selection(#[from] SelectionError),
    /// The same, of one of several inventories.
    #[error("{files}: --on: {source}")]
    SelectionOf {
        /// As the user named the files.
        files: String,
        /// What is wrong.
        source: SelectionError,
    },
    /// Words are missing.
    #[error("explain what? timefleet explain INVENTORY HOST [KEY], or with -i INVENTORY: HOST [KEY]")]
    ExplainWhat,
    /// The directory of agents is not as it should be.
    #[error(transparent)]
    Agents(#[from] AgentsError),
    /// No lab.
    #[error("{0}")]
    Lab(#[from] LabError),
    /// The lab was stopped before it had anything to show.
    #[error("interrupted; the lab is gone")]
    Interrupted,
    /// This machine does not let us work.
    #[error("cannot start working: {0}")]
    Runtime(#[source] io::Error),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Output(#[source] io::Error),
    /// The report could not be turned into JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl CommandError {
    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Files(_)
            | Self::Unknown { .. }
            | Self::ExplainWhat
            | Self::Input { .. }
            | Self::Render(_)
            | Self::Import(_)
            | Self::MoreHostsThanFiles { .. }
            | Self::NoSuchRule { .. }
            | Self::NoSuchProfile { .. }
            | Self::UnknownRule(_)
            | Self::Selection(_)
            | Self::SelectionOf { .. }
            | Self::Agents(_) => 2,
            Self::Write(_)
            | Self::Lab(_)
            | Self::Interrupted
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Json(_) => 1,
        }
    }
}

fn lines(errors: &[RenderError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads inventories and checks them, as one. Problems are printed on standard error; errors among them are the end.
fn checked(paths: &[PathBuf]) -> Result<Inventory, CommandError> {
    let checked = lint::check(Inputs::read(paths)?, home().as_deref());
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = checked.print(&mut anstream::stderr().lock());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    checked.inventory.ok_or_else(|| CommandError::Input { errors, warnings, files: names(paths) })
}

/// Reads inventories as one; the rules are not asked. Problems are printed on standard error.
fn loaded(paths: &[PathBuf]) -> Result<Inventory, CommandError> {
    let inputs = Inputs::read(paths)?;
    inventory::load_inputs(&inputs, home().as_deref()).map_err(|problems| refused(&problems, &inputs, paths))
}

fn refused(problems: &[Problem], inputs: &Inputs, paths: &[PathBuf]) -> CommandError {
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = inventory::problem::print(problems, &inputs.files, &mut anstream::stderr().lock());
    CommandError::Input { errors: problems.len(), warnings: 0, files: names(paths) }
}

/// Inventories as the user named them.
fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Reads one file that is no inventory, or standard input.
fn read(path: &Path) -> Result<InputFile, FilesError> {
    let text = if path == Path::new("-") { stdin() } else { std::fs::read_to_string(path) };
    let text = text.map_err(|source| FilesError::Read { path: path.to_owned(), source })?;
    Ok(InputFile { name: path.display().to_string(), text })
}

fn stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// What should be true of these hosts, in their order: rendered in parallel, every error kept.
fn wishes(inventory: &Inventory, hosts: &[&Host]) -> Result<Vec<Desired>, CommandError> {
    wishes_by(inventory, hosts, None)
}

/// The same, with one template for the configurations of all hosts.
fn wishes_by(
    inventory: &Inventory,
    hosts: &[&Host],
    template: Option<&Path>,
) -> Result<Vec<Desired>, CommandError> {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    let templates = Templates::read(hosts, template).map_err(CommandError::Render)?;
    let rendered: Vec<_> = hosts.par_iter().map(|host| render_with(inventory, host, &templates)).collect();
    let mut wishes = Vec::with_capacity(rendered.len());
    let mut errors = Vec::new();
    for one in rendered {
        match one {
            Ok(wish) => wishes.push(wish),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(wishes) } else { Err(not_rendered(errors)) }
}

/// Whether the files of these hosts can be made; they are not kept: a large fleet has gigabytes of them.
fn renders(inventory: &Inventory, hosts: &[&Host]) -> Result<(), CommandError> {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    let templates = Templates::read(hosts, None).map_err(CommandError::Render)?;
    let kinds = inventory::kinds(hosts.iter().copied());
    let failed = kinds.par_iter().filter_map(|host| render_with(inventory, host, &templates).err());
    let errors: Vec<RenderError> = failed.collect();
    if errors.is_empty() { Ok(()) } else { Err(not_rendered(errors)) }
}

/// What is wrong with a template is wrong for every host that it serves: it is said once.
fn not_rendered(mut errors: Vec<RenderError>) -> CommandError {
    let mut told = HashSet::new();
    errors.retain(|error| match error {
        RenderError::Template { template, line, column, message, .. } => {
            told.insert((template.clone(), *line, *column, message.clone()))
        }
        _ => true,
    });
    CommandError::Render(errors)
}

/// Says on standard error why a command ended.
pub(crate) fn complain(error: &CommandError) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let said = inventory::problem::visible_lines(&error.to_string());
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = writeln!(anstream::stderr().lock(), "{style}error{style:#}: {said}");
}

/// Says on standard error what is good to know and no error.
fn remark(text: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr().lock(), "{style}note{style:#}: {text}");
}

/// Writes to standard output, colours only where they are wanted.
fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `timefleet audit … | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(CommandError::Output),
    }
}

/// Writes a document to standard output, byte for byte: what an escape sequence looks like is part of it.
fn print_exactly(text: &str) -> Result<(), CommandError> {
    print_document(|to| to.write_all(text.as_bytes()))
}

/// The same of a document that is written as it is made.
fn print_document(document: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match document(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(CommandError::Output),
    }
}
