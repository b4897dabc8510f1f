//! `running.json`: what the running agent says of itself, for the controller's question "is what runs what is on disk?".

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use timefleet_agent::report::{ClockControl, Running};

use crate::config_file::Loaded;
use crate::files::{self, FileError};

/// Name of the file in the run directory.
const NAME: &str = "running.json";
/// Not more than the monitoring socket's directory may have: the two are often the same.
const DIRECTORY_MODE: u32 = 0o750;

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunningError {
    #[error("cannot make the run directory {}: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot read the agent's own executable: {0}")]
    Executable(io::Error),
    #[error(transparent)]
    Write(#[from] FileError),
    #[error("cannot write {NAME}: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes it; the directory is made if it is missing.
pub(crate) fn write(directory: &Path, loaded: &Loaded, clock: ClockControl) -> Result<(), RunningError> {
    let executable = fs::read("/proc/self/exe").map_err(RunningError::Executable)?;
    let running = Running {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        agent_sha256: sha256(&executable),
        config_file: loaded.name.clone(),
        config_sha256: sha256(loaded.text.as_bytes()),
        args: std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
        clock,
    };
    make_directory(directory)?;
    let mut json = serde_json::to_vec_pretty(&running)?;
    json.push(b'\n');
    Ok(files::write(&directory.join(NAME), &json, 0o644)?)
}

/// Makes the run directory if it is missing.
pub(crate) fn make_directory(directory: &Path) -> Result<(), RunningError> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|source| RunningError::Directory { path: directory.to_owned(), source })
}

/// At a clean exit; what another agent has written meanwhile is its own.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    let path = directory.join(NAME);
    let written: Option<Running> = serde_json::from_slice(&fs::read(&path)?).ok();
    if written.is_some_and(|running| running.pid == std::process::id()) {
        fs::remove_file(path)
    } else {
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use timefleet_agent::config::Config;

    #[test]
    fn says_which_bytes_run() {
        let directory = tempfile::tempdir().unwrap();
        let run_dir = directory.path().join("run");
        let loaded = Loaded {
            config: Config::default(),
            file_sources: Vec::new(),
            name: "/etc/timefleet/agent.conf".to_owned(),
            text: "abc".to_owned(),
            lines: Vec::new(),
            notes: Vec::new(),
        };
        write(&run_dir, &loaded, ClockControl::Steered).unwrap();
        let running: Running =
            serde_json::from_slice(&fs::read(run_dir.join("running.json")).unwrap()).unwrap();
        assert_eq!(running.pid, std::process::id());
        assert_eq!(running.config_sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(running.agent_sha256, sha256(&own));
        remove(&run_dir).unwrap();
        assert_eq!(fs::read_dir(&run_dir).unwrap().count(), 0);
    }
}
