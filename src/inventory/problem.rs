//! What is wrong with an inventory, where, and what to do about it; and how a person sees that.

use std::collections::HashMap;
use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use super::host::Place;
use super::source::InputFile;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Would work, but hardly as meant.
    Warning,
    /// Nothing is touched while it stands.
    Error,
}

impl Severity {
    fn word(self) -> &'static str {
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

/// Puts problems into the order of the files and of the lines; what is said twice of one place is said once.
pub(crate) fn in_order(problems: &mut Vec<Problem>, files: &[InputFile]) {
    let rank: HashMap<&str, usize> =
        files.iter().enumerate().map(|(rank, file)| (file.name.as_str(), rank)).collect();
    let of = |place: &Place| (rank.get(&*place.file).copied(), place.line, place.column);
    problems.sort_by(|a, b| of(&a.place).cmp(&of(&b.place)).then_with(|| a.message.cmp(&b.message)));
    problems.dedup_by(|a, b| a.place == b.place && a.message == b.message);
}

/// Prints problems for people: `file:line:column: error: message`, then the line with a caret under the characters
/// that are meant, the second place where there is one, and the advice.
pub(crate) fn print(problems: &[Problem], files: &[InputFile], to: &mut dyn Write) -> io::Result<()> {
    let sources: HashMap<&str, Lines<'_>> =
        files.iter().map(|file| (file.name.as_str(), Lines::new(&file.text))).collect();
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    for problem in problems {
        let (style, bold) = match problem.severity {
            Severity::Error => (AnsiColor::BrightRed.on_default().bold(), Style::new().bold()),
            Severity::Warning => (AnsiColor::Yellow.on_default().bold(), Style::new().bold()),
        };
        let rule = problem.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
        let word = problem.severity.word();
        writeln!(to, "{bold}{}{bold:#}: {style}{word}{rule}{style:#}: {}", problem.place, problem.message)?;
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_level(level);
        if let Some(snippet) = snippet(&sources, &problem.place, AnnotationKind::Primary, None) {
            group = group.element(snippet);
        }
        if let Some((place, label)) = &problem.second
            && let Some(snippet) = snippet(&sources, place, AnnotationKind::Context, Some(label))
        {
            group = group.element(snippet.path(place.file.to_string()));
        }
        if let Some(reason) = problem.reason {
            group = group.element(Level::NOTE.message(reason));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        for place in &problem.chain {
            group = group.element(Level::NOTE.message(format!("included from {place}")));
        }
        if !group.is_empty() {
            writeln!(to, "{}", renderer.render(&[group]))?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// A text by its lines.
struct Lines<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self(text.strip_prefix('\u{feff}').unwrap_or(text).lines().collect())
    }
}

/// The line of a place with its characters marked. Only that line is given to the renderer: a file may be large.
fn snippet<'a>(
    sources: &HashMap<&str, Lines<'a>>,
    place: &Place,
    kind: AnnotationKind,
    label: Option<&'a String>,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let line = sources.get(&*place.file)?.0.get(place.line as usize - 1)?;
    let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let begin = place.column as usize - 1;
    let span = at(begin)..at(begin + place.length as usize);
    let annotation = kind.span(span).label(label.map(String::as_str));
    Some(Snippet::source(*line).line_start(place.line as usize).annotation(annotation))
}
