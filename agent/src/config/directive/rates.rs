//! How often one address is answered.

use super::{Directive, unless_a_slip};
use crate::config::line::{Line, Wrong};
use crate::config::{RateLimit, suggestion};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("ratelimit", |draft, line| {
        draft.config.rate_limit = Some(limit(line, RateLimit::TIME, &["interval", "burst", "leak", "kod"])?);
        Ok(())
    }),
    ("cmdratelimit", |draft, line| {
        // There is no kiss code in the monitoring protocol.
        let limit = limit(line, RateLimit::COMMANDS, &["interval", "burst", "leak"])?;
        draft.config.command_rate_limit = Some(limit);
        Ok(())
    }),
];

fn limit(line: &mut Line<'_>, usual: RateLimit, options: &[&str]) -> Result<RateLimit, Wrong> {
    let mut limit = usual;
    while let Some(option) = line.next() {
        let name = option.lower();
        match options.iter().find(|known| **known == name) {
            Some(&"interval") => limit.interval = line.integer("interval", -19..=12)?,
            Some(&"burst") => limit.burst = line.integer("burst", 1..=255)?,
            Some(&"leak") => limit.leak = line.integer("leak", 1..=4)?,
            Some(_) => limit.kod = line.integer("kod", 0..=4)?,
            None => {
                let hint = suggestion::hint(&name, options.iter().copied());
                let all = options.join(", ");
                let directive = line.directive.lower();
                let text = format!("unknown option '{}'{hint} ('{directive}' takes {all})", option.text);
                return Err(unless_a_slip(option.wrong(text), &hint));
            }
        }
    }
    Ok(limit)
}
