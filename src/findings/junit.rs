//! JUnit's XML as Jenkins and GitLab read it: an inventory is a suite, an error a failed test, a warning a skipped one, what
//! is allowed one that passes.

use std::collections::HashSet;
use std::io::{self, Write};

use super::{Allowed, Checkup, Finding, Findings, words};
use crate::inventory::Severity;

pub(super) fn document(findings: &Findings, to: &mut dyn Write) -> io::Result<()> {
    let tests: usize = findings.inventories.iter().map(tests_of).sum();
    writeln!(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        to,
        "<testsuites name=\"timefleet validate\" tests=\"{tests}\" failures=\"{}\" errors=\"0\">",
        findings.summary.errors
    )?;
    let mut names = Names::default();
    findings.inventories.iter().try_for_each(|inventory| suite(inventory, &mut names, to))?;
    writeln!(to, "</testsuites>")
}

/// Names of tests that are taken, each behind its file.
#[derive(Default)]
struct Names<'a> {
    taken: HashSet<(&'a str, String)>,
}

impl<'a> Names<'a> {
    /// What was found is the name, so that it stays the same when lines are added above. What is found again says where.
    fn of(&mut self, finding: &'a Finding) -> String {
        let name = format!("{}: {}", finding.rule_name(), finding.message);
        if self.take(finding, &name) {
            return name;
        }
        let place = words::place(&finding.place);
        let mut again = format!("{name} ({place})");
        // Of several inventories that include one file each may find the same there.
        let mut times = 2;
        while !self.take(finding, &again) {
            again = format!("{name} ({place}, {times})");
            times += 1;
        }
        again
    }

    fn take(&mut self, finding: &'a Finding, name: &str) -> bool {
        self.taken.insert((&finding.place.file, name.to_owned()))
    }
}

/// An inventory that is as it should be is one test that passes.
fn tests_of(inventory: &Checkup) -> usize {
    (inventory.findings.len() + inventory.allowed.len()).max(1)
}

fn suite<'a>(inventory: &'a Checkup, names: &mut Names<'a>, to: &mut dyn Write) -> io::Result<()> {
    let name = escaped(&inventory.files.join(", "));
    let of = |severity| inventory.findings.iter().filter(|finding| finding.severity == severity).count();
    writeln!(
        to,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
        tests_of(inventory),
        of(Severity::Error),
        of(Severity::Warning)
    )?;
    if inventory.findings.is_empty() && inventory.allowed.is_empty() {
        writeln!(to, "    <testcase classname=\"{name}\" name=\"no findings\"/>")?;
    }
    for finding in &inventory.findings {
        begin(finding, names, to)?;
        result(finding, to)?;
        writeln!(to, "    </testcase>")?;
    }
    for Allowed { finding, allowed } in &inventory.allowed {
        begin(finding, names, to)?;
        let mut lines = vec![headline(finding, "allowed")];
        let place = allowed.place.as_ref().map(|place| format!("{}: ", words::place(place)));
        lines.push(format!("{}because {}", place.unwrap_or_default(), allowed.reason));
        lines.extend(words::chain(finding));
        writeln!(to, "      <system-out>{}</system-out>", escaped(&lines.join("\n")))?;
        writeln!(to, "    </testcase>")?;
    }
    writeln!(to, "  </testsuite>")
}

/// A test has the same name whether it fails or is allowed: its history shows when that changed.
fn begin<'a>(finding: &'a Finding, names: &mut Names<'a>, to: &mut dyn Write) -> io::Result<()> {
    let (file, name) = (escaped(&finding.place.file), escaped(&names.of(finding)));
    writeln!(to, "    <testcase classname=\"{file}\" name=\"{name}\">")
}

fn result(finding: &Finding, to: &mut dyn Write) -> io::Result<()> {
    let (rule, message) = (finding.rule_name(), escaped(&finding.message));
    let details = escaped(&details(finding));
    let result = match finding.severity {
        Severity::Error => "failure",
        Severity::Warning => "skipped",
    };
    writeln!(to, "      <{result} type=\"{rule}\" message=\"{message}\">{details}</{result}>")
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
