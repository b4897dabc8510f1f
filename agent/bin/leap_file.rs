//! The file that says when leap seconds are: a list, or a time zone of the system.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use timefleet_agent::config::LeapSource;
use timefleet_agent::leap_list::{LeapList, LeapListError};
use timefleet_agent::time::{Mono, Seconds};

/// Where distributions keep their zones.
const ZONES: &str = "/usr/share/zoneinfo";
/// The real ones have 5 kB.
const LARGEST: u64 = 1 << 20;
/// Half a day: a list that is renewed is known before its leap second.
const INTERVAL: Seconds = Seconds(43_200.0);

/// The file, and when it is read again.
#[derive(Clone, Debug)]
pub(crate) struct LeapFile {
    source: LeapSource,
    next: Mono,
}

/// Why leap seconds are not known from a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeapFileError {
    #[error("cannot read the leap seconds in {path}: {source}; the sources are believed instead")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not used: {source}; the sources are believed instead")]
    Wrong { path: PathBuf, source: LeapListError },
}

impl LeapFile {
    pub(crate) fn new(source: LeapSource, now: Mono) -> Self {
        Self { source, next: now }
    }

    /// Reads it when it is time.
    pub(crate) fn poll(&mut self, now: Mono) -> Option<Result<LeapList, LeapFileError>> {
        if now < self.next {
            return None;
        }
        self.next = now + INTERVAL;
        Some(match &self.source {
            LeapSource::List(path) => read(path, |bytes| LeapList::parse(&String::from_utf8_lossy(bytes))),
            LeapSource::Zone(zone) => read(&Path::new(ZONES).join(zone), LeapList::parse_zone),
        })
    }
}

fn read(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<LeapList, LeapListError>,
) -> Result<LeapList, LeapFileError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|source| LeapFileError::Read { path: path.to_path_buf(), source })?;
    parse(&bytes).map_err(|source| LeapFileError::Wrong { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_at_once_and_again_after_half_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("leap-seconds.list");
        std::fs::write(&path, include_str!("../tests/leap/leap-seconds.list")).unwrap();
        let mut file = LeapFile::new(LeapSource::List(path.clone()), Mono(0));
        assert!(file.poll(Mono(0)).unwrap().unwrap().expires.is_some());
        assert!(file.poll(Mono(0) + Seconds(3600.0)).is_none());
        std::fs::write(&path, "half of it").unwrap();
        let error = file.poll(Mono(0) + INTERVAL).unwrap().unwrap_err();
        assert!(error.to_string().contains("is not used: line 1 is not of a list"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let mut file = LeapFile::new(LeapSource::Zone("no/such zone".to_owned()), Mono(0));
        let error = file.poll(Mono(0)).unwrap().unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read the leap seconds in /usr/share/zoneinfo/no/such zone: "),
            "{error}"
        );
    }
}
