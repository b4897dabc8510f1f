//! JUnit's XML as Jenkins and GitLab read it: an inventory is a suite, an error a failed test, a warning a skipped one, what
//! is allowed one that passes.

use std::fmt::Write;

use super::{Allowed, Checkup, Finding, Findings, words};
use crate::inventory::Severity;

pub(super) fn document(findings: &Findings) -> String {
    let tests: usize = findings.inventories.iter().map(tests_of).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "<testsuites name=\"timefleet validate\" tests=\"{tests}\" failures=\"{}\" errors=\"0\">",
        findings.summary.errors
    );
    for inventory in &findings.inventories {
        suite(inventory, &mut text);
    }
    text + "</testsuites>\n"
}

/// An inventory that is as it should be is one test that passes.
fn tests_of(inventory: &Checkup) -> usize {
    (inventory.findings.len() + inventory.allowed.len()).max(1)
}

fn suite(inventory: &Checkup, text: &mut String) {
    let name = escaped(&inventory.files.join(", "));
    let of = |severity| inventory.findings.iter().filter(|finding| finding.severity == severity).count();
    let _ = writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
        tests_of(inventory),
        of(Severity::Error),
        of(Severity::Warning)
    );
    if inventory.findings.is_empty() && inventory.allowed.is_empty() {
        let _ = writeln!(text, "    <testcase classname=\"{name}\" name=\"no findings\"/>");
    }
    for finding in &inventory.findings {
        begin(finding, text);
        result(finding, text);
        text.push_str("    </testcase>\n");
    }
    for Allowed { finding, allowed } in &inventory.allowed {
        begin(finding, text);
        let mut lines = vec![headline(finding, "allowed")];
        let place = allowed.place.as_ref().map(|place| format!("{}: ", words::place(place)));
        lines.push(format!("{}because {}", place.unwrap_or_default(), allowed.reason));
        lines.extend(words::chain(finding));
        let _ = writeln!(text, "      <system-out>{}</system-out>", escaped(&lines.join("\n")));
        text.push_str("    </testcase>\n");
    }
    text.push_str("  </testsuite>\n");
}

/// A test has the same name whether it fails or is allowed: its history shows when that changed.
fn begin(finding: &Finding, text: &mut String) {
    let (rule, message) = (finding.rule_name(), escaped(&finding.message));
    let file = escaped(&finding.place.file);
    let _ = writeln!(text, "    <testcase classname=\"{file}\" name=\"{rule}: {message}\">");
}

fn result(finding: &Finding, text: &mut String) {
    let (rule, message) = (finding.rule_name(), escaped(&finding.message));
    let details = escaped(&details(finding));
    let result = match finding.severity {
        Severity::Error => "failure",
        Severity::Warning => "skipped",
    };
    let _ = writeln!(text, "      <{result} type=\"{rule}\" message=\"{message}\">{details}</{result}>");
}

fn headline(finding: &Finding, verdict: &str) -> String {
    format!("{}: {verdict}: {}", words::place(&finding.place), finding.message)
}

fn details(finding: &Finding) -> String {
    let mut lines = vec![headline(finding, finding.severity.word())];
    lines.extend(words::second(finding));
    lines.extend(finding.reason.as_ref().map(|reason| format!("note: {reason}")));
    lines.extend(words::advice(finding));
    lines.extend(words::chain(finding));
    lines.join("\n")
}

/// Safe between tags and between quotes; what XML cannot hold at all is shown as U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(letter),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other if other.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}
