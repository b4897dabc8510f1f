//! Who may ask: for the time, and for reports.

use super::{Directive, unless_a_slip};
use crate::config::line::{Line, Wrong};
use crate::config::{ClientLog, OpenCommand, subnet, suggestion};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("allow", |draft, line| {
        draft.config.access.push(subnet::rule(line, true)?);
        Ok(())
    }),
    ("deny", |draft, line| {
        draft.config.access.push(subnet::rule(line, false)?);
        Ok(())
    }),
    ("cmdallow", |draft, line| {
        draft.config.command_access.push(subnet::rule(line, true)?);
        Ok(())
    }),
    ("cmddeny", |draft, line| {
        draft.config.command_access.push(subnet::rule(line, false)?);
        Ok(())
    }),
    ("clientloglimit", |draft, line| {
        let bytes = line.integer("clientloglimit", 1..=2_147_483_648)?;
        draft.config.client_log = ClientLog::Limit { bytes };
        Ok(())
    }),
    ("noclientlog", |draft, _| {
        draft.config.client_log = ClientLog::Off;
        Ok(())
    }),
    ("opencommands", |draft, line| {
        draft.config.open_commands = open_commands(line)?;
        Ok(())
    }),
];

/// Replaces what is open by default; without words nothing is.
fn open_commands(line: &mut Line<'_>) -> Result<Vec<OpenCommand>, Wrong> {
    let mut open = Vec::new();
    while let Some(word) = line.next() {
        let lower = word.lower();
        let Some(command) = OpenCommand::by_word(&lower) else {
            let words = OpenCommand::ALL.map(|(word, _)| word);
            let hint = suggestion::hint(&lower, words);
            let all = words.join(", ");
            let wrong = word.wrong(format!("unknown report '{}'{hint} (there are {all})", word.text));
            return Err(unless_a_slip(wrong, &hint));
        };
        if !open.contains(&command) {
            open.push(command);
        }
    }
    Ok(open)
}
