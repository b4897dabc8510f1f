//! `smoothtime`.

use std::fmt;

use super::Directive;
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
use crate::time::Ppm;

pub(super) const DIRECTIVES: &[Directive] = &[("smoothtime", smooth_time)];

/// `smoothtime`: corrections of the clock reach those who are served slowly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothTime {
    /// Served time gains or loses no more than this against the best estimate.
    pub max_rate: Ppm,
    /// That changes by no more than this in a second.
    pub max_wander: Ppm,
    /// `leaponly`: leap seconds only.
    pub leap_only: bool,
}

/// The words after the directive.
impl fmt::Display for SmoothTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leap_only = if self.leap_only { " leaponly" } else { "" };
        write!(f, "{} {}{leap_only}", self.max_rate.0, self.max_wander.0)
    }
}

fn smooth_time(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let max_rate = Ppm(line.number("the largest frequency offset", "ppm", 0.001..=500_000.0)?);
    let max_wander = Ppm(line.number("its largest change", "ppm per second", 0.000_001..=100_000.0)?);
    let leap_only = match line.next() {
        None => false,
        Some(word) if word.lower() == "leaponly" => true,
        Some(word) => {
            let text = format!("'smoothtime' takes two numbers and 'leaponly', found '{}'", word.text);
            return Err(word.wrong(text));
        }
    };
    draft.config.smooth_time = Some(SmoothTime { max_rate, max_wander, leap_only });
    Ok(())
}
