//! `import`: an inventory from what another tool knows.

use std::io::Write;
use std::path::PathBuf;

use super::CommandError;
use crate::cli::{ImportArgs, ImportFrom};
use crate::import::{self, ConfFile, Imported, Wishes};
use crate::inventory::InputFile;
use crate::lint;
use crate::render::directory;

/// `timefleet import`
pub(crate) fn run(from: &ImportFrom) -> Result<u8, CommandError> {
    match from {
        ImportFrom::Ansible(args) => {
            let InputFile { name, text } = super::read(&args.file)?;
            let name = if name == "-" { "standard input".to_owned() } else { name };
            let imported = import::ansible(&name, &text, &wishes(&args.common))?;
            write(&imported, args.common.output.as_ref())
        }
        ImportFrom::ChronyConf(args) => {
            let (hosts, files) = (args.hosts.len(), args.files.len());
            if hosts > files {
                return Err(CommandError::MoreHostsThanFiles { hosts, files });
            }
            let mut hosts = args.hosts.iter().cloned();
            let files = args.files.iter().map(|path| {
                let InputFile { name, text } = super::read(path)?;
                Ok(ConfFile { name, text, host: hosts.next() })
            });
            let files = files.collect::<Result<Vec<_>, CommandError>>()?;
            let imported = import::chrony_conf(&files, &wishes(&args.common))?;
            write(&imported, args.common.output.as_ref())
        }
    }
}

fn wishes(args: &ImportArgs) -> Wishes {
    Wishes { fleet: args.fleet.clone(), pool: args.pool.clone() }
}

/// Writes it, says what did not get into it, and checks it as `validate` would.
fn write(imported: &Imported, output: Option<&PathBuf>) -> Result<u8, CommandError> {
    match output {
        Some(path) => directory::replace(path, &imported.text).map_err(CommandError::Write)?,
        None => super::print(&imported.text)?,
    }
    for remark in &imported.remarks {
        let _ = writeln!(anstream::stderr().lock(), "{remark}");
    }
    let name = output.map_or_else(|| "the inventory".to_owned(), |path| path.display().to_string());
    let file = InputFile { name: name.clone(), text: imported.text.clone() };
    let checked = lint::check(vec![file], super::home().as_deref());
    // What could be better is for `validate` to say; what does not validate is for the import to answer for.
    if checked.errors() > 0 {
        let _ = checked.print(&mut anstream::stderr().lock());
    }
    let (errors, warnings) = (checked.errors(), checked.warnings());
    let inventory = checked.inventory.ok_or(CommandError::Input { errors, warnings, files: name })?;
    super::renders(&inventory, &inventory.hosts.iter().collect::<Vec<_>>()).map(|()| 0)
}
