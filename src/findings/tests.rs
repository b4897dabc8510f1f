//! Every face of the same findings, literally; schemas for those that have one.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use snapbox::{assert_data_eq, str};

use super::*;
use crate::inventory::InputFile;
use crate::lint;

const DIRECTORY: &str = "/srv/time";

fn report(files: &[(&str, &str)]) -> Findings {
    let mut collector = Collector::new(Path::new(DIRECTORY));
    for (name, text) in files {
        let file = InputFile { name: (*name).to_owned(), text: (*text).to_owned() };
        let checked = lint::check(vec![file], None);
        let fleet = checked.inventory.as_ref().map(|inventory| Fleet {
            name: inventory.fleet.value.clone(),
            hosts: inventory.hosts.len(),
            groups: inventory.groups.len(),
            selected: None,
        });
        collector.add(&[(*name).to_owned()], &checked.problems, &[], fleet);
    }
    collector.finish()
}

/// An error of the language with a second place.
const TWICE: &str = "fleet: x\nfleet: y\ngroups:\n";
/// An error of a rule, and a warning with it.
const LOST: &str = "\
fleet: x
groups:
  s: { role: server, hosts: { n: { address: 10.0.0.1 } }, time: { upstreams: [{ server: w, platform: windows }, { server: v }, { server: u }] } }
  c: { role: client, hosts: { a: { address: 10.0.0.2 } }, time: { upstreams: [{ group: s }] } }
";
const GOOD: &str = "fleet: x\ndefaults: { allow_rules: [{ rule: unused-server, reason: a spare }] }\ngroups: { s: { role: server, time: { local: { stratum: 10 } }, hosts: { n: } } }\n";

/// Only findings of two rules: others may come, and their tests are elsewhere.
fn only_known(findings: &mut Findings) {
    let known = ["client-not-allowed", "windows-without-maxdistance", LANGUAGE];
    for inventory in &mut findings.inventories {
        inventory.findings.retain(|finding| known.contains(&finding.rule_name()));
    }
}

#[test]
fn github_gets_workflow_commands() {
    let mut findings = report(&[("/srv/time/sites/lost.yaml", LOST), ("./twice.yaml", TWICE)]);
    only_known(&mut findings);
    assert_data_eq!(
        findings.github(),
        str![[r#"
::warning file=sites/lost.yaml,line=3,endLine=3,col=81,endColumn=87,title=timefleet%3A windows-without-maxdistance::host `n` would never select this Windows server%0Ahelp: set `maxdistance: 16.0` on the host: Windows reports a root dispersion of seconds
::error file=sites/lost.yaml,line=4,endLine=4,col=45,endColumn=53,title=timefleet%3A client-not-allowed::server `n` will not answer `a` at 10.0.0.2%0Asites/lost.yaml:3:31: this server allows nobody%0Ahelp: add its network to `time.allow` of `n`
::error file=twice.yaml,line=2,endLine=2,col=1,endColumn=6,title=timefleet%3A inventory::`fleet` is written twice here%0Atwice.yaml:1:1: the first time%0Ahelp: keep one of them

"#]]
    );
}

#[test]
fn github_gets_no_letter_that_ends_a_field_too_early() {
    let finding = Finding {
        severity: Severity::Error,
        rule: None,
        message: "100 % of a, b: gone\r\nsecond line ::error::forged".to_owned(),
        reason: None,
        help: None,
        place: Spot { file: "50%,odd:name\n.yaml".to_owned(), span: None },
        second: None,
        fingerprint: String::new(),
    };
    assert_eq!(
        github::annotation(&finding),
        "::error file=50%25%2Codd%3Aname%0A.yaml,title=timefleet%3A inventory::100 %25 of a, b: gone%0D%0Asecond line \
         ::error::forged\n"
    );
}

#[test]
fn gitlab_gets_a_code_quality_report() {
    let findings = report(&[("twice.yaml", TWICE)]);
    assert_data_eq!(
        findings.gitlab().unwrap(),
        str![[r#"
[
  {
    "description": "`fleet` is written twice here; keep one of them",
    "check_name": "inventory",
    "fingerprint": "[..]",
    "severity": "critical",
    "location": {
      "path": "twice.yaml",
      "lines": {
        "begin": 2
      }
    }
  }
]

"#]]
    );
    assert_eq!(report(&[("good.yaml", GOOD)]).gitlab().unwrap(), "[]\n");
}

#[test]
fn a_fingerprint_stays_when_lines_move_and_two_findings_never_share_one() {
    let prints = |text: &str| {
        let findings = report(&[("lost.yaml", text)]);
        findings.all().map(|finding| finding.fingerprint.clone()).collect::<Vec<_>>()
    };
    let before = prints(LOST);
    assert!(before.len() >= 2);
    assert_eq!(before, prints(&format!("# a comment\n\n{LOST}")));
    let unknown = "fleet: x\ndefaults: { time: { bond: 1 }, tme: 1 }\ngroups: { g: { time: { bond: 1 } } }\n";
    let mut prints = prints(unknown);
    let all = prints.len();
    assert!(all >= 3, "{all}");
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), all);
}

#[test]
fn json_says_everything_under_a_version() {
    let findings = report(&[("twice.yaml", TWICE), ("good.yaml", GOOD)]);
    let text = findings.json().unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION");
    assert_data_eq!(text, snapbox::file!["../../tests/cli/findings.v1.json"]);
}

#[test]
fn sarif_holds_against_its_schema() {
    // One pattern of the official text is no regular expression: a bracket lacks its backslash.
    let text = include_str!("../../tests/schemas/sarif-2.1.0.json").replace("{2}]?$\"", r#"{2}\\]?$""#);
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let all = [("sites/Werk 7.yaml", LOST), ("/etc/twice.yaml", TWICE), ("good.yaml", GOOD)];
    let log: Value = serde_json::from_str(&report(&all).sarif().unwrap()).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // And the schema is not one that takes anything.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = Value::from("critical");
    assert!(!validator.is_valid(&wrong));

    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), lint::RULES.len() + 1);
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let places: Vec<&str> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap())
        .collect();
    assert!(
        places.contains(&"sites/Werk%207.yaml") && places.contains(&"file:///etc/twice.yaml"),
        "{places:?}"
    );
}

