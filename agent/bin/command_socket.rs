//! The Unix socket of the monitoring protocol: whoever can reach it may do everything, so the directory guards it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, UnixAddr, bind, connect, recvfrom, sendto};
use nix::unistd::{getegid, geteuid};

use crate::socket;

/// Most that a directory's mode may allow.
const DIRECTORY_MODE: u32 = 0o770;
/// One byte more than the longest request that is answered.
const LONGEST: usize = 1024;

/// The socket, open.
#[derive(Debug)]
pub(crate) struct CommandSocket {
    pub(crate) fd: OwnedFd,
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The socket could not be opened; the daemon runs on without it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandSocketError {
    #[error("cannot make {}, the directory of the monitoring socket: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "{} belongs to user {uid} and group {gid} with mode {mode:04o}; the monitoring socket's directory must be \
         the daemon's own and at most 0770",
        path.display()
    )]
    Guard { path: PathBuf, uid: u32, gid: u32, mode: u32 },
    #[error("another daemon answers on the monitoring socket {}", path.display())]
    Taken { path: PathBuf },
    #[error("{} is in the way of the monitoring socket and is not a socket", path.display())]
    NotASocket { path: PathBuf },
    #[error("cannot open the monitoring socket {}: {source}", path.display())]
    Open { path: PathBuf, source: Errno },
}

impl CommandSocket {
    /// Opens it; the directory is made if it is missing, and what a dead daemon left is replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, CommandSocketError> {
        if let Some(directory) = path.parent() {
            check_directory(directory)?;
        }
        let failed = |source| CommandSocketError::Open { path: path.to_owned(), source };
        let address = UnixAddr::new(path).map_err(failed)?;
        clear(path, &address)?;
        let fd = socket::datagram(AddressFamily::Unix).map_err(failed)?;
        bind(fd.as_raw_fd(), &address).map_err(failed)?;
        Ok(Self { fd, path: path.to_owned(), bytes: vec![0; LONGEST] })
    }

    /// The next request and where its answer goes; `None` when there is none now. Senders that are not bound to a path
    /// cannot be answered and are passed over.
    pub(crate) fn receive(&mut self) -> Result<Option<(&[u8], UnixAddr)>, Errno> {
        loop {
            match recvfrom::<UnixAddr>(self.fd.as_raw_fd(), &mut self.bytes) {
                Ok((length, Some(from))) if from.path().is_some_and(Path::is_absolute) => {
                    return Ok(Some((self.bytes.get(..length).unwrap_or_default(), from)));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends an answer.
    pub(crate) fn answer(&self, to: &UnixAddr, bytes: &[u8]) -> Result<(), Errno> {
        sendto(self.fd.as_raw_fd(), bytes, to, MsgFlags::empty()).map(drop)
    }

    /// At a clean exit.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn check_directory(directory: &Path) -> Result<(), CommandSocketError> {
    let failed = |source| CommandSocketError::Directory { path: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(failed)?;
    let found = fs::metadata(directory).map_err(failed)?;
    let (uid, gid, mode) = (found.uid(), found.gid(), found.mode() & 0o7777);
    if uid != geteuid().as_raw() || gid != getegid().as_raw() || mode & 0o777 & !DIRECTORY_MODE != 0 {
        return Err(CommandSocketError::Guard { path: directory.to_owned(), uid, gid, mode });
    }
    Ok(())
}

/// Removes a socket file that nobody listens on.
fn clear(path: &Path, address: &UnixAddr) -> Result<(), CommandSocketError> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(CommandSocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    let failed = |source| CommandSocketError::Open { path: path.to_owned(), source };
    let probe = socket::datagram(AddressFamily::Unix).map_err(failed)?;
    match connect(probe.as_raw_fd(), address) {
        Ok(()) => Err(CommandSocketError::Taken { path: path.to_owned() }),
        Err(_) => fs::remove_file(path)
            .map_err(|error| failed(error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn answers_go_only_to_senders_with_a_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/chronyd.sock");
        let mut server = CommandSocket::open(&path).unwrap();
        assert_eq!(server.receive().unwrap(), None);

        UnixDatagram::unbound().unwrap().send_to(b"no way back", &path).unwrap();
        let client = UnixDatagram::bind(directory.path().join("client.sock")).unwrap();
        client.send_to(b"question", &path).unwrap();
        let (bytes, from) = server.receive().unwrap().map(|(bytes, from)| (bytes.to_vec(), from)).unwrap();
        assert_eq!(bytes, b"question");
        server.answer(&from, b"answer").unwrap();
        let mut answer = [0; 16];
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], b"answer");

        server.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_daemon_left_is_replaced_and_a_living_one_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let path = directory.path().join("chronyd.sock");
        drop(UnixDatagram::bind(&path).unwrap());
        let server = CommandSocket::open(&path).unwrap();
        assert_eq!(
            CommandSocket::open(&path).unwrap_err().to_string(),
            format!("another daemon answers on the monitoring socket {}", path.display())
        );
        server.remove().unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(matches!(CommandSocket::open(&path), Err(CommandSocketError::NotASocket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_directory_that_everybody_can_enter_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chronyd.sock");
        for (mode, good) in [(0o700, true), (0o750, true), (0o770, true), (0o755, false), (0o777, false)] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            match CommandSocket::open(&path) {
                Ok(socket) => {
                    assert!(good, "{mode:o}");
                    socket.remove().unwrap();
                }
                Err(error) => {
                    assert!(!good, "{mode:o}");
                    assert!(matches!(error, CommandSocketError::Guard { .. }), "{error}");
                }
            }
        }
    }
}
