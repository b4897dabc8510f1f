//! The preloaded library, compiled where it is needed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADERS: [(&str, &str); 2] =
    [("shim.h", include_str!("../shim/shim.h")), ("sock.h", include_str!("../shim/sock.h"))];
const SOURCES: [(&str, &str); 6] = [
    ("wire.c", include_str!("../shim/wire.c")),
    ("clock.c", include_str!("../shim/clock.c")),
    ("sock.c", include_str!("../shim/sock.c")),
    ("message.c", include_str!("../shim/message.c")),
    ("wait.c", include_str!("../shim/wait.c")),
    ("host.c", include_str!("../shim/host.c")),
];

/// There is no library to preload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    #[error("cannot run 'cc', the C compiler: {0}")]
    NoCompiler(io::Error),
    #[error("cannot write the preloaded library's source: {0}")]
    Write(io::Error),
    #[error("'cc' does not compile the preloaded library:\n{0}")]
    Refused(String),
}

/// Compiles it into this directory.
pub(crate) fn compile(directory: &Path) -> Result<PathBuf, LibraryError> {
    for (name, text) in HEADERS.iter().chain(&SOURCES) {
        fs::write(directory.join(name), text).map_err(LibraryError::Write)?;
    }
    let library = directory.join("shim.so");
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .args(SOURCES.map(|(name, _)| directory.join(name)))
        .args(["-ldl", "-lpthread"])
        .output()
        .map_err(LibraryError::NoCompiler)?;
    if output.status.success() {
        Ok(library)
    } else {
        Err(LibraryError::Refused(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
