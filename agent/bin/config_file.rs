//! The daemon's configuration, from its file or from the command line.

use std::io;
use std::path::PathBuf;

use timefleet_agent::config::{self, Config, ConfigError};

use crate::args::Options;
use crate::paths::{self, NoHome};

/// A configuration, and what it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Absolute path of the file, or "command line".
    pub(crate) name: String,
    /// Exactly what was read.
    pub(crate) text: String,
}

/// No configuration to run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Home(#[from] NoHome),
    #[error("cannot read the configuration {}: {source}; name another file with -f", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", lines(.0))]
    Wrong(Vec<ConfigError>),
}

/// Reads and checks it.
pub(crate) fn load(options: &Options) -> Result<Loaded, LoadError> {
    if !options.directives.is_empty() {
        let name = "command line";
        let config = config::parse_lines(name, options.directives.iter().map(String::as_str))
            .map_err(LoadError::Wrong)?;
        return Ok(Loaded { config, name: name.to_owned(), text: options.directives.join("\n") });
    }
    let path = paths::expand(&options.file)?;
    let text = std::fs::read_to_string(&path)
        .map_err(|source| LoadError::Unreadable { path: path.clone(), source })?;
    let config = config::parse(&path.display().to_string(), &text).map_err(LoadError::Wrong)?;
    // Where the current directory is gone, the path as given still says which file it was.
    let name = std::path::absolute(&path).unwrap_or(path).display().to_string();
    Ok(Loaded { config, name, text })
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
