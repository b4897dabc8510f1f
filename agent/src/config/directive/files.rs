//! Files of the daemon.

use std::path::PathBuf;

use super::Directive;
use crate::config::line::{Line, Word, Wrong};

pub(super) const DIRECTIVES: &[Directive] = &[
    ("driftfile", |draft, line| {
        draft.config.drift_file = Some(path(line)?);
        Ok(())
    }),
    ("keyfile", |draft, line| {
        draft.config.key_file = Some(path(line)?);
        Ok(())
    }),
    ("pidfile", |draft, line| {
        draft.config.pid_file = Some(path(line)?);
        Ok(())
    }),
];

pub(super) fn path(line: &mut Line<'_>) -> Result<PathBuf, Wrong> {
    let word = line.need("the path of a file")?;
    checked_path(word)
}

pub(super) fn checked_path(word: Word<'_>) -> Result<PathBuf, Wrong> {
    let text = word.text;
    if (!text.starts_with('/') && !text.starts_with("~/")) || text.ends_with('/') {
        return Err(word.wrong(format!("'{text}' must be the path of a file that begins with / or ~/")));
    }
    Ok(PathBuf::from(text))
}
