//! Every face of the same findings, literally; schemas for those that have one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use snapbox::{assert_data_eq, str};

use super::*;
use crate::inventory::{InputFile, Inputs};
use crate::lint;

const DIRECTORY: &str = "/srv/time";

fn report(files: &[(&str, &str)]) -> Findings {
    let mut collector = Collector::new(Path::new(DIRECTORY));
    for (name, text) in files {
        let file = InputFile { name: (*name).to_owned(), text: (*text).to_owned() };
        let checked = lint::check(vec![file], None);
        collector.add(&[(*name).to_owned()], Some(checked), &[]);
    }
    collector.finish()
}

fn written(document: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    document(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
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
        written(|to| findings.github(to)),
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
        notes: Vec::new(),
        place: Spot { file: "50%,odd:name\n.yaml".into(), origin: Origin::File, span: None },
        second: None,
        included_from: Vec::new(),
        fingerprint: String::new(),
    };
    assert_eq!(
        github::annotation(&finding),
        "::error file=50%25%2Codd%3Aname%0A.yaml,title=timefleet%3A inventory::100 %25 of a, b: gone%0D%0Asecond line \
         ::error::forged\n"
    );
    let allowance = Allowance { reason: "so\n::error::it is".to_owned(), place: None };
    assert_eq!(
        github::debug_line(&Allowed { finding, allowed: allowance }),
        "::debug::50%25,odd:name\\n.yaml: allowed[inventory]: 100 %25 of a, b: gone%0D%0Asecond line ::error::forged, \
         because so%0A::error::it is\n"
    );
}

#[test]
fn gitlab_gets_a_code_quality_report() {
    let findings = report(&[("twice.yaml", TWICE)]);
    assert_data_eq!(
        written(|to| findings.gitlab(to)),
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
    assert_eq!(written(|to| report(&[("good.yaml", GOOD)]).gitlab(to)), "[]\n");
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
    let text = written(|to| findings.json(to)).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    assert_data_eq!(text, snapbox::file!["../../tests/cli/findings.v1.json"]);
}

/// The official schema of SARIF.
fn sarif_validator() -> jsonschema::Validator {
    // One pattern of the official text is no regular expression: a bracket lacks its backslash.
    let text = include_str!("../../tests/schemas/sarif-2.1.0.json").replace("{2}]?$\"", r#"{2}\\]?$""#);
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn sarif_holds_against_its_schema() {
    let validator = sarif_validator();
    let all = [("sites/Werk 7.yaml", LOST), ("/etc/twice.yaml", TWICE), ("good.yaml", GOOD)];
    let log: Value = serde_json::from_str(&written(|to| report(&all).sarif(to))).unwrap();
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
    let log: Value = serde_json::from_str(&written(|to| report(&[("twice.yaml", TWICE)]).sarif(to))).unwrap();
    let result = &log["runs"][0]["results"][0];
    let region = serde_json::json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6 });
    assert_eq!(result["locations"][0]["physicalLocation"]["region"], region);
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "the first time");
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 1);
    assert_eq!(
        result["message"]["text"],
        "`fleet` is written twice here\nhelp: keep one of them\n[the first time](1)"
    );
    assert_eq!(log["runs"][0]["columnKind"], "unicodeCodePoints");
}

#[test]
fn sarif_suppresses_what_is_allowed_and_says_of_every_result_whether_it_is() {
    let log: Value =
        serde_json::from_str(&written(|to| report(&[("good.yaml", GOOD), ("twice.yaml", TWICE)]).sarif(to)))
            .unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["ruleId"], LANGUAGE);
    assert_eq!(results[0]["suppressions"], serde_json::json!([]));
    assert_eq!(results[1]["ruleId"], "unused-server");
    assert_eq!(results[1]["level"], "warning");
    assert_eq!(
        results[1]["suppressions"],
        serde_json::json!([{
            "kind": "inSource",
            "status": "accepted",
            "justification": "a spare",
            "location": { "physicalLocation": {
                "artifactLocation": { "uri": "good.yaml" },
                "region": { "startLine": 2, "startColumn": 35, "endLine": 2, "endColumn": 48 },
            }},
        }])
    );
}

