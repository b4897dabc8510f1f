//! What is wrong with an inventory, where, and what to do about it; and how a person sees that.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use super::host::Place;
use super::source::{InputFile, Source, Window};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Would work, but hardly as meant.
    Warning,
    /// Nothing is touched while it stands.
    Error,
}

impl Severity {
    /// As it is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// How bad.
    pub(crate) severity: Severity,
    /// Name of the rule that found it (`None`: the inventory language itself).
    pub(crate) rule: Option<&'static str>,
    /// Where.
    pub(crate) place: Place,
    /// The other place that has a part in it, and what is there.
    pub(crate) second: Option<(Place, String)>,
    /// What is wrong, one line.
    pub(crate) message: String,
    /// Why it matters (of rules).
    pub(crate) reason: Option<&'static str>,
    /// What to do about it, one line.
    pub(crate) help: Option<String>,
    /// Who else wants it so, one line each: the texts of compliance profiles.
    pub(crate) notes: Vec<String>,
    /// The line that includes the file of `place`, the line that includes that file, and so on.
    pub(crate) chain: Vec<Place>,
}

impl Problem {
    /// An error of the inventory language.
    pub(crate) fn error(place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity: Severity::Error,
            rule: None,
            place,
            second: None,
            message,
            reason: None,
            help: None,
            notes: Vec::new(),
            chain: vec![],
        }
    }

    /// With advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With advice, when there is any.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// With the other place that has a part in it.
    pub(crate) fn and(mut self, place: Place, label: impl Into<String>) -> Self {
        self.second = Some((place, label.into()));
        self
    }

    /// `file:line:column: error[rule]: message`
    #[cfg(test)]
    pub(crate) fn headline(&self) -> String {
        let rule = self.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
        format!("{}: {}{rule}: {}", self.place, self.severity.word(), self.message)
    }
}

/// Puts whatever holds problems into the order of the files and of the lines.
pub(crate) fn sort_by_place<T>(things: &mut [T], files: &[InputFile], problem: impl Fn(&T) -> &Problem) {
    let rank: HashMap<&str, usize> =
        files.iter().enumerate().map(|(rank, file)| (file.name.as_str(), rank)).collect();
    let of = |place: &Place| (rank.get(&*place.file).copied(), place.line, place.column);
    things.sort_by(|a, b| {
        let (a, b) = (problem(a), problem(b));
        of(&a.place).cmp(&of(&b.place)).then_with(|| a.message.cmp(&b.message))
    });
}

/// How many more hosts share a mistake, to be said behind the name of the first.
pub(crate) fn others(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " (and one more host)".to_owned(),
        _ => format!(" (and {} more hosts)", count - 1),
    }
}

/// Puts problems into the order of the files and of the lines; what is said twice of one place is said once.
pub(crate) fn in_order(problems: &mut Vec<Problem>, files: &[InputFile]) {
    sort_by_place(problems, files, |problem| problem);
    problems.dedup_by(|a, b| a.place == b.place && a.message == b.message);
}

/// Prints problems for people: `file:line:column: error: message`, then the line with a caret under the characters
/// that are meant, the second place where there is one, and the advice.
pub(crate) fn print(problems: &[Problem], files: &[InputFile], to: &mut dyn Write) -> io::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let sources: HashMap<&str, Source<'_>> =
        files.iter().map(|file| (file.name.as_str(), Source::new(file))).collect();
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let mut explained = HashSet::new();
    for problem in problems {
        let (style, bold) = match problem.severity {
            Severity::Error => (AnsiColor::BrightRed.on_default().bold(), Style::new().bold()),
            Severity::Warning => (AnsiColor::Yellow.on_default().bold(), Style::new().bold()),
        };
        let rule = problem.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
        let word = problem.severity.word();
        let (place, message) = (problem.place.to_string(), visible(&problem.message));
        let place = visible(&place);
        // One line however long: editors and `grep` read it.
        writeln!(to, "{bold}{place}{bold:#}: {style}{word}{rule}{style:#}: {message}")?;
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_level(level);
        let window = |place: &Place| sources.get(&*place.file)?.window(place);
        if let Some(window) = window(&problem.place) {
            group = group.element(snippet(window, &problem.place, AnnotationKind::Primary, None));
        }
        let second = problem.second.as_ref().map(|(place, label)| (place, visible(label)));
        if let Some((place, label)) = &second {
            match window(place) {
                // The renderer would count the column from where the line was cut.
                Some(window) if window.cut => {
                    group = group
                        .element(Level::NOTE.message(visible(&format!("{place}: {label}")).into_owned()));
                }
                Some(window) => {
                    let snippet = snippet(window, place, AnnotationKind::Context, Some(label));
                    group = group.element(snippet.path(visible(&place.file).into_owned()));
                }
                None => {}
            }
        }
        // Why a rule exists is said with its first finding; the tenth time it would only hide what is new.
        if let Some(reason) = problem.reason.filter(|_| explained.insert(problem.rule)) {
            group = group.element(Level::NOTE.message(wrapped(reason)));
        }
        for note in &problem.notes {
            group = group.element(Level::NOTE.message(wrapped(&visible(note))));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(wrapped(&visible(help))));
        }
        for place in &problem.chain {
            let place = place.to_string();
            group = group.element(Level::NOTE.message(format!("included from {}", visible(&place))));
        }
        if !group.is_empty() {
            writeln!(to, "{}", renderer.render(&[group]))?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// Words of an inventory as they may be shown: what would steer a terminal or a runner, or turn the order of the letters
/// round, is written out (`\u{1b}`).
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if steers(letter) { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    Cow::Owned(shown)
}

/// The same of words that have lines.
pub(crate) fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Columns of a terminal that nobody made wider; the same in a pipe, so that what is seen does not depend on it.
const WIDTH: usize = 80;
/// What stands before a note's or a help's text, with line numbers of up to three digits.
const NOTE_INDENT: usize = 12;

/// Broken at spaces so that it fits beside its indent; what is between backticks stays in one piece.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut quoted = false;
    let pieces = text.split(|letter| {
        quoted ^= letter == '`';
        letter == ' ' && !quoted
    });
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + piece.chars().count() <= WIDTH - NOTE_INDENT => {
                line.push(' ');
                line.push_str(piece);
            }
            _ => lines.push(piece.to_owned()),
        }
    }
    lines.join("\n")
}

/// The line of a place with its characters marked. Only that line is given to the renderer, and of a long one only a part:
/// a file may be large.
fn snippet<'a>(
    window: Window<'a>,
    place: &Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, Annotation<'a>> {
    let annotation = kind.span(window.meant).label(label);
    Snippet::source(window.text).line_start(place.line as usize).annotation(annotation)
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn what_is_quoted_stays_in_one_piece() {
        let help = "give one of them a source outside, or all of them `local: { stratum: 10, orphan: true }`";
        assert_eq!(
            wrapped(help),
            "give one of them a source outside, or all of them\n`local: { stratum: 10, orphan: true }`"
        );
        assert_eq!(wrapped("write `true`"), "write `true`");
        assert_eq!(wrapped("one ` alone"), "one ` alone");
    }
}
