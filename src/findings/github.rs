//! GitHub Actions: one workflow command a finding, as the runner's own toolkit escapes it.

use super::{Allowed, Finding, Span, words};
use crate::inventory::problem::visible_lines;

/// `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::message`
pub(super) fn annotation(finding: &Finding) -> String {
    let mut properties = format!("file={}", property(&visible_lines(&finding.place.file)));
    if let Some(Span { line, column, end_column }) = finding.place.in_file() {
        properties += &format!(",line={line},endLine={line},col={column},endColumn={end_column}");
    }
    let mut lines = vec![finding.message.clone()];
    lines.extend(words::unshown(&finding.place));
    lines.extend(words::second(finding));
    lines.extend(words::advice(finding));
    lines.extend(words::chain(finding));
    let title = property(&format!("timefleet: {}", finding.rule_name()));
    format!("::{} {properties},title={title}::{}\n", finding.severity.word(), data(&lines.join("\n")))
}

/// What is allowed is no annotation, which would come back with every pull request: a line of the log for those who switch
/// debug logging on.
pub(super) fn debug_line(Allowed { finding, allowed }: &Allowed) -> String {
    let (place, rule) = (words::place(&finding.place), finding.rule_name());
    let message = format!("{place}: allowed[{rule}]: {}, because {}", finding.message, allowed.reason);
    format!("::debug::{}\n", data(&message))
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value: it also ends at `:` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
