//! The far end's own executable: the agent that a host should run is the one that speaks for it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use timefleet_agent::host::desired::AGENT;

/// Why the far end does not know itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnError {
    /// /proc/self/exe cannot be followed or read.
    #[error("cannot read my own executable: {0}")]
    Unreadable(#[from] io::Error),
    /// The temporary directory does not go away.
    #[error("cannot remove {path}: {source}")]
    NotRemoved {
        /// What stays behind.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Its name, `timefleet-agent-<sha256>`: the one it was found under when that is such a name (whoever put it there
/// compared the bytes), else the one that its bytes ask for.
pub(crate) fn file_name() -> Result<String, OwnError> {
    let path = fs::read_link("/proc/self/exe")?;
    if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_agent_name(name)) {
        return Ok(name.to_owned());
    }
    let mut file = File::open("/proc/self/exe")?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 65_536];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            break;
        }
        digest.update(block.get(..length).unwrap_or_default());
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{AGENT}-{hex}"))
}

/// Removes the executable and the temporary directory that was made for it; nothing else, and no directory that does
/// not carry the bootstrap's name.
pub(crate) fn vanish() -> Result<(), OwnError> {
    let path = fs::read_link("/proc/self/exe")?;
    let Some(directory) = path.parent().filter(|directory| is_staging(directory)) else { return Ok(()) };
    fs::remove_file(&path)
        .and_then(|()| fs::remove_dir(directory))
        .map_err(|source| OwnError::NotRemoved { path: directory.to_owned(), source })
}

/// Removes the executables that the link does not point at any more.
pub(crate) fn remove_others(bin_dir: &Path, kept: &str) -> io::Result<()> {
    for entry in fs::read_dir(bin_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| is_agent_name(name) && name != kept) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_staging(directory: &Path) -> bool {
    directory.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("timefleet-"))
}

/// `timefleet-agent-` and 64 lower-case hex digits.
fn is_agent_name(name: &str) -> bool {
    let digest = name.strip_prefix(AGENT).and_then(|rest| rest.strip_prefix('-'));
    digest.is_some_and(|digest| {
        digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executables_of_ours_that_are_not_in_use_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let (old, new) = (format!("timefleet-agent-{:064x}", 1), format!("timefleet-agent-{:064x}", 2));
        for name in [&old, &new, "timefleet-agent", "timefleet-agent-notes.txt"] {
            fs::write(place.path().join(name), "").unwrap();
        }

        remove_others(place.path(), &new).unwrap();

        let mut left: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["timefleet-agent", new.as_str(), "timefleet-agent-notes.txt"]);
    }
}
