//! A configuration while its lines are being read.

use super::{Config, Local, upstream};

/// What was read so far, and what later lines must be held against.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) upstreams: Vec<upstream::Draft>,
    /// `minsamples` as a directive: for all sources without a word of their own, above and below it.
    pub(super) min_samples: Option<u32>,
    /// `maxsamples` as a directive.
    pub(super) max_samples: Option<u32>,
    /// The first `local` line and its number.
    pub(super) local: Option<(Local, usize)>,
}

impl Draft {
    /// After the last line.
    pub(super) fn finish(self) -> Config {
        let mut config = self.config;
        config.local = self.local.map(|(local, _)| local);
        (config.min_samples, config.max_samples) = (self.min_samples, self.max_samples);
        config.upstreams = self
            .upstreams
            .into_iter()
            .map(|draft| {
                let mut upstream = draft.upstream;
                if let Some(samples) = self.max_samples.filter(|_| !draft.own_max_samples) {
                    upstream.max_samples = samples;
                }
                if let Some(samples) = self.min_samples.filter(|_| !draft.own_min_samples) {
                    upstream.min_samples = samples;
                }
                // A source is never asked to keep more samples than it may.
                upstream.min_samples = upstream.min_samples.min(upstream.max_samples);
                upstream
            })
            .collect();
        config
    }
}
