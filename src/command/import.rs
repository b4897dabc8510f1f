//! `import`: an inventory from what another tool knows.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::cli::{ImportArgs, ImportFrom};
use crate::import::{self, ConfFile, ImportError, Imported, Wishes};
use crate::inventory::InputFile;
use crate::inventory::files::FilesError;
use crate::lint;
use crate::render::directory;

/// `timefleet import`
pub(crate) fn run(from: &ImportFrom) -> Result<u8, CommandError> {
    match from {
        ImportFrom::Ansible(args) => {
            apart(std::slice::from_ref(&args.file), args.common.output.as_deref())?;
            let name = args.file.display().to_string();
            let name = if name == "-" { "standard input".to_owned() } else { name };
            let imported = import::ansible(&name, &read(&args.file)?, &wishes(&args.common))?;
            write(&imported, args.common.output.as_ref())
        }
        ImportFrom::ChronyConf(args) => {
            let (hosts, files) = (args.hosts.len(), args.files.len());
            if hosts > files {
                return Err(CommandError::MoreHostsThanFiles { hosts, files });
            }
            apart(&args.files, args.common.output.as_deref())?;
            let mut hosts = args.hosts.iter().cloned();
            let files = args.files.iter().map(|path| {
                Ok(ConfFile { name: path.display().to_string(), bytes: read(path)?, host: hosts.next() })
            });
            let files = files.collect::<Result<Vec<_>, CommandError>>()?;
            let imported = import::chrony_conf(&files, &wishes(&args.common))?;
            write(&imported, args.common.output.as_ref())
        }
    }
}

/// The bytes of a file or of standard input: what they must be, each kind of import knows itself.
fn read(path: &Path) -> Result<Vec<u8>, FilesError> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|source| FilesError::Read { path: path.to_owned(), source })
}

/// Nothing that is read is written over, by whatever name.
fn apart(files: &[PathBuf], output: Option<&Path>) -> Result<(), ImportError> {
    let same = |path: &Path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let Some((output, written)) = output.and_then(|output| Some((output, same(output)?))) else {
        return Ok(());
    };
    let source = |file: &PathBuf| same(if file == "-" { Path::new("/dev/stdin") } else { file });
    match files.iter().find(|file| source(file) == Some(written)) {
        Some(file) => Err(ImportError::Output {
            output: output.display().to_string(),
            file: file.display().to_string(),
        }),
        None => Ok(()),
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
