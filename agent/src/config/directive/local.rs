//! Time without a source.

use super::Directive;
use crate::config::draft::Draft;
use crate::config::line::{Line, Wrong};
use crate::config::{Local, suggestion};
use crate::time::Seconds;

pub(super) const DIRECTIVES: &[Directive] = &[("local", local)];

fn local(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let mut local = Local::default();
    while let Some(option) = line.next() {
        match option.lower().as_str() {
            "stratum" => local.stratum = line.integer("stratum", 1..=15)?,
            "distance" => local.distance = Seconds(line.number("distance", "seconds", 0.0..=1e6)?),
            "orphan" => local.orphan = true,
            name @ ("activate" | "waitsynced" | "waitunsynced") => {
                return Err(option.wrong(format!(
                    "option '{name}' is not supported by the agent: only 'stratum', 'distance' and 'orphan' decide \
                     when it serves its own clock"
                )));
            }
            name => {
                let hint = suggestion::hint(name, ["stratum", "distance", "orphan"]);
                return Err(option.wrong(format!(
                    "unknown option '{}'{hint} ('local' takes stratum, distance and orphan)",
                    option.text
                )));
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
