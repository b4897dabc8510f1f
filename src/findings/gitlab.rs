//! GitLab's Code Quality report: a list of issues.

use serde::Serialize;

use super::{Finding, words};
use crate::inventory::Severity;

#[derive(Debug, Serialize)]
pub(super) struct Issue {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Debug, Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

pub(super) fn issue(finding: &Finding) -> Issue {
    // One line is shown, and nothing but this text and the line of the file.
    let mut words = vec![finding.message.clone()];
    words.extend(words::unshown(&finding.place));
    words.extend(finding.help.clone());
    words.extend(finding.notes.iter().cloned());
    words.extend(words::chain(finding));
    Issue {
        description: words.join("; "),
        check_name: finding.rule_name(),
        fingerprint: finding.fingerprint.clone(),
        severity: match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
        },
        location: Location {
            path: finding.place.file.clone(),
            // GitLab knows no finding without a line.
            lines: Lines { begin: finding.place.in_file().map_or(1, |span| span.line) },
        },
    }
}
