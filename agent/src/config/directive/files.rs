//! Files of the daemon.

use std::path::PathBuf;

use super::Directive;
use crate::config::Config;
use crate::config::draft::Inclusion;
use crate::config::line::{Line, Word, Wrong};
use crate::time::Seconds;

/// Of one `confdir` or `sourcedir`.
const MOST_DIRECTORIES: usize = 10;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("include", |draft, line| {
        let word = line.need("the path of a file, or a pattern of paths")?;
        let path = checked_path(word)?.display().to_string();
        draft.inclusion = Some((Inclusion::File(path), word.column));
        Ok(())
    }),
    ("confdir", |draft, line| {
        draft.inclusion = Some((Inclusion::Directories(directories(line)?), line.directive.column));
        Ok(())
    }),
    ("sourcedir", |draft, line| {
        draft.config.source_dirs.push(directories(line)?);
        Ok(())
    }),
    ("dumpdir", |draft, line| {
        draft.config.dump_dir = Some(directory(line.need("a directory")?)?.into());
        Ok(())
    }),
    ("ntsdumpdir", |draft, line| {
        // Stock files of distributions have it; without sources that say 'nts' it asks for nothing.
        directory(line.need("a directory")?)?;
        draft.note(line.directive.column, "nothing is ever kept there: NTS is not implemented");
        Ok(())
    }),
    ("driftfile", |draft, line| {
        draft.config.drift_file = Some(path(line)?);
        match line.next() {
            Some(word) if word.lower() == "interval" => {
                draft.config.drift_interval = Seconds(line.number("the interval", "seconds", 0.0..=1e9)?);
            }
            Some(word) => return Err(word.wrong("'driftfile' takes a path, and 'interval' with seconds")),
            None => draft.config.drift_interval = Config::default().drift_interval,
        }
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
        let wrong = format!("'{text}' must be the path of a file that begins with / or ~/");
        return Err(word.wrong(wrong).for_the_agent());
    }
    Ok(PathBuf::from(text))
}

/// Up to ten directories.
fn directories(line: &mut Line<'_>) -> Result<Vec<String>, Wrong> {
    let mut directories = vec![directory(line.need("a directory")?)?];
    while let Some(word) = line.next() {
        if directories.len() == MOST_DIRECTORIES {
            let name = line.directive.lower();
            return Err(word
                .wrong(format!("'{name}' takes up to {MOST_DIRECTORIES} directories; write another line")));
        }
        directories.push(directory(word)?);
    }
    Ok(directories)
}

pub(super) fn directory(word: Word<'_>) -> Result<String, Wrong> {
    let text = word.text;
    if text.starts_with('/') || text.starts_with("~/") {
        Ok(text.to_owned())
    } else {
        let wrong = format!("'{text}' must be the path of a directory that begins with / or ~/");
        Err(word.wrong(wrong).for_the_agent())
    }
}
