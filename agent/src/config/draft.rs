//! A configuration while its lines are being read.

use super::{Config, ConfigError, Local, Upstream, upstream};

/// What was read so far, and what later lines must be held against.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) upstreams: Vec<upstream::Draft>,
    /// `minsamples` as a directive: for all sources without a word of their own, above and below it.
    pub(super) min_samples: Option<u32>,
    /// `maxsamples` as a directive.
    pub(super) max_samples: Option<u32>,
    /// The first `local` line and where it stands.
    pub(super) local: Option<(Local, Place)>,
    /// Where the line stands that is being read.
    pub(super) place: Place,
    /// What the line wants to be read in its place, and the column where it says so.
    pub(super) inclusion: Option<(Inclusion, usize)>,
    /// Where the first `log` stands: the line, and the column.
    pub(super) log_at: Option<(Place, usize)>,
    /// Lines without effect.
    pub(super) notes: Vec<ConfigError>,
}

/// One line of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: String,
    /// 1 is the first line.
    pub line: usize,
}

/// Other files to be read in the place of a line.
#[derive(Debug)]
pub(super) enum Inclusion {
    /// `include`: a path, or a pattern of paths.
    File(String),
    /// `confdir`.
    Directories(Vec<String>),
}

impl Draft {
    /// Says why the line that is being read has no effect.
    pub(super) fn note(&mut self, column: usize, message: &str) {
        self.note_at(self.place.clone(), column, message);
    }

    /// Says which lines miss another one to have an effect.
    pub(super) fn note_what_is_missing(&mut self) {
        let is_lost = self.config.logs.is_any() && self.config.log_dir.is_none();
        if let Some((place, column)) = self.log_at.take().filter(|_| is_lost) {
            self.note_at(place, column, "nothing is logged to files without 'logdir'");
        }
    }

    fn note_at(&mut self, place: Place, column: usize, message: &str) {
        let (Place { file, line }, message) = (place, message.to_owned());
        let (agent_only, included_at) = (false, Vec::new());
        self.notes.push(ConfigError { file, line, column, message, agent_only, included_at });
    }

    /// After the last line.
    pub(super) fn finish(self) -> Config {
        let mut config = self.config;
        config.local = self.local.map(|(local, _)| local);
        (config.min_samples, config.max_samples) = (self.min_samples, self.max_samples);
        let settle = |draft| settled(draft, self.min_samples, self.max_samples);
        config.upstreams = self.upstreams.into_iter().map(settle).collect();
        config
    }
}

/// A source with the limits of the whole file where it has none of its own.
fn settled(draft: upstream::Draft, min_samples: Option<u32>, max_samples: Option<u32>) -> Upstream {
    let mut upstream = draft.upstream;
    if let Some(samples) = max_samples.filter(|_| !draft.own_max_samples) {
        upstream.max_samples = samples;
    }
    if let Some(samples) = min_samples.filter(|_| !draft.own_min_samples) {
        upstream.min_samples = samples;
    }
    // A source is never asked to keep more samples than it may.
    upstream.min_samples = upstream.min_samples.min(upstream.max_samples);
    upstream
}
