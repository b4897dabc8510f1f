//! Which sources count.

use super::Directive;
use crate::config::upstream;
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
    ("minsamples", |draft, line| {
        draft.min_samples = Some(upstream::min_samples(line)?);
        Ok(())
    }),
    ("maxsamples", |draft, line| {
        draft.max_samples = Some(upstream::max_samples(line)?);
        Ok(())
    }),
];
