//! The key file: read at the start, and again when chronyc says `rekey`.

use std::io;
use std::path::{Path, PathBuf};

use timefleet_agent::keys::{self, KeyFileError, Keys};

use crate::paths::{self, NoHome};

/// No keys to run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Home(#[from] NoHome),
    #[error("cannot read the key file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", lines(.0))]
    Wrong(Vec<KeyFileError>),
}

impl KeysError {
    /// The file is there, and not for us.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// Reads and checks it; without `keyfile` there are no keys.
pub(crate) fn read(path: Option<&Path>) -> Result<Keys, KeysError> {
    let Some(path) = path else { return Ok(Keys::default()) };
    let path = paths::expand(path)?;
    let text = std::fs::read_to_string(&path)
        .map_err(|source| KeysError::Unreadable { path: path.clone(), source })?;
    keys::parse(&path.display().to_string(), &text).map_err(KeysError::Wrong)
}

fn lines(errors: &[KeyFileError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
