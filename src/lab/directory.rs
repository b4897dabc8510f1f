//! The lab's directory: claimed by one lab at a time, empty when claimed, gone when the lab is.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;

use super::{LabError, PATIENCE, processes};

const LOCK: &str = "lock";

/// A claimed directory. The kernel frees the claim when the process ends, however it ends.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Claims the directory, ends what a killed lab left running in it, and empties it. Blocks.
    pub(super) fn claim(path: PathBuf) -> Result<Directory, LabError> {
        let failed = |action: &str| LabError::file(format!("{action} {}", path.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed("make the directory"))?;
        // Resolved, because /proc names executables by their resolved paths.
        let path = path.canonicalize().map_err(failed("resolve"))?;
        let fresh = fs::read_dir(&path).map_err(failed("read"))?.next().is_none();
        if !fresh && !path.join(LOCK).exists() {
            return Err(LabError::NotOurs { path });
        }
        let lock = take_lock(&path)?;
        let directory = Directory { path, _lock: lock };
        processes::stop_all(&directory.path, PATIENCE)?;
        directory.clear()?;
        Ok(directory)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory below, readable by nobody else.
    pub(super) fn make(&self, below: &Path) -> Result<PathBuf, LabError> {
        let path = self.path.join(below);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(LabError::file(format!("make the directory {}", path.display())))?;
        Ok(path)
    }

    /// Writes a new file, readable by nobody else.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), LabError> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(LabError::file(format!("write {}", path.display())))
    }

    /// Writes a private key in OpenSSH's format.
    pub(super) fn write_key(&self, name: &str, key: &PrivateKey) -> Result<(), LabError> {
        let text = key.to_openssh(LineEnding::LF).map_err(|error| LabError::Keys(error.to_string()))?;
        self.write(name, &text)
    }

    /// Ends every process that was started from here and removes everything. Blocks.
    pub(super) fn remove(self) -> Result<(), LabError> {
        processes::stop_all(&self.path, PATIENCE)?;
        self.clear()?;
        let action = || LabError::file(format!("remove {}", self.path.display()));
        fs::remove_file(self.path.join(LOCK)).map_err(action())?;
        match fs::remove_dir(&self.path) {
            // The next lab has come in already: the directory is its own now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            other => other.map_err(action()),
        }
    }

    fn clear(&self) -> Result<(), LabError> {
        let failed = |action: &str| LabError::file(format!("{action} {}", self.path.display()));
        for entry in fs::read_dir(&self.path).map_err(failed("read"))? {
            let entry = entry.map_err(failed("read"))?;
            if entry.file_name() == LOCK {
                continue;
            }
            let is_directory = entry.file_type().map_err(failed("read"))?.is_dir();
            let path = entry.path();
            let removed = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(LabError::file(format!("remove {}", path.display())))?;
        }
        Ok(())
    }
}

/// Opens and locks the lock file, and writes our process number into it for the next one to name.
fn take_lock(directory: &Path) -> Result<File, LabError> {
    let path = directory.join(LOCK);
    let failed = |action: &str| LabError::file(format!("{action} {}", path.display()));
    loop {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = file.map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).map_err(failed("read"))?.trim().to_owned();
                return Err(LabError::Busy { pid, directory: directory.to_path_buf() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        // A lab that ended in between took its lock file with it: what we hold then is locked, but no longer there.
        let held = file.metadata().map_err(failed("read"))?.ino();
        if fs::metadata(&path).is_ok_and(|there| there.ino() == held) {
            file.set_len(0)
                .and_then(|()| writeln!(file, "{}", std::process::id()))
                .map_err(failed("write"))?;
            return Ok(file);
        }
    }
}
