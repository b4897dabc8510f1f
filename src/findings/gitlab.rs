//! GitLab's Code Quality report: a list of issues.

use serde::Serialize;

use super::Finding;
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
    let help = finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    Issue {
        description: format!("{}{help}", finding.message),
        check_name: finding.rule_name(),
        fingerprint: finding.fingerprint.clone(),
        severity: match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
        },
        location: Location {
            path: finding.place.file.clone(),
            // GitLab knows no finding without a line.
            lines: Lines { begin: finding.place.span.map_or(1, |span| span.line) },
        },
    }
}
