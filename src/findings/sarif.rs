//! SARIF 2.1.0, as OASIS wrote it down and code scanning reads it.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Allowed, Finding, Findings, LANGUAGE, Spot, json, path, words};
use crate::inventory::Severity;
use crate::lint;
use crate::lint::explain;
use crate::lint::rule::{Rule, Scope};

/// The whole log.
#[derive(Serialize)]
struct Log<R> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<R>; 1],
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<R> {
    column_kind: &'static str,
    invocations: Value,
    results: R,
    tool: Value,
}

/// One run.
pub(super) fn log(findings: &Findings) -> impl Serialize {
    let mut rules = vec![language()];
    rules.extend(lint::RULES.iter().map(|rule| descriptor(rule)));
    let driver = json!({
        "name": findings.tool.name,
        "semanticVersion": findings.tool.version,
        "rules": rules,
    });
    let results = json::Each(move || {
        let told = findings.all().map(|finding| result(finding, &json!([])));
        let allowed = findings.allowed();
        told.chain(allowed.map(|allowed| result(&allowed.finding, &json!([suppression(allowed)]))))
    });
    let run = Run {
        column_kind: "unicodeCodePoints",
        invocations: json!([{ "executionSuccessful": true, "exitCode": findings.exit_code }]),
        results,
        tool: json!({ "driver": driver }),
    };
    Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", runs: [run], version: "2.1.0" }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A result says its own level, which a profile or `--deny` may have changed; this is what it is without them.
fn descriptor(rule: &Rule) -> Value {
    let what = explain::sentence(rule);
    json!({
        "id": rule.name,
        "name": camel(rule.name),
        "shortDescription": { "text": what },
        "fullDescription": { "text": format!("{what}. {}", rule.reason) },
        "help": { "text": explain::plain(rule), "markdown": explain::markdown(rule) },
        "defaultConfiguration": { "level": level(rule.severity), "enabled": rule.scope != Scope::Asked },
        "properties": { "tags": ["time", "ntp"], "precision": "very-high" },
    })
}

/// What the language itself refuses has no rule of its own.
fn language() -> Value {
    let what = "An inventory that cannot be read as it is meant to be";
    let why = "Syntax, unknown keys, values of the wrong kind, names that are nowhere: while one of them stands, nobody \
               knows what the rest means.";
    let cure =
        "Correct the line; `timefleet schema` prints a JSON Schema with which an editor shows such mistakes.";
    json!({
        "id": LANGUAGE,
        "name": "Inventory",
        "shortDescription": { "text": what },
        "fullDescription": { "text": format!("{what}. {why}") },
        "help": { "text": format!("Why: {why}\nCure: {cure}"), "markdown": format!("- Why: {why}\n- Cure: {cure}\n") },
        "defaultConfiguration": { "level": "error", "enabled": true },
        "properties": { "tags": ["time", "ntp"], "precision": "very-high" },
    })
}

/// `no-path-to-time` as the `NoPathToTime` that a rule's `name` wants to be.
fn camel(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// Either every result of a run has `suppressions` or none has: what is not suppressed has an empty list.
pub(super) fn result(finding: &Finding, suppressions: &Value) -> Value {
    let rule = finding.rule_name();
    // The language's rule comes first.
    let index = lint::RULES.iter().position(|known| known.name == rule).map_or(0, |index| index + 1);
    let related = related(finding);
    let mut lines = vec![finding.message.clone()];
    lines.extend(words::unshown(&finding.place));
    lines.extend(words::advice(finding));
    // Code scanning shows a related place only where the message links to it.
    lines.extend(related.iter().zip(1..).map(|((label, _), id)| format!("[{}]({id})", linked(label))));
    let places = related.iter().zip(1..).map(|((label, spot), id)| {
        let mut place = location(spot, Some(label.as_str()));
        if let Some(fields) = place.as_object_mut() {
            fields.insert("id".to_owned(), json!(id));
        }
        place
    });
    json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": lines.join("\n") },
        "locations": [location(&finding.place, None)],
        "relatedLocations": places.collect::<Vec<_>>(),
        "suppressions": suppressions,
        "partialFingerprints": { "timefleet/v1": finding.fingerprint },
    })
}

/// The other place that has a part in it, and the lines that led to the file.
fn related(finding: &Finding) -> Vec<(String, &Spot)> {
    let second = finding.second.iter().map(|second| (second.label.clone(), &second.spot));
    let chain =
        finding.included_from.iter().map(|spot| (format!("included from {}", words::place(spot)), spot));
    second.chain(chain).collect()
}

/// What may stand between the brackets of a link.
fn linked(text: &str) -> String {
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
}

fn suppression(Allowed { allowed, .. }: &Allowed) -> Value {
    let mut suppression =
        json!({ "kind": "inSource", "status": "accepted", "justification": allowed.reason });
    if let (Some(place), Some(fields)) = (&allowed.place, suppression.as_object_mut()) {
        fields.insert("location".to_owned(), location(place, None));
    }
    suppression
}

/// A file and the region in it; a program's output is in no file, so that is said in words.
fn location(spot: &Spot, label: Option<&str>) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": path::uri(&spot.file) } });
    if let (Some(span), Some(fields)) = (spot.in_file(), physical.as_object_mut()) {
        let region = json!({
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.line,
            "endColumn": span.end_column,
        });
        fields.insert("region".to_owned(), region);
    }
    let mut location = json!({ "physicalLocation": physical });
    let label = label.map(str::to_owned).or_else(|| words::unshown(spot));
    if let (Some(label), Some(fields)) = (label, location.as_object_mut()) {
        fields.insert("message".to_owned(), json!({ "text": label }));
    }
    location
}