#[test]
fn sarif_points_at_the_characters_and_at_the_second_place() {
    let log: Value = serde_json::from_str(&report(&[("twice.yaml", TWICE)]).sarif().unwrap()).unwrap();
    let result = &log["runs"][0]["results"][0];
    let region = serde_json::json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6 });
    assert_eq!(result["locations"][0]["physicalLocation"]["region"], region);
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "the first time");
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 1);
    assert_eq!(result["message"]["text"], "`fleet` is written twice here\nhelp: keep one of them");
    assert_eq!(log["runs"][0]["columnKind"], "unicodeCodePoints");
}

/// What xmllint(1) says of a document; it has to be there.
fn held_against_xsd(document: &str) -> Result<(), String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/junit-10.xsd");
    let mut xmllint = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema", schema, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("xmllint is needed for this test: install libxml2-utils");
    xmllint.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = xmllint.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn junit_holds_against_its_schema_whatever_the_words() {
    let findings = report(&[("a&b \"<c>\".yaml", LOST), ("twice.yaml", TWICE), ("good.yaml", GOOD)]);
    assert_eq!(held_against_xsd(&findings.junit()), Ok(()));
    let odd = "fleet: x\n\"<k>&\\\"\\u0001\\uFFFF'\": 1\ngroups: {}\n";
    let findings = report(&[("odd.yaml", odd)]);
    assert!(findings.junit().contains("`&lt;k&gt;&amp;&quot;\u{fffd}\u{fffd}'`"), "{}", findings.junit());
    assert_eq!(held_against_xsd(&findings.junit()), Ok(()));
    assert!(held_against_xsd("<testsuites><testsuite/></testsuites>").is_err());
}

#[test]
fn junit_has_a_suite_for_each_inventory() {
    let mut findings = report(&[("twice.yaml", TWICE), ("good.yaml", GOOD), ("lost.yaml", LOST)]);
    only_known(&mut findings);
    findings.inventories.last_mut().unwrap().findings.retain(|finding| finding.severity == Severity::Warning);
    findings.summary = Summary { errors: 1, warnings: 1 };
    assert_data_eq!(
        findings.junit(),
        str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="timefleet validate" tests="3" failures="1" errors="0">
  <testsuite name="twice.yaml" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="twice.yaml" name="inventory: `fleet` is written twice here">
      <failure type="inventory" message="`fleet` is written twice here">twice.yaml:2:1: error: `fleet` is written twice here
twice.yaml:1:1: the first time
help: keep one of them</failure>
    </testcase>
  </testsuite>
  <testsuite name="good.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="good.yaml" name="no findings"/>
  </testsuite>
  <testsuite name="lost.yaml" tests="1" failures="0" errors="0" skipped="1">
    <testcase classname="lost.yaml" name="windows-without-maxdistance: host `n` would never select this Windows server">
      <skipped type="windows-without-maxdistance" message="host `n` would never select this Windows server">lost.yaml:3:81: warning: host `n` would never select this Windows server
note: The Windows Time service reports a root dispersion of seconds; sources with a root distance above maxdistance (3 s unless set) are never selected.
help: set `maxdistance: 16.0` on the host: Windows reports a root dispersion of seconds</skipped>
    </testcase>
  </testsuite>
</testsuites>

"#]]
    );
}
