//! The files of `sourcedir`: read at the start, and again when chronyc says `reload sources`.

use timefleet_agent::config::{self, Config, ConfigError, SourceLines, Upstream};

use crate::file_system::FileSystem;
use crate::log::Log;

/// Where they are, and what holds for their lines besides them.
#[derive(Clone, Debug)]
pub(crate) struct SourceFiles {
    config: Config,
}

impl SourceFiles {
    pub(crate) fn of(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    /// Reads them as they are now.
    pub(crate) fn read(&self) -> (Vec<Upstream>, Vec<ConfigError>) {
        let SourceLines { upstreams, errors } = config::read_sources(&FileSystem, &self.config);
        (upstreams, errors)
    }

    /// Reads them again; what is wrong with a line is told, the others hold.
    pub(crate) fn reload(&self, log: Log) -> Vec<Upstream> {
        let (upstreams, errors) = self.read();
        for error in &errors {
            log.warning(&error.to_string());
        }
        log.info(&format!("the files of sources were read: {} sources", upstreams.len()));
        upstreams
    }
}
