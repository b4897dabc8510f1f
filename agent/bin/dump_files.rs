//! The files of `dumpdir`: a source's samples each, in a form of our own.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use timefleet_agent::engine::Dump;

use crate::files::{self, FileError};

/// Other versions may tell their samples otherwise.
const FORM: &str = "timefleet-agent dump 1";
/// As chronyd names its files, whose names end so, too.
const SUFFIX: &str = ".dat";
/// 64 samples take 20 kB.
const LARGEST: u64 = 1 << 20;

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    form: String,
    #[serde(flatten)]
    dump: Dump,
}

/// Samples that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpFileError {
    #[error(transparent)]
    Write(#[from] FileError),
    #[error("cannot write {}: {source}", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not one of this agent's dump files: it is not used", path.display())]
    Foreign { path: PathBuf },
    #[error("cannot remove {}: {source}", path.display())]
    Remove { path: PathBuf, source: io::Error },
}

/// The machine's monotonic clock, which outlives every process, in nanoseconds.
pub(crate) fn uptime() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |now| i128::from(now.tv_sec()) * 1_000_000_000 + i128::from(now.tv_nsec()));
    u64::try_from(now).unwrap_or(0)
}

/// Writes a file for each source; the directory is made if it is missing.
pub(crate) fn write(directory: &Path, dumps: Vec<Dump>) -> Result<(), DumpFileError> {
    files::create_directory(directory, 0o750)?;
    for dump in dumps {
        let path = directory.join(format!("{}{SUFFIX}", dump.address));
        let content = Content { form: FORM.to_owned(), dump };
        let json = serde_json::to_vec(&content)
            .map_err(|source| DumpFileError::Json { path: path.clone(), source })?;
        files::write(&path, &json, 0o644)?;
    }
    Ok(())
}

/// Everything that earlier runs left, read if it is wanted, and removed in any case: the next run must not find it again.
pub(crate) fn take(directory: &Path, is_wanted: bool) -> Vec<Result<Dump, DumpFileError>> {
    let mut found = Vec::new();
    for path in paths(directory) {
        if is_wanted {
            found.push(read(&path));
        }
        if let Err(source) = std::fs::remove_file(&path) {
            found.push(Err(DumpFileError::Remove { path, source }));
        }
    }
    found
}

/// Files that are named by an address. Nothing else in the directory is touched.
fn paths(directory: &Path) -> Vec<PathBuf> {
    // There is no such directory before the first dump.
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let is_dump = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
        name.is_some_and(|name| name.parse::<IpAddr>().is_ok())
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_dump).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<Dump, DumpFileError> {
    let foreign = || DumpFileError::Foreign { path: path.to_owned() };
    let unreadable = |source| DumpFileError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(foreign());
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let content: Content = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
    if content.form == FORM { Ok(content.dump) } else { Err(foreign()) }
}

#[cfg(test)]
mod tests {
    use timefleet_agent::time::{Ppm, Wall};

    use super::*;

    fn dump(address: &str) -> Dump {
        Dump {
            address: address.parse().unwrap(),
            wall: Wall(7),
            uptime: uptime(),
            frequency: Ppm(1.0 / 3.0),
            samples: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_once() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("dump");
        assert!(take(&directory, true).is_empty());
        let dumps = vec![dump("192.0.2.1"), dump("2001:db8::1")];
        write(&directory, dumps.clone()).unwrap();
        assert!(directory.join("192.0.2.1.dat").exists() && directory.join("2001:db8::1.dat").exists());
        let found: Vec<Dump> = take(&directory, true).into_iter().map(Result::unwrap).collect();
        assert_eq!(found, dumps);
        assert!(take(&directory, true).is_empty());
        write(&directory, dumps).unwrap();
        assert!(take(&directory, false).is_empty());
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn files_of_others_are_told_and_those_with_other_names_left_alone() {
        let place = tempfile::tempdir().unwrap();
        for name in ["192.0.2.1.dat", "important.dat", "192.0.2.1"] {
            std::fs::write(place.path().join(name), "1.2 3.4\n").unwrap();
        }
        let found: Vec<String> =
            take(place.path(), true).into_iter().map(|it| it.unwrap_err().to_string()).collect();
        let expected = format!(
            "{}/192.0.2.1.dat is not one of this agent's dump files: it is not used",
            place.path().display()
        );
        assert_eq!(found, [expected]);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
    }
}