#[test]
fn sarif_describes_every_rule_with_its_cause_its_cure_and_an_example() {
    let log: Value = serde_json::from_str(&written(|to| report(&[("good.yaml", GOOD)]).sarif(to))).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in lint::RULES {
        let described = rules.iter().find(|described| described["id"] == rule.name).unwrap();
        for text in ["text", "markdown"] {
            let help = described["help"][text].as_str().unwrap();
            for part in [rule.reason, rule.cure, rule.example] {
                assert!(help.contains(part), "{}: {help}", rule.name);
            }
        }
        assert_eq!(described["defaultConfiguration"]["level"], rule.severity.word());
    }
    let described = rules.iter().find(|described| described["id"] == "poll-too-slow").unwrap();
    let help = "\
A `maxpoll` above what is asked for.

- Why: A clock that is compared too seldom is wrong for too long.
- Cure: lower `maxpoll`
- Allow: `allow_rules: [{ rule: poll-too-slow, reason: \"…\" }]`; off unless a profile or `--deny poll-too-slow` asks
- Number: `largest`: largest `maxpoll`, log2 seconds; 16 unless a profile says otherwise

```yaml
time: { upstreams: [{ server: ntp.example, maxpoll: 17 }] }
```
";
    let text = "\
A `maxpoll` above what is asked for.
Why: A clock that is compared too seldom is wrong for too long.
Cure: lower `maxpoll`
Allow: `allow_rules: [{ rule: poll-too-slow, reason: \"…\" }]`; off unless a profile or `--deny poll-too-slow` asks
Number: `largest`: largest `maxpoll`, log2 seconds; 16 unless a profile says otherwise
Example that it finds:
time: { upstreams: [{ server: ntp.example, maxpoll: 17 }] }
";
    assert_eq!(
        *described,
        serde_json::json!({
            "id": "poll-too-slow",
            "name": "PollTooSlow",
            "shortDescription": { "text": "A `maxpoll` above what is asked for" },
            "fullDescription": { "text": "A `maxpoll` above what is asked for. A clock that is compared too seldom is wrong for too long." },
            "help": { "text": text, "markdown": help },
            "defaultConfiguration": { "level": "error", "enabled": false },
            "properties": { "tags": ["time", "ntp"], "precision": "very-high" },
        })
    );
}

#[test]
fn a_link_in_sarif_ends_where_its_label_ends() {
    let finding = |label: &str| Finding {
        severity: Severity::Error,
        rule: None,
        message: "odd".to_owned(),
        reason: None,
        help: None,
        notes: Vec::new(),
        place: Spot { file: "a.yaml".into(), origin: Origin::File, span: None },
        second: Some(Second {
            label: label.to_owned(),
            spot: Spot { file: "b.yaml".into(), origin: Origin::File, span: None },
        }),
        included_from: Vec::new(),
        fingerprint: String::new(),
    };
    let result = sarif::result(&finding(r"of `a[1](2)\`"), &Value::Null);
    assert_eq!(result["message"]["text"], "odd\n[of `a\\[1\\](2)\\\\`](1)");
    assert_eq!(result["relatedLocations"][0]["message"]["text"], r"of `a[1](2)\`");
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
    assert_eq!(held_against_xsd(&written(|to| findings.junit(to))), Ok(()));
    let odd = "fleet: x\n\"<k>&\\\"\\u0001\\uFFFF'\": 1\ngroups: {}\n";
    let findings = report(&[("odd.yaml", odd)]);
    assert!(
        written(|to| findings.junit(to)).contains("`&lt;k&gt;&amp;&quot;\\u{1}\u{fffd}'`"),
        "{}",
        written(|to| findings.junit(to))
    );
    assert_eq!(held_against_xsd(&written(|to| findings.junit(to))), Ok(()));
    assert!(held_against_xsd("<testsuites><testsuite/></testsuites>").is_err());
}

#[test]
fn both_hold_for_what_is_included_printed_and_allowed_too() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let main = write(
        "main.yaml",
        &format!("include: lost.yaml\n{}", GOOD.replace("{ s:", "{ spare:").replace("{ n:", "{ idle:")),
        0o644,
    );
    write("lost.yaml", LOST.strip_prefix("fleet: x\n").unwrap(), 0o644);
    let program = write("hosts.sh", &format!("#!/bin/sh\ncat <<END\n{LOST}END\n"), 0o755);
    let mut collector = Collector::new(directory.path());
    for path in [main, program] {
        let checked = lint::check(Inputs::read(std::slice::from_ref(&path)).unwrap(), None);
        collector.add(&[path.display().to_string()], Some(checked), &[]);
    }
    let findings = collector.finish();
    assert!(findings.all().any(|finding| finding.included_from.len() == 1));
    assert!(findings.all().any(|finding| finding.place.origin == Origin::Program));
    assert!(findings.allowed().count() >= 1);
    let log: Value = serde_json::from_str(&written(|to| findings.sarif(to))).unwrap();
    let validator = sarif_validator();
    let errors: Vec<_> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(held_against_xsd(&written(|to| findings.junit(to))), Ok(()));
}

