//! The preloaded library, compiled where it is needed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: [&str; 4] = ["wire.c", "clock.c", "network.c", "host.c"];

/// There is no library to preload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    #[error("cannot run 'cc', the C compiler: {0}")]
    NoCompiler(io::Error),
    #[error("'cc' does not compile the preloaded library:\n{0}")]
    Refused(String),
}

/// Compiles it into this directory.
pub(crate) fn compile(directory: &Path) -> Result<PathBuf, LibraryError> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/preload/shim");
    let library = directory.join("shim.so");
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .args(SOURCES.map(|name| sources.join(name)))
        .args(["-ldl", "-lpthread"])
        .output()
        .map_err(LibraryError::NoCompiler)?;
    if output.status.success() {
        Ok(library)
    } else {
        Err(LibraryError::Refused(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
