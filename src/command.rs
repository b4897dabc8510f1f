//! The commands' bodies: from what was typed to an exit code.

pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod render;
pub(crate) mod validate;

use std::io::{self, Write};
use std::path::PathBuf;

use timefleet_agent::host::desired::Desired;

use crate::agents::AgentsError;
use crate::inventory::files::FilesError;
use crate::inventory::selection::SelectionError;
use crate::inventory::{Host, Inputs, Inventory};
use crate::lab::LabError;
use crate::lint;
use crate::render::RenderError;

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
    #[error("{count} in {files}; nothing was touched", count = crate::report::quantity::count(*errors, "error"))]
    Input {
        /// How many.
        errors: usize,
        /// Where, as the user named the files.
        files: String,
    },
    /// Hosts' files could not be made.
    #[error("{}", lines(.0))]
    Render(Vec<RenderError>),
    /// `--on` means nobody.
    #[error("--on: {0}")]
    Selection(#[from] SelectionError),
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
            | Self::Selection(_)
            | Self::Agents(_) => 2,
            Self::Lab(_) | Self::Interrupted | Self::Runtime(_) | Self::Output(_) | Self::Json(_) => 1,
        }
    }
}

fn lines(errors: &[RenderError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads inventories and checks them, as one. Problems are printed on standard error; errors among them are the end.
fn checked(paths: &[PathBuf]) -> Result<Inventory, CommandError> {
    checked_with_warnings(paths).map(|(inventory, _)| inventory)
}

/// The same, with the number of warnings that were printed.
fn checked_with_warnings(paths: &[PathBuf]) -> Result<(Inventory, usize), CommandError> {
    let checked = lint::check(Inputs::read(paths)?, home().as_deref());
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = checked.print(&mut anstream::stderr().lock());
    let (errors, warnings) = (checked.errors(), checked.warnings());
    let inventory = checked.inventory.ok_or_else(|| wrong_input(paths, errors))?;
    Ok((inventory, warnings))
}

fn wrong_input(paths: &[PathBuf], errors: usize) -> CommandError {
    let files = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    CommandError::Input { errors, files }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// What should be true of these hosts, in their order: rendered in parallel, every error kept.
fn wishes(inventory: &Inventory, hosts: &[&Host]) -> Result<Vec<Desired>, CommandError> {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    let rendered: Vec<_> = hosts.par_iter().map(|host| crate::render::render(inventory, host)).collect();
    let mut wishes = Vec::with_capacity(rendered.len());
    let mut errors = Vec::new();
    for one in rendered {
        match one {
            Ok(wish) => wishes.push(wish),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(wishes) } else { Err(CommandError::Render(errors)) }
}

/// Whether the files of every host can be made; they are not kept: a large fleet has gigabytes of them.
fn renders(inventory: &Inventory) -> Result<(), CommandError> {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    let hosts = inventory.kinds();
    let failed = hosts.par_iter().filter_map(|host| crate::render::render(inventory, host).err());
    let errors: Vec<RenderError> = failed.collect();
    if errors.is_empty() { Ok(()) } else { Err(CommandError::Render(errors)) }
}

/// Says on standard error why a command ended.
pub(crate) fn complain(error: &CommandError) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    // Whoever closed standard error does not want to know; the exit code says it all the same.
    let _ = writeln!(anstream::stderr().lock(), "{style}error{style:#}: {error}");
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
