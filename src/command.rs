//! The commands' bodies: from what was typed to an exit code.

pub(crate) mod fleet;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod lab;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod validate;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use timefleet_agent::host::desired::Desired;

use crate::agents::AgentsError;
use crate::import::ImportError;
use crate::inventory::{InputFile, Inventory};
use crate::lab::LabError;
use crate::lint;
use crate::render::{RenderError, Templates, render_with};

/// Why a command ended without a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// An inventory is not there or cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's words.
        source: io::Error,
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
    /// There is no such host.
    #[error("there is no host `{name}` in the inventory{}", .similar.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    NoSuchHost {
        /// As typed.
        name: String,
        /// The host whose name looks most like it.
        similar: Option<String>,
    },
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
            Self::Read { .. }
            | Self::Input { .. }
            | Self::Render(_)
            | Self::Import(_)
            | Self::MoreHostsThanFiles { .. }
            | Self::NoSuchHost { .. }
            | Self::NoSuchRule { .. }
            | Self::NoSuchProfile { .. }
            | Self::UnknownRule(_)
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
    let files = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let names = files.iter().map(|file| file.name.clone()).collect::<Vec<_>>().join(", ");
    let checked = lint::check(files, home().as_deref());
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = checked.print(&mut anstream::stderr().lock());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    checked.inventory.ok_or(CommandError::Input { errors, warnings, files: names })
}

fn read(path: &Path) -> Result<InputFile, CommandError> {
    let text = if path == Path::new("-") { stdin() } else { std::fs::read_to_string(path) };
    let text = text.map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
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

/// What should be true of every host, in the inventory's order: rendered in parallel, every error kept.
fn wishes(inventory: &Inventory) -> Result<Vec<Desired>, CommandError> {
    wishes_by(inventory, None)
}

/// The same, with one template for the configurations of all hosts.
fn wishes_by(inventory: &Inventory, template: Option<&Path>) -> Result<Vec<Desired>, CommandError> {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    let templates = Templates::read(inventory, template).map_err(CommandError::Render)?;
    let rendered: Vec<_> =
        inventory.hosts.par_iter().map(|host| render_with(inventory, host, &templates)).collect();
    let mut wishes = Vec::with_capacity(rendered.len());
    let mut errors = Vec::new();
    for one in rendered {
        match one {
            Ok(wish) => wishes.push(wish),
            Err(error) => errors.push(error),
        }
    }
    // What is wrong with a template is wrong for every host that it serves: it is said once.
    let mut told = HashSet::new();
    errors.retain(|error| match error {
        RenderError::Template { template, line, column, message, .. } => {
            told.insert((template.clone(), *line, *column, message.clone()))
        }
        _ => true,
    });
    if errors.is_empty() { Ok(wishes) } else { Err(CommandError::Render(errors)) }
}

/// Says on standard error why a command ended.
pub(crate) fn complain(error: &CommandError) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = writeln!(anstream::stderr().lock(), "{style}error{style:#}: {error}");
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
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(CommandError::Output),
    }
}
