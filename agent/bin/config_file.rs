//! The daemon's configuration, from its file or from the command line.

use std::io;
use std::path::PathBuf;

use timefleet_agent::config::{self, Config, ConfigError, Reading, Upstream};

use crate::args::Options;
use crate::file_system::FileSystem;
use crate::paths::{self, NoHome};
use crate::source_files::SourceFiles;

/// A configuration, and what it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// What the files of its `sourcedir`s say.
    pub(crate) file_sources: Vec<Upstream>,
    /// Absolute path of the file, or "command line".
    pub(crate) name: String,
    /// Exactly what was read.
    pub(crate) text: String,
    /// Its lines with those of the files that it includes.
    pub(crate) lines: Vec<String>,
    /// Lines that have no effect, and why.
    pub(crate) notes: Vec<ConfigError>,
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
        let name = "command line".to_owned();
        let lines = options.directives.iter().map(String::as_str);
        let reading = config::read_lines(&FileSystem, &name, lines).map_err(LoadError::Wrong)?;
        return Ok(Loaded::new(reading, name, options.directives.join("\n")));
    }
    let path = paths::expand(&options.file)?;
    let text = std::fs::read_to_string(&path)
        .map_err(|source| LoadError::Unreadable { path: path.clone(), source })?;
    let reading = config::read_lines(&FileSystem, &path.display().to_string(), text.lines())
        .map_err(LoadError::Wrong)?;
    // Where the current directory is gone, the path as given still says which file it was.
    let name = std::path::absolute(&path).unwrap_or(path).display().to_string();
    Ok(Loaded::new(reading, name, text))
}

impl Loaded {
    fn new(reading: Reading, name: String, text: String) -> Self {
        let Reading { config, lines, mut notes } = reading;
        let (file_sources, errors) = SourceFiles::of(&config).read();
        notes.extend(errors);
        Self { config, file_sources, name, text, lines, notes }
    }
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
