//! SARIF 2.1.0, as OASIS wrote it down and code scanning reads it.

use serde_json::{Value, json};

use super::{Finding, Findings, LANGUAGE, Spot, path};
use crate::inventory::Severity;
use crate::lint;
use crate::lint::rule::Rule;

/// The whole log: one run.
pub(super) fn log(findings: &Findings) -> Value {
    let mut rules = vec![language()];
    rules.extend(lint::RULES.iter().map(|rule| descriptor(rule)));
    let results: Vec<Value> = findings.all().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": findings.tool.name,
                "semanticVersion": findings.tool.version,
                "rules": rules,
            }},
            "invocations": [{ "executionSuccessful": true, "exitCode": findings.exit_code }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "name": camel(rule.name),
        "shortDescription": { "text": rule.name.replace('-', " ") },
        "fullDescription": { "text": rule.reason },
        "help": { "text": rule.reason, "markdown": format!("**{}**: {}", rule.name, rule.reason) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "tags": ["time", "ntp"],
            "precision": "very-high",
            "problem.severity": level(rule.severity),
        },
    })
}

/// What the language itself refuses has no rule of its own.
fn language() -> Value {
    let text =
        "The inventory cannot be read as it is meant to be: syntax, unknown keys, values out of range.";
    json!({
        "id": LANGUAGE,
        "name": "Inventory",
        "shortDescription": { "text": "inventory language" },
        "fullDescription": { "text": text },
        "help": { "text": text, "markdown": text },
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["time", "ntp"], "precision": "very-high", "problem.severity": "error" },
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

fn result(finding: &Finding) -> Value {
    let rule = finding.rule_name();
    // The language's rule comes first.
    let index = lint::RULES.iter().position(|known| known.name == rule).map_or(0, |index| index + 1);
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}{help}", finding.message) },
        "locations": [location(&finding.place)],
        "partialFingerprints": { "timefleet/v1": finding.fingerprint },
    });
    if let (Some(second), Some(fields)) = (&finding.second, result.as_object_mut()) {
        let mut related = location(&second.spot);
        if let Some(related) = related.as_object_mut() {
            related.insert("id".to_owned(), json!(1));
            related.insert("message".to_owned(), json!({ "text": second.label }));
        }
        fields.insert("relatedLocations".to_owned(), json!([related]));
    }
    result
}

fn location(spot: &Spot) -> Value {
    let artifact = json!({ "uri": path::uri(&spot.file) });
    match spot.span {
        None => json!({ "physicalLocation": { "artifactLocation": artifact } }),
        Some(span) => json!({ "physicalLocation": {
            "artifactLocation": artifact,
            "region": {
                "startLine": span.line,
                "startColumn": span.column,
                "endLine": span.line,
                "endColumn": span.end_column,
            },
        }}),
    }
}
