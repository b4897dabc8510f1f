//! Time without a source.

use super::{Directive, unless_a_slip};
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
use crate::config::{Local, suggestion};
use crate::time::Seconds;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("local", local),
    ("manual", |draft, _| {
        draft.config.manual = true;
        Ok(())
    }),
];

const OPTIONS: [&str; 6] = ["stratum", "distance", "orphan", "activate", "waitsynced", "waitunsynced"];

fn local(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let mut local = Local::default();
    while let Some(option) = line.next() {
        match option.lower().as_str() {
            "stratum" => local.stratum = line.integer("stratum", 1..=15)?,
            "distance" => local.distance = Seconds(line.number("distance", "seconds", 0.0..=1e6)?),
            "orphan" => local.orphan = true,
            "activate" => local.activate = Seconds(line.number("activate", "seconds", 0.0..=1e6)?),
            "waitsynced" => local.wait_synced = Seconds(line.number("waitsynced", "seconds", 0.0..=1e9)?),
            "waitunsynced" => {
                local.wait_unsynced = Seconds(line.number("waitunsynced", "seconds", 0.0..=1e9)?);
            }
            name => {
                let hint = suggestion::hint(name, OPTIONS);
                let all = OPTIONS.join(", ");
                let text = format!("unknown option '{}'{hint} ('local' takes {all})", option.text);
                return Err(unless_a_slip(option.wrong(text), &hint));
            }
        }
    }
    match &draft.local {
        Some((other, place)) if *other != local => {
            let file = if place.file == draft.place.file { "" } else { &format!(" of {}", place.file) };
            Err(line.directive.wrong(format!(
                "this 'local' contradicts the one in line {}{file}; keep one of them",
                place.line
            )))
        }
        Some(_) => Ok(()),
        None => {
            draft.local = Some((local, draft.place.clone()));
            Ok(())
        }
    }
}
