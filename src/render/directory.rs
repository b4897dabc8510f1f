//! The files of every host in a directory: `DIR/HOST/etc/timefleet/agent.conf`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use timefleet_agent::host::desired::{Daemon, Desired};

use super::RenderError;

/// What became of the files.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Written {
    /// Files that are new or different now.
    pub(crate) written: usize,
    /// Files that were as they should be.
    pub(crate) unchanged: usize,
    /// What lies there and belongs to no host, or no more to its host.
    pub(crate) left: Vec<PathBuf>,
}

/// The files of a host, each with its path on the host. `~`, a home that is known on the host only, is `HOME`;
/// where a chronyd has its file is known on the host only, too.
pub(crate) fn files(wish: &Desired) -> Vec<(PathBuf, &str)> {
    let config = wish.config.as_str();
    match &wish.daemon {
        Daemon::AgentSystemd { layout, unit_file, unit, .. } => {
            vec![(below(&layout.config), config), (below(unit_file), unit)]
        }
        Daemon::AgentProcess { layout, .. } => vec![(below(&layout.config), config)],
        Daemon::Chronyd => vec![(PathBuf::from("chrony.conf"), config)],
    }
}

fn below(path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => Path::new("HOME").join(rest),
        None => PathBuf::from(path.trim_start_matches('/')),
    }
}

/// Writes the files of `wishes` below `directory`. `hosts` are all names of the inventory: directories of others are
/// left alone and reported, and so are files that a host has no more.
///
/// # Errors
/// The first file or directory that could not be written or looked at.
pub(crate) fn write<'w>(
    directory: &Path,
    wishes: impl Iterator<Item = &'w Desired>,
    hosts: &HashSet<&str>,
) -> Result<Written, RenderError> {
    let mut result = Written::default();
    make(directory)?;
    for wish in wishes {
        let home = directory.join(&wish.host);
        let mut expected = HashSet::new();
        for (path, text) in files(wish) {
            let path = home.join(path);
            if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                result.unchanged += 1;
            } else {
                replace(&path, text)?;
                result.written += 1;
            }
            expected.insert(path);
        }
        leftovers(&home, &expected, &mut result.left)?;
    }
    for entry in listed(directory)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() && !name.starts_with('.') && !hosts.contains(name.as_str()) {
            result.left.push(entry);
        }
    }
    result.left.sort();
    Ok(result)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> RenderError + '_ {
    |why| RenderError::Write { path: path.to_owned(), why: why.to_string() }
}

fn make(directory: &Path) -> Result<(), RenderError> {
    fs::create_dir_all(directory).map_err(failed(directory))
}

fn listed(directory: &Path) -> Result<Vec<PathBuf>, RenderError> {
    let entries = fs::read_dir(directory).map_err(failed(directory))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed(directory))).collect()
}

/// Files below a host's directory that are not its own any more.
fn leftovers(
    directory: &Path,
    expected: &HashSet<PathBuf>,
    left: &mut Vec<PathBuf>,
) -> Result<(), RenderError> {
    for path in listed(directory)? {
        if path.is_dir() && !path.is_symlink() {
            leftovers(&path, expected, left)?;
        } else if !expected.contains(&path) {
            left.push(path);
        }
    }
    Ok(())
}

/// Beside its place first, synced, then renamed: nobody ever sees half of it.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), RenderError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    make(directory)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let write = || -> io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|why| {
        let _ = fs::remove_file(&beside);
        failed(path)(why)
    })
}
