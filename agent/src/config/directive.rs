//! One directive: its name, its words, and what they change in the configuration. A room for each topic.

mod access;
pub(super) mod clock;
mod files;
pub(super) mod leap;
mod local;
pub(super) mod logs;
mod process;
mod rates;
pub(super) mod selection;
pub(super) mod smoothing;
mod sockets;
mod sources;

use super::draft::Draft;
use super::line::{Line, Word, Wrong};
use super::{suggestion, unsupported};

/// A directive that is honoured, and what reads the words behind it.
type Directive = (&'static str, Read);
/// Reads the words behind a directive into the draft; words that it leaves are wrong.
type Read = fn(&mut Draft, &mut Line<'_>) -> Result<(), Wrong>;

/// Every directive that is honoured, by topic.
const TOPICS: [&[Directive]; 12] = [
    access::DIRECTIVES,
    clock::DIRECTIVES,
    files::DIRECTIVES,
    leap::DIRECTIVES,
    local::DIRECTIVES,
    logs::DIRECTIVES,
    process::DIRECTIVES,
    rates::DIRECTIVES,
    selection::DIRECTIVES,
    smoothing::DIRECTIVES,
    sockets::DIRECTIVES,
    sources::DIRECTIVES,
];

fn honoured() -> impl Iterator<Item = &'static Directive> {
    TOPICS.into_iter().flatten()
}

/// Reads one line into the draft.
pub(super) fn read(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let name = line.directive.lower();
    let Some((_, read)) = honoured().find(|(known, _)| *known == name) else {
        return Err(unknown(line.directive));
    };
    read(draft, line)?;
    line.end()
}

/// Reads one line of a file of sources.
pub(super) fn read_source(draft: &mut Draft, line: &mut Line<'_>) -> Result<(), Wrong> {
    let name = line.directive.lower();
    if sources::DIRECTIVES.iter().all(|(known, _)| *known != name) && unsupported::reason(&name).is_none() {
        return Err(line.directive.wrong(format!(
            "'{}' cannot stand in a file of sources; it takes 'server' and 'pool'",
            line.directive.text
        )));
    }
    read(draft, line)
}

/// A word that is near to a known one is a slip of the finger; any other may be one of a newer chronyd.
pub(super) fn unless_a_slip(wrong: Wrong, hint: &str) -> Wrong {
    if hint.is_empty() { wrong.for_the_agent() } else { wrong }
}

fn unknown(directive: Word<'_>) -> Wrong {
    let name = directive.lower();
    match unsupported::reason(&name) {
        Some(reason) => directive
            .wrong(format!("directive '{name}' is not supported by the agent: {reason}"))
            .for_the_agent(),
        None => {
            let hint = suggestion::hint(&name, honoured().map(|(name, _)| *name));
            let wrong = directive.wrong(format!("unknown directive '{}'{hint}", directive.text));
            unless_a_slip(wrong, &hint)
        }
    }
}
