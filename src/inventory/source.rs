//! One input file: its text, and where its lines begin.

use std::ops::Range;
use std::sync::Arc;

use super::host::Place;

/// A file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct InputFile {
    /// As the user named it (`-` for standard input).
    pub(crate) name: String,
    /// Its content.
    pub(crate) text: String,
}

/// A file that is being walked.
pub(super) struct Source<'a> {
    pub(super) name: Arc<str>,
    pub(super) text: &'a str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a InputFile) -> Self {
        // A byte order mark is no character of the first line.
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { name: Arc::from(file.name.as_str()), text, lines }
    }

    /// The characters of a span of bytes.
    pub(super) fn slice(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// Where a span of bytes is; a span of several lines is cut at the end of its first.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let line = self.lines.partition_point(|&begin| begin <= span.start).max(1);
        let begin = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.slice(begin..span.start).chars().count();
        let meant = self.slice(span).lines().next().unwrap_or_default().trim_end().chars().count();
        Place {
            file: Arc::clone(&self.name),
            line: number(line),
            column: number(before + 1),
            length: number(meant.max(1)),
        }
    }
}

/// Lines and columns past four billion are all called the last one.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
