//! GitHub Actions: one workflow command a finding, as the runner's own toolkit escapes it.

use super::{Finding, Span};

/// `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::message`
pub(super) fn annotation(finding: &Finding) -> String {
    let mut properties = format!("file={}", property(&finding.place.file));
    if let Some(Span { line, column, end_column }) = finding.place.span {
        properties += &format!(",line={line},endLine={line},col={column},endColumn={end_column}");
    }
    let mut message = finding.message.clone();
    if let Some(second) = &finding.second {
        let at = second.spot.span.map(|span| format!(":{}:{}", span.line, span.column)).unwrap_or_default();
        message += &format!("\n{}{at}: {}", second.spot.file, second.label);
    }
    if let Some(help) = &finding.help {
        message += &format!("\nhelp: {help}");
    }
    let title = property(&format!("timefleet: {}", finding.rule_name()));
    format!("::{} {properties},title={title}::{}\n", finding.severity.word(), data(&message))
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value: it also ends at `:` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
