//! Which sources count.

use std::fmt;

use super::Directive;
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
use crate::config::{suggestion, upstream};
use crate::time::Seconds;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("maxdistance", |draft, line| {
        draft.config.max_distance = Seconds(line.number("maxdistance", "seconds", 0.000_001..=1e6)?);
        Ok(())
    }),
    ("maxjitter", |draft, line| {
        draft.config.max_jitter = Seconds(line.number("maxjitter", "seconds", 0.000_001..=1e6)?);
        Ok(())
    }),
    ("minsources", |draft, line| {
        draft.config.min_sources = line.integer("minsources", 1..=1000)?;
        Ok(())
    }),
    ("reselectdist", |draft, line| {
        draft.config.reselect_distance = Seconds(line.number("reselectdist", "seconds", 0.0..=1e6)?);
        Ok(())
    }),
    ("stratumweight", |draft, line| {
        draft.config.stratum_weight = Seconds(line.number("stratumweight", "seconds", 0.0..=1e6)?);
        Ok(())
    }),
    ("combinelimit", |draft, line| {
        draft.config.combine_limit = line.number("combinelimit", "", 0.0..=1e6)?;
        Ok(())
    }),
    ("authselectmode", auth_select_mode),
    ("minsamples", |draft, line| {
        draft.min_samples = Some(upstream::min_samples(line)?);
        Ok(())
    }),
    ("maxsamples", |draft, line| {
        draft.max_samples = Some(upstream::max_samples(line)?);
        Ok(())
    }),
];

/// `authselectmode`: what it means for a source to have no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthSelectMode {
    /// It is never selected.
    Require,
    /// It is not selected if there is any with a key.
    Prefer,
    /// It must agree with those that have one.
    #[default]
    Mix,
    /// Nothing.
    Ignore,
}

impl AuthSelectMode {
    /// Every mode with its word.
    pub const ALL: [(&str, Self); 4] =
        [("require", Self::Require), ("prefer", Self::Prefer), ("mix", Self::Mix), ("ignore", Self::Ignore)];
}

impl fmt::Display for AuthSelectMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, mode)| mode == self).map_or("mix", |(word, _)| word);
        f.write_str(word)
    }
}

fn auth_select_mode(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let word = line.need("'require', 'prefer', 'mix' or 'ignore'")?;
    let lower = word.lower();
    let known = AuthSelectMode::ALL.iter().find(|(known, _)| *known == lower);
    draft.config.auth_select_mode = known.map(|(_, mode)| *mode).ok_or_else(|| {
        let hint = suggestion::hint(&lower, AuthSelectMode::ALL.map(|(known, _)| known));
        word.wrong(format!("unknown mode '{}'{hint} (there are require, prefer, mix, ignore)", word.text))
    })?;
    Ok(())
}
