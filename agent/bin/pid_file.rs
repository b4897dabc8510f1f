//! The pid file: says which process keeps the time here, and, being locked, that there is only one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A pid file of our own, locked while this process lives.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    lock: Flock<File>,
}

/// The pid file could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidFileError {
    #[error("another agent (pid {pid}) runs with the pid file {}; stop it first", path.display())]
    Taken { path: PathBuf, pid: String },
    #[error("cannot write the pid file {}: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

impl PidFile {
    /// Writes it. A file that a dead process left behind is taken over.
    pub(crate) fn create(path: &Path) -> Result<Self, PidFileError> {
        let unwritable = |source| PidFileError::Unwritable { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(unwritable)?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                // Whoever holds the lock may not have written its number yet.
                let _ = file.read_to_string(&mut pid);
                return Err(PidFileError::Taken { path: path.to_owned(), pid: pid.trim().to_owned() });
            }
            Err((_, error)) => return Err(unwritable(error.into())),
        };
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), lock: file })
    }

    /// Removes it, still holding the lock. Where root made it for us in a directory of its own, it is left empty.
    pub(crate) fn remove(self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.lock.set_len(0),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_at_a_time_and_dead_ones_do_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.pid");
        fs::write(&path, "4194303 left by a dead process\n").unwrap();

        let first = PidFile::create(&path).unwrap();
        let pid = std::process::id();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{pid}\n"));
        let error = PidFile::create(&path).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("another agent (pid {pid}) runs with the pid file {}; stop it first", path.display())
        );

        first.remove().unwrap();
        assert!(!path.exists());
        PidFile::create(&path).unwrap();
    }
}
