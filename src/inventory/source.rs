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
    /// Within long lines, ascending.
    marks: Vec<Mark>,
}

/// A character whose column is known. A program may print a whole fleet as one line of JSON: without marks every column in
/// it would be counted from the beginning.
#[derive(Clone, Copy)]
struct Mark {
    /// Index of its line.
    line: usize,
    /// Its byte.
    at: usize,
    /// Characters before it in its line.
    column: usize,
}

/// Bytes between two marks, about.
const STRIDE: usize = 1024;

/// The part of a line that is shown around a place.
pub(super) struct Window<'a> {
    pub(super) text: &'a str,
    /// The bytes of it that are meant.
    pub(super) meant: Range<usize>,
    /// Whether there is more of the line in front of it: columns cannot be told from it then.
    pub(super) cut: bool,
}

/// Characters that are shown around a place in a long line.
const MARGIN: usize = 100;

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a InputFile) -> Self {
        // A byte order mark is no character of the first line.
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines: Vec<usize> = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        let ends = lines.iter().skip(1).copied().chain([text.len()]);
        let long = lines.iter().zip(ends).enumerate().filter(|(_, (begin, end))| end - *begin > STRIDE);
        let marks = long.flat_map(|(line, (&begin, end))| marks(text, line, begin..end)).collect();
        Self { name: Arc::from(file.name.as_str()), text, lines, marks }
    }

    /// The characters of a span of bytes.
    pub(super) fn slice(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// Where a span of bytes is; a span of several lines is cut at the end of its first.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let line = self.lines.partition_point(|&begin| begin <= span.start).saturating_sub(1);
        let mark = self.mark(line, |mark| mark.at <= span.start);
        let before = mark.column + self.slice(mark.at..span.start).chars().count();
        let meant = self.slice(span).lines().next().unwrap_or_default().trim_end().chars().count();
        Place {
            file: Arc::clone(&self.name),
            line: number(line + 1),
            column: number(before + 1),
            length: number(meant.max(1)),
        }
    }

    /// The line of a place, or the part of a long line that is around it.
    pub(super) fn window(&self, place: &Place) -> Option<Window<'a>> {
        let line = (place.line as usize).checked_sub(1)?;
        let begin = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let first = (place.column as usize).saturating_sub(1);
        let last = first.saturating_add(place.length as usize);
        let is_long = end - begin > STRIDE;
        let from = if is_long { self.byte(line, first.saturating_sub(MARGIN), end) } else { begin };
        let to = if is_long { self.byte(line, last.min(first + MARGIN) + MARGIN, end) } else { end };
        let text = self.slice(from..to);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let inside = |column| self.byte(line, column, end).clamp(from, from + text.len()) - from;
        Some(Window { text, meant: inside(first)..inside(last), cut: from > begin })
    }

    /// The byte at which a column of a line begins, or the end of the line.
    fn byte(&self, line: usize, column: usize, end: usize) -> usize {
        let mark = self.mark(line, |mark| mark.column <= column);
        let rest = self.slice(mark.at..end);
        rest.char_indices().nth(column - mark.column).map_or(end, |(at, _)| mark.at + at)
    }

    /// The last mark of a line for which this holds, or else its beginning.
    fn mark(&self, line: usize, holds: impl Fn(&Mark) -> bool) -> Mark {
        let first = self.marks.partition_point(|mark| mark.line < line);
        let of_line = self.marks.get(first..).unwrap_or_default();
        let count = of_line.partition_point(|mark| mark.line == line && holds(mark));
        let last = count.checked_sub(1).and_then(|last| of_line.get(last)).copied();
        last.unwrap_or(Mark { line, at: self.lines.get(line).copied().unwrap_or(0), column: 0 })
    }
}

fn marks(text: &str, line: usize, span: Range<usize>) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut next = STRIDE;
    for (column, (at, _)) in text.get(span.clone()).unwrap_or_default().char_indices().enumerate() {
        if at >= next {
            marks.push(Mark { line, at: span.start + at, column });
            next = at + STRIDE;
        }
    }
    marks
}

/// Lines and columns past four billion are all called the last one.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_counted_as_the_naive_way_counts_them(
            lines in proptest::collection::vec("[aé日]{0,20}|[aé日]{1000,3000}", 1..5),
            at in 0.0..1.0_f64,
            length in 0..20_usize,
        ) {
            let file = InputFile { name: "f".to_owned(), text: lines.join("\n") };
            let source = Source::new(&file);
            let boundaries: Vec<usize> =
                file.text.char_indices().map(|(at, _)| at).chain([file.text.len()]).collect();
            let nth = (at * (boundaries.len() - 1) as f64) as usize;
            let begin = boundaries[nth];
            let end = boundaries[(nth + length).min(boundaries.len() - 1)];
            let before = &file.text[..begin];
            let place = source.place(begin..end);
            prop_assert_eq!(place.line as usize, before.matches('\n').count() + 1);
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
            prop_assert_eq!(place.column as usize, column + 1);

            let window = source.window(&place).unwrap();
            let line = lines[place.line as usize - 1].as_str();
            let meant: String = line.chars().skip(column).take(place.length as usize).collect();
            prop_assert_eq!(&window.text[window.meant.clone()], meant);
            prop_assert!(line.contains(window.text));
            prop_assert!(line.len() <= STRIDE || window.text.chars().count() <= 3 * MARGIN);
            prop_assert_eq!(window.cut, !line.starts_with(window.text));
        }
    }
}
