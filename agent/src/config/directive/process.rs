//! What kind of process the daemon is.

use super::Directive;
use crate::config::line::Wrong;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("user", |draft, line| {
        draft.config.user = Some(line.need("the name of a user")?.text.to_owned());
        Ok(())
    }),
    ("lock_all", |draft, _| {
        draft.config.lock_all = true;
        Ok(())
    }),
    ("sched_priority", |draft, line| {
        // 100 as chrony.conf(5) has it would be refused by every kernel.
        draft.config.sched_priority = line.integer("sched_priority", 0..=99).map_err(Wrong::for_the_agent)?;
        Ok(())
    }),
];
