//! How the clock is corrected.

use super::Directive;
use crate::config::{MakeStep, MaxChange};
use crate::time::{Ppm, Seconds};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("makestep", |draft, line| {
        let threshold = Seconds(line.number("the threshold", "seconds", 0.0..=1e9)?);
        draft.config.make_step = Some(MakeStep { threshold, limit: line.limit("the limit")? });
        Ok(())
    }),
    ("maxchange", |draft, line| {
        draft.config.max_change = Some(MaxChange {
            offset: Seconds(line.number("the offset", "seconds", 0.0..=1e9)?),
            start: line.integer("the start", 0..=1_000_000_000)?,
            ignore: line.limit("the number of ignored offsets")?,
        });
        Ok(())
    }),
    ("maxslewrate", |draft, line| {
        draft.config.max_slew_rate = Ppm(line.number("maxslewrate", "ppm", 0.001..=100_000.0)?);
        Ok(())
    }),
    ("corrtimeratio", |draft, line| {
        draft.config.correction_time_ratio = line.number("corrtimeratio", "", 0.01..=1000.0)?;
        Ok(())
    }),
    ("maxupdateskew", |draft, line| {
        draft.config.max_update_skew = Ppm(line.number("maxupdateskew", "ppm", 0.001..=1e6)?);
        Ok(())
    }),
    ("maxclockerror", |draft, line| {
        draft.config.max_clock_error = Ppm(line.number("maxclockerror", "ppm", 0.0..=100_000.0)?);
        Ok(())
    }),
    ("clockprecision", |draft, line| {
        draft.config.clock_precision = Some(Seconds(line.number("clockprecision", "seconds", 1e-9..=1.0)?));
        Ok(())
    }),
    ("rtcsync", |draft, _| {
        draft.config.rtc_sync = true;
        Ok(())
    }),
];
