//! The drift file of chrony.conf(5): how fast the clock runs by itself, and how sure that is, both in ppm.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use timefleet_agent::engine::Drift;
use timefleet_agent::time::Seconds;

use crate::files::{self, FileError};

/// A drift file is there but of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriftFileError {
    #[error("cannot read the drift file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the drift file {} does not hold a frequency and its error in ppm; starting without it, it will be replaced",
        path.display()
    )]
    Nonsense { path: PathBuf },
}

/// What was learned by an earlier run; `None` when there is no such file yet.
pub(crate) fn read(path: &Path) -> Result<Option<Drift>, DriftFileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            Drift::parse(&text).map(Some).ok_or_else(|| DriftFileError::Nonsense { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DriftFileError::Unreadable { path: path.to_owned(), source }),
    }
}

/// How much later than `now` the file was written; `None` = it was not, or there is no file.
pub(crate) fn written_after(path: &Path, now: SystemTime) -> io::Result<Option<Seconds>> {
    match std::fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(written) => Ok(written.duration_since(now).ok().map(|span| Seconds(span.as_secs_f64()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file; its directory is made if it is missing.
pub(crate) fn write(path: &Path, drift: Drift) -> Result<(), FileError> {
    if let Some(directory) = path.parent() {
        // A failure shows itself, with its path, one line further on.
        let _ = std::fs::create_dir_all(directory);
    }
    files::write(path, drift.to_line().as_bytes(), 0o644)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use timefleet_agent::time::Ppm;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/drift");
        assert_eq!(read(&path).unwrap(), None);
        let drift = Drift { frequency: Ppm(-12.345678), skew: Ppm(0.25) };
        write(&path, drift).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "          -12.345678             0.250000\n");
        assert_eq!(read(&path).unwrap(), Some(drift));
    }

    #[test]
    fn a_clock_that_woke_up_in_the_past_is_behind_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drift");
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(43_200);
        assert_eq!(written_after(&path, noon).unwrap(), None);
        std::fs::File::create(&path).unwrap().set_modified(noon).unwrap();
        assert_eq!(written_after(&path, noon - Duration::from_secs(60)).unwrap(), Some(Seconds(60.0)));
        assert_eq!(written_after(&path, noon + Duration::from_secs(60)).unwrap(), None);
    }

    #[test]
    fn nonsense_is_told_and_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drift");
        for text in ["", "1.5", "a b", "nan 1", "1 -1", "1e9 1", "inf inf"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(DriftFileError::Nonsense { .. })), "{text:?}");
        }
    }
}
