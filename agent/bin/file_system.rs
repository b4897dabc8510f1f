//! The files around a configuration, on this host.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use timefleet_agent::config::Files;

use crate::paths;

/// The host's own files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem;

impl Files for FileSystem {
    fn text(&self, path: &str) -> Result<String, String> {
        let path = paths::expand(Path::new(path)).map_err(|error| error.to_string())?;
        fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn names(&self, directory: &str) -> Result<Vec<String>, String> {
        let path = paths::expand(Path::new(directory)).map_err(|error| error.to_string())?;
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            // A directory that packages may fill later is empty as yet.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            // A name that is no text cannot be written in a configuration, nor end in one of its suffixes.
            names.extend(name.into_string().ok());
        }
        Ok(names)
    }
}
