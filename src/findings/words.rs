//! A finding in words, for readers that take nothing but text.

use super::{Finding, Spot};
use crate::inventory::Origin;
use crate::inventory::problem::visible;

/// `file:line:column`; of a program's output it is said so, since that is no line of the file.
pub(super) fn place(spot: &Spot) -> String {
    let file = visible(&spot.file);
    match (spot.span, spot.origin) {
        (None, _) => file.into_owned(),
        (Some(span), Origin::Program) => {
            format!("{file} (line {}, column {} of what it prints)", span.line, span.column)
        }
        (Some(span), Origin::File | Origin::Stdin) => format!("{file}:{}:{}", span.line, span.column),
    }
}

/// Where it is, for a reader that cannot be given the line.
pub(super) fn unshown(spot: &Spot) -> Option<String> {
    let span = spot.span.filter(|_| spot.in_file().is_none())?;
    Some(format!("line {}, column {} of what this program prints", span.line, span.column))
}

/// `place: what is there`
pub(super) fn second(finding: &Finding) -> Option<String> {
    finding.second.as_ref().map(|second| format!("{}: {}", place(&second.spot), second.label))
}

/// Who else wants it so, and what to do about it.
pub(super) fn advice(finding: &Finding) -> impl Iterator<Item = String> {
    let notes = finding.notes.iter().map(|note| format!("note: {note}"));
    notes.chain(finding.help.iter().map(|help| format!("help: {help}")))
}

/// How the file came to be read.
pub(super) fn chain(finding: &Finding) -> impl Iterator<Item = String> {
    finding.included_from.iter().map(|spot| format!("included from {}", place(spot)))
}
