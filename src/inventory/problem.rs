//! What is wrong with an inventory, where, and what to do about it; and how a person sees that.

use std::collections::HashMap;
use std::io::{self, Write};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

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
    /// What to do about it, one line.
    pub(crate) help: Option<String>,
}

impl Problem {
    /// An error of the inventory language.
    pub(crate) fn error(place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, rule: None, place, second: None, message, help: None }
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
    pub(crate) fn headline(&self) -> String {
        let rule = self.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
        format!("{}: {}{rule}: {}", self.place, self.severity.word(), self.message)
    }
}

/// Prints problems for people: `file:line:column: error: message`, then the line with a caret under the characters
/// that are meant, the second place where there is one, and the advice.
pub(crate) fn print(problems: &[Problem], files: &[InputFile], to: &mut dyn Write) -> io::Result<()> {
    let sources: HashMap<&str, &str> =
        files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    for problem in problems {
        writeln!(to, "{}", problem.headline())?;
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let _ = (&renderer, level, &sources);
    }
    Ok(())
}