#[test]
fn junit_has_a_suite_for_each_inventory() {
    let clean =
        "fleet: x\ngroups: { c: { role: client, hosts: { a: }, time: { upstreams: [{ pool: p }] } } }\n";
    let mut findings =
        report(&[("twice.yaml", TWICE), ("good.yaml", GOOD), ("clean.yaml", clean), ("lost.yaml", LOST)]);
    only_known(&mut findings);
    findings.inventories.last_mut().unwrap().findings.retain(|finding| finding.severity == Severity::Warning);
    findings.summary = Summary { errors: 1, warnings: 1, allowed: 1 };
    assert_data_eq!(
        written(|to| findings.junit(to)),
        str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="timefleet validate" tests="4" failures="1" errors="0">
  <testsuite name="twice.yaml" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="twice.yaml" name="inventory: `fleet` is written twice here">
      <failure type="inventory" message="`fleet` is written twice here">twice.yaml:2:1: error: `fleet` is written twice here
twice.yaml:1:1: the first time
help: keep one of them</failure>
    </testcase>
  </testsuite>
  <testsuite name="good.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="good.yaml" name="unused-server: server `n` is followed by no host of the inventory, and answers nobody">
      <system-out>good.yaml:3:73: allowed: server `n` is followed by no host of the inventory, and answers nobody
good.yaml:2:35: because a spare</system-out>
    </testcase>
  </testsuite>
  <testsuite name="clean.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="clean.yaml" name="no findings"/>
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

/// What is found twice has two names, or a reader would take the second for a rerun of the first.
#[test]
fn no_two_tests_of_junit_have_the_same_name() {
    let again = "fleet: x\ngroups:\n  a: { role: client, time: { upstreams: [{ server: a, minpoll: 9, maxpoll: 6 }, { server: b, minpoll: 9, maxpoll: 6 }] }, hosts: { h: } }\n";
    let findings = report(&[("a.yaml", again), ("a.yaml", again)]);
    let document = written(|to| findings.junit(to));
    let cases: Vec<&str> = document.lines().filter(|line| line.contains("<testcase")).collect();
    let one = "poll-order: `minpoll` 9 is above `maxpoll` 6";
    for name in [
        one.to_owned(),
        format!("{one} (a.yaml:3:81)"),
        format!("{one} (a.yaml:3:42)"),
        format!("{one} (a.yaml:3:81, 2)"),
    ] {
        let line = format!("    <testcase classname=\"a.yaml\" name=\"{name}\">");
        assert!(cases.contains(&line.as_str()), "{line}\n{document}");
    }
    assert_eq!(cases.len(), 4, "{document}");
}

/// One face of findings.
type Format = fn(&Findings, &mut dyn Write) -> io::Result<()>;

/// An escape sequence in a key is shown, not obeyed: by nobody's terminal, and by no log of a runner.
#[test]
fn what_would_steer_a_terminal_is_written_out_in_every_format() {
    let odd = "fleet: x\n\"a\\x1b[31m\\u202e\\nb\": 1\ngroups: { g: { role: client, \"\\x9b\": 1, hosts: { h: } } }\n";
    let findings = report(&[("odd\u{1b}.yaml", odd)]);
    let formats: [Format; 5] =
        [Findings::json, Findings::github, Findings::gitlab, Findings::sarif, Findings::junit];
    for format in formats {
        let document = written(|to| format(&findings, to));
        let raw = |letter: char| letter != '\n' && letter.is_control() || letter == '\u{202e}';
        assert!(!document.contains(raw), "{document}");
        assert!(document.contains("u{1b}[31m") && document.contains("u{202e}"), "{document}");
    }
    let file = InputFile { name: "odd\u{1b}.yaml".to_owned(), text: odd.to_owned() };
    let mut printed = Vec::new();
    lint::check(vec![file], None).print(&mut printed).unwrap();
    // The colours are our own.
    let printed = String::from_utf8(anstream::adapter::strip_bytes(&printed).into_vec()).unwrap();
    let first = r"odd\u{1b}.yaml:2:1: error: unknown key `a\u{1b}[31m\u{202e}\nb` in the inventory";
    assert!(printed.starts_with(first), "{printed}");
}
