//! How the clock is corrected.

use super::Directive;
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
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
    ("maxdrift", |draft, line| {
        draft.config.max_drift = Ppm(line.number("maxdrift", "ppm", 0.0..=1e6)?);
        Ok(())
    }),
    ("fallbackdrift", fallback_drift),
    ("rtcsync", |draft, _| {
        draft.config.rtc_sync = true;
        Ok(())
    }),
];

/// `fallbackdrift`: average frequencies that replace the last one when the clock was not updated for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackDrift {
    /// Interval of the shortest average, log2 seconds; it is used when there was no update for so long.
    pub shortest: i8,
    /// Interval of the longest.
    pub longest: i8,
}

/// 0 for either means that there are none.
fn fallback_drift(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let shortest = line.integer("the minimum interval", 0..=30)?;
    let longest = line.integer("the maximum interval", 0..=30)?;
    let is_on = shortest > 0 && longest > 0;
    if is_on && shortest > longest {
        let text = format!("the minimum interval {shortest} is above the maximum interval {longest}");
        return Err(line.directive.wrong(text));
    }
    draft.config.fallback_drift = is_on.then_some(FallbackDrift { shortest, longest });
    Ok(())
}
