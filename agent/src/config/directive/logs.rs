//! What is written down besides the messages.

use super::Directive;
use crate::time::Seconds;

pub(super) const DIRECTIVES: &[Directive] = &[("logchange", |draft, line| {
    draft.config.log_change = Seconds(line.number("logchange", "seconds", 0.0..=1e9)?);
    Ok(())
})];
