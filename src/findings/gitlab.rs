//! GitLab's Code Quality report: a list of issues.

use serde::Serialize;

use super::{Finding, words};
use crate::inventory::Severity;

#[derive(Debug, Serialize)]
pub(super) struct Issue<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Debug, Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

pub(super) fn issue(finding: &Finding) -> Issue<'_> {
    // One line is shown, and nothing but this text and the line of the file.
    let mut words = vec![finding.message.clone()];
    words.extend(words::unshown(&finding.place));
    words.extend(finding.help.clone());
    words.extend(finding.notes.iter().cloned());
    words.extend(words::chain(finding));
    Issue {
        description: words.join("; "),
        check_name: finding.rule_name(),
        fingerprint: &finding.fingerprint,
        severity: match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
        },
        location: Location {
            path: &finding.place.file,
            // GitLab knows no finding without a line.
            lines: Lines { begin: finding.place.in_file().map_or(1, |span| span.line) },
        },
    }
}
