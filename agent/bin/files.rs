//! Files that are either as before or completely new: temporary name in the same directory, fsync, rename.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Why a file could not be put in place. Whatever was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// ENOSPC or EDQUOT.
    #[error("disk full: no room for {path}")]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// EROFS, EACCES or EPERM.
    #[error("{directory} is not writable: {source}")]
    NotWritable {
        /// The directory that does not take the file.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot {doing} {path}: {source}")]
    Other {
        /// The file that was to be written.
        path: PathBuf,
        /// Verb.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::DiskFull { path } => Some(format!("free some space in {}", directory_of(path).display())),
            Self::NotWritable { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                Some("the file system is mounted read-only".to_owned())
            }
            Self::NotWritable { .. } if !nix::unistd::geteuid().is_root() => {
                Some("set `ssh: { become: true }`, or let the login user write there".to_owned())
            }
            Self::NotWritable { .. } | Self::Other { .. } => None,
        }
    }

    fn new(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::NotWritable { directory: directory_of(&path).to_owned(), source }
            }
            _ => Self::Other { path, doing, source },
        }
    }
}

/// Replaces a file or creates it, with its parent directories.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    create_directory(directory_of(path), 0o755)?;
    let temporary = Temporary::beside(path);
    temporary.fill(content, mode).map_err(|source| FileError::new(path, "write", source))?;
    temporary.become_file(path)
}

/// Points a link at another file of its own directory.
pub(crate) fn link(link: &Path, file_name: &str) -> Result<(), FileError> {
    let temporary = Temporary::beside(link);
    symlink(file_name, &temporary.path).map_err(|source| FileError::new(link, "link", source))?;
    temporary.become_file(link)
}

/// Creates a directory and those above it; one that is there already stays as it is.
pub(crate) fn create_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|source| FileError::new(path, "create directory", source))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name that disappears unless it is renamed.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let path = path.with_file_name(format!(".{name}.timefleet-new"));
        // There is one apply at a time, so what carries this name was left behind by one that was killed. If it
        // cannot be removed, creating it says why.
        let _ = fs::remove_file(&path);
        Self { path }
    }

    fn fill(&self, content: &[u8], mode: u32) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.write_all(content)?;
        // After the content and whatever the umask says.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    }

    fn become_file(self, path: &Path) -> Result<(), FileError> {
        fs::rename(&self.path, path).map_err(|source| FileError::new(path, "replace", source))?;
        File::open(directory_of(path))
            .and_then(|directory| directory.sync_all())
            .map_err(|source| FileError::new(path, "sync the directory of", source))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove; before it, the error that led here is the one to tell.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_written_file_has_its_content_its_mode_and_no_companions() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("etc/timefleet/agent.conf");

        write(&path, b"port 0\n", 0o644).unwrap();
        write(&path, b"port 123\n", 0o640).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "port 123\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(path.parent().unwrap()), ["agent.conf"]);
    }

    #[test]
    fn what_a_killed_apply_left_behind_is_no_obstacle() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("agent.conf");
        fs::write(place.path().join(".agent.conf.timefleet-new"), "half of a f").unwrap();

        write(&path, b"port 0\n", 0o644).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "port 0\n");
        assert_eq!(names(place.path()), ["agent.conf"]);
    }

    #[test]
    fn a_link_moves_to_another_file_of_its_directory() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("timefleet-agent");

        link(&path, "timefleet-agent-old").unwrap();
        link(&path, "timefleet-agent-new").unwrap();

        assert_eq!(fs::read_link(&path).unwrap(), Path::new("timefleet-agent-new"));
        assert_eq!(names(place.path()), ["timefleet-agent"]);
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_leaves_no_temporary_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("agent.conf");
        fs::create_dir(&path).unwrap();

        let error = write(&path, b"port 0\n", 0o644).unwrap_err();

        assert_eq!(
            error.to_string(),
            format!("cannot replace {}: Is a directory (os error 21)", path.display())
        );
        assert_eq!(names(place.path()), ["agent.conf"]);
    }

    #[test]
    fn a_user_is_told_which_directory_is_not_writable() {
        if nix::unistd::geteuid().is_root() {
            eprintln!(
                "left out: root writes everywhere (the read-only file system below is root's own case)"
            );
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o555)).unwrap();

        let error = write(&place.path().join("agent.conf"), b"", 0o644).unwrap_err();

        let directory = place.path().display();
        assert_eq!(
            error.to_string(),
            format!("{directory} is not writable: Permission denied (os error 13)")
        );
        assert!(error.hint().unwrap().contains("become: true"));
    }

    /// A file system of 16 KiB, unmounted at the end.
    struct Small(tempfile::TempDir);

    impl Small {
        fn mount() -> Option<Self> {
            let place = tempfile::tempdir().unwrap();
            let options = ["-t", "tmpfs", "-o", "size=16k", "small"];
            let mounted = Command::new("mount").args(options).arg(place.path()).output();
            let mounted = mounted.is_ok_and(|output| output.status.success());
            if !mounted {
                eprintln!("left out: mounting a small tmpfs needs root");
            }
            mounted.then(|| Self(place))
        }
    }

    impl Drop for Small {
        fn drop(&mut self) {
            Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
        }
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_alone() {
        let Some(small) = Small::mount() else { return };
        let path = small.0.path().join("agent.conf");
        write(&path, b"port 0\n", 0o644).unwrap();

        let error = write(&path, &[b'#'; 65_536], 0o644).unwrap_err();

        assert_eq!(error.to_string(), format!("disk full: no room for {}", path.display()));
        assert_eq!(error.hint().unwrap(), format!("free some space in {}", small.0.path().display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "port 0\n");
        assert_eq!(names(small.0.path()), ["agent.conf"]);
    }

    #[test]
    fn a_read_only_file_system_is_called_so() {
        let Some(small) = Small::mount() else { return };
        let remounted =
            Command::new("mount").args(["-o", "remount,ro"]).arg(small.0.path()).status().unwrap();
        assert!(remounted.success());

        let error = write(&small.0.path().join("agent.conf"), b"port 0\n", 0o644).unwrap_err();

        let directory = small.0.path().display();
        assert_eq!(
            error.to_string(),
            format!("{directory} is not writable: Read-only file system (os error 30)")
        );
        assert_eq!(error.hint().unwrap(), "the file system is mounted read-only");
    }
}
