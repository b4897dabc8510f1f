//! The files of `log` in `logdir`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use timefleet_agent::record::{LogFile, Record};

use crate::files::{self, FileError};

/// Readable by everybody who may enter the directory, as chronyd's are.
const DIRECTORY_MODE: u32 = 0o750;

/// Open files, each from its first record on.
#[derive(Debug)]
pub(crate) struct LogFiles {
    directory: PathBuf,
    /// The names of the columns stand above every so many lines.
    banner: u32,
    open: BTreeMap<LogFile, Open>,
    /// The last write did not work, which was told.
    is_failing: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: u32,
}

/// A record could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogFileError {
    #[error("no log files: {0}")]
    Directory(#[from] FileError),
    #[error("cannot write to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl LogFiles {
    /// Makes the directory if it is missing.
    pub(crate) fn new(directory: PathBuf, banner: u32) -> Result<Self, LogFileError> {
        files::create_directory(&directory, DIRECTORY_MODE)?;
        Ok(Self { directory, banner, open: BTreeMap::new(), is_failing: false })
    }

    /// Appends a record. A disk that stays full is complained about once.
    pub(crate) fn write(&mut self, record: &Record) -> Result<(), LogFileError> {
        let path = self.directory.join(record.file().name());
        let result = self.append(record);
        let was_failing = std::mem::replace(&mut self.is_failing, result.is_err());
        match result {
            Err(source) if !was_failing => Err(LogFileError::Write { path, source }),
            _ => Ok(()),
        }
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let kind = record.file();
        let open = match self.open.entry(kind) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let path = self.directory.join(kind.name());
                let file = OpenOptions::new().append(true).create(true).open(path)?;
                place.insert(Open { file, lines: 0 })
            }
        };
        let has_banner = self.banner > 0 && open.lines.is_multiple_of(self.banner);
        let banner = if has_banner { kind.banner() } else { String::new() };
        open.lines = open.lines.wrapping_add(1);
        // In one piece, so that a reader never sees half a line.
        open.file.write_all(format!("{banner}{record}\n").as_bytes())
    }

    /// Somebody has moved the files away: new ones from now on.
    pub(crate) fn cycle(&mut self) {
        self.open.clear();
        self.is_failing = false;
    }
}

#[cfg(test)]
mod tests {
    use timefleet_agent::record::Selection;
    use timefleet_agent::time::{Seconds, Wall};

    use super::*;

    fn record(second: i64) -> Record {
        Record::Selection(Selection {
            time: Wall(second * 1_000_000_000),
            name: "192.0.2.1".to_owned(),
            state: '*',
            no_select: false,
            prefer: false,
            trust: false,
            require: false,
            reach: 255,
            score: 1.0,
            age: Seconds(1.0),
            low: Seconds(0.0),
            high: Seconds(0.0),
        })
    }

    #[test]
    fn banners_come_with_the_first_line_and_again_and_cycling_begins_a_new_file() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("log/agent");
        let mut files = LogFiles::new(directory.clone(), 3).unwrap();
        for second in 0..4 {
            files.write(&record(second)).unwrap();
        }
        let path = directory.join("selection.log");
        let kinds = |text: &str| -> String {
            text.lines()
                .map(|line| if line.starts_with("1970") { '.' } else { line.chars().next().unwrap() })
                .collect()
        };
        assert_eq!(kinds(&std::fs::read_to_string(&path).unwrap()), "= =...= =.");
        std::fs::rename(&path, directory.join("selection.log.1")).unwrap();
        files.write(&record(4)).unwrap();
        assert!(!path.exists());
        files.cycle();
        files.write(&record(5)).unwrap();
        assert_eq!(kinds(&std::fs::read_to_string(&path).unwrap()), "= =.");
        let mut plain = LogFiles::new(directory, 0).unwrap();
        plain.write(&record(6)).unwrap();
        assert_eq!(kinds(&std::fs::read_to_string(&path).unwrap()), "= =..");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("selection.log")).unwrap();
        let mut files = LogFiles::new(place.path().to_owned(), 32).unwrap();
        let error = files.write(&record(0)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot write to {}/selection.log: ", place.path().display())),
            "{error}"
        );
        assert!(files.write(&record(1)).is_ok());
        assert!(LogFiles::new(place.path().join("selection.log/../x"), 0).is_ok());
    }
}
