//! Where the daemon writes: made by root for the user that the daemon becomes.
//!
//! Only what is missing is made and given away. A directory that exists may be anybody's, and whose it should be is not
//! ours to say; whatever the user cannot open is told by whoever opens it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::fchown;
use timefleet_agent::config::{CommandSocket, Config};

use crate::account::Account;
use crate::args::Options;
use crate::paths::{self, NoHome};

/// Anybody may look.
const OPEN: u32 = 0o755;
/// Who may enter may command: less the umask, as chronyd makes it.
const GUARDED: u32 = 0o770;

/// Directories and files of one daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// With the permission bits that they get.
    directories: Vec<(PathBuf, u32)>,
    files: Vec<PathBuf>,
}

impl Places {
    /// Where options and configuration put them.
    pub(crate) fn of(options: &Options, config: &Config) -> Result<Self, NoHome> {
        let expand = |path: &Option<PathBuf>| path.as_deref().map(paths::expand).transpose();
        let socket = match &config.command_socket {
            CommandSocket::Default => Some(CommandSocket::DEFAULT_PATH.into()),
            CommandSocket::Path(path) => Some(paths::expand(path)?),
            CommandSocket::Disabled => None,
        };
        let (pid_file, drift_file) = (expand(&config.pid_file)?, expand(&config.drift_file)?);
        let mut directories = vec![(paths::expand(&options.run_dir)?, GUARDED)];
        let files = [(&socket, GUARDED), (&pid_file, OPEN), (&drift_file, OPEN)];
        let above = |(file, mode): (&Option<PathBuf>, u32)| Some((file.as_ref()?.parent()?.to_owned(), mode));
        directories.extend(files.into_iter().filter_map(above));
        Ok(Self { directories, files: expand(&options.log_file)?.into_iter().chain(pid_file).collect() })
    }

    /// Makes what is missing, for the user.
    pub(crate) fn make(&self, account: &Account) {
        for (path, mode) in &self.directories {
            let _ = make_directory(path, *mode, account);
        }
        for path in &self.files {
            let _ = make_file(path, account);
        }
    }
}

fn make_directory(path: &Path, mode: u32, account: &Account) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        DirBuilder::new().recursive(true).mode(OPEN).create(above)?;
    }
    DirBuilder::new().mode(mode).create(path)?;
    let directory =
        OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(path)?;
    give(&directory, account)
}

/// In a directory that is root's alone the user could not make it. Elsewhere the user does that itself: root must not
/// follow a link that somebody else put there.
fn make_file(path: &Path, account: &Account) -> io::Result<()> {
    let above = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    if above.uid() != 0 || above.mode() & 0o022 != 0 {
        return Ok(());
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    if found.is_file() && found.nlink() == 1 { give(&file, account) } else { Ok(()) }
}

fn give(file: &File, account: &Account) -> io::Result<()> {
    Ok(fchown(file, Some(account.uid), Some(account.gid))?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use timefleet_agent::config::parse;

    use super::*;

    #[test]
    fn places_are_where_the_configuration_puts_them() {
        let config = parse("x", "pidfile /run/a.pid\ndriftfile /var/lib/b/drift\n").unwrap();
        let options = Options { log_file: Some("/var/log/c.log".into()), ..Options::default() };
        let places = Places::of(&options, &config).unwrap();
        let paths: Vec<_> =
            places.directories.iter().map(|(path, mode)| (path.to_str().unwrap(), *mode)).collect();
        assert_eq!(
            paths,
            [("/run/timefleet", GUARDED), ("/run/chrony", GUARDED), ("/run", OPEN), ("/var/lib/b", OPEN)]
        );
        assert_eq!(places.files, [PathBuf::from("/var/log/c.log"), PathBuf::from("/run/a.pid")]);
    }

    fn owner(path: &Path) -> (u32, u32) {
        let found = fs::symlink_metadata(path).unwrap();
        (found.uid(), found.mode() & 0o7777)
    }

    #[test]
    fn only_what_is_missing_is_given_away() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("left out: only root gives files away");
            return;
        }
        let nobody = Account::find("nobody").unwrap();
        let uid = nobody.uid.as_raw();
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("old")).unwrap();
        fs::write(at("precious"), "").unwrap();
        symlink("precious", at("link.log")).unwrap();
        fs::create_dir(at("sticky")).unwrap();
        fs::set_permissions(at("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();

        Places {
            directories: vec![(at("old"), GUARDED), (at("new/run"), 0o750)],
            files: vec![at("a.log"), at("link.log"), at("sticky/b.log"), at("none/c.log")],
        }
        .make(&nobody);

        assert_eq!(
            (owner(&at("old")), owner(&at("new")), owner(&at("new/run"))),
            ((0, 0o755), (0, 0o755), (uid, 0o750))
        );
        assert_eq!((owner(&at("a.log")), owner(&at("precious")).0), ((uid, 0o644), 0));
        assert!(!at("sticky/b.log").exists() && !at("none").exists());
    }
}
