//! Where findings are: in files that are included, in what a program prints, in standard input, in templates; and how bad
//! they are where a profile says so.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use snapbox::{assert_data_eq, str};

fn timefleet(directory: &Path, arguments: &[&str]) -> Output {
    timefleet_reads(directory, arguments, "")
}

fn timefleet_reads(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .args(arguments)
        .current_dir(directory)
        .env("HOME", "/home/me")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who does not read it may close it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An inventory below `sites` that includes a file beside it and one elsewhere, which includes another: the client there is
/// not answered, and the one beside may be.
fn included() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "sites/a.yaml",
        "\
fleet: x
include: [../shared/more.yaml, groups/*.yaml]
groups:
  s: { role: server, time: { allow: [10.0.0.0/24], upstreams: [{ pool: n }] }, hosts: { s1: { address: 10.0.0.1 } } }
",
    );
    write("shared/more.yaml", "include: deep/b.yaml\n");
    write(
        "shared/deep/b.yaml",
        "\
groups:
  b: { role: client, time: { upstreams: [{ group: s }, { pool: n }] }, hosts: { b1: { address: 10.1.0.1 } } }
",
    );
    write(
        "sites/groups/c.yaml",
        "\
groups:
  c:
    allow_rules: [{ rule: client-not-allowed, reason: \"moves on 1 May, 100% sure\" }]
    role: client
    time: { upstreams: [{ group: s }, { pool: n }] }
    hosts: { c1: { address: 10.2.0.1 } }
",
    );
    directory
}

#[test]
fn people_see_how_a_file_came_to_be_read() {
    let site = included();
    let output = timefleet(site.path(), &["validate", "sites/a.yaml"]);
    assert_data_eq!(
        text(&output.stderr),
        str![[r#"
shared/deep/b.yaml:2:96: error[client-not-allowed]: server `s1` will not answer `b1` at 10.1.0.1
  |
2 | ... }] }, hosts: { b1: { address: 10.1.0.1 } } }
  |                                   ^^^^^^^^
  |
 ::: sites/a.yaml:4:38
  |
4 |   s: { role: server, time: { allow: [10.0.0.0/24], upstreams: [{ pool: n ...
  |                                      ----------- not among these
  |
  = note: A server answers only addresses that its allow and deny lines admit;
          the most specific line wins.
  = help: add its network to `time.allow` of `s1`
  = note: included from shared/more.yaml:1:10
  = note: included from sites/a.yaml:2:11

error: 1 error in sites/a.yaml; nothing was touched

"#]]
    );
    std::fs::write(site.path().join("shared/more.yaml"), "groups: {}\n").unwrap();
    let output = timefleet(site.path(), &["validate", "sites/a.yaml"]);
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
sites/a.yaml: fleet x, 2 hosts in 2 groups, no problems
  sites/groups/c.yaml:6:29: allowed[client-not-allowed]: server `s1` will not answer `c1` at 10.2.0.1
    sites/groups/c.yaml:3:27: because moves on 1 May, 100% sure
    included from sites/a.yaml:2:32

"#]]
    );
}

/// What GitHub gets for [`included`], wherever it is asked from.
const INCLUDED: &str = "\
::error file=shared/deep/b.yaml,line=2,endLine=2,col=96,endColumn=104,title=timefleet%3A client-not-allowed::server `s1` \
will not answer `b1` at 10.1.0.1%0Asites/a.yaml:4:38: not among these%0Ahelp: add its network to `time.allow` of \
`s1`%0Aincluded from shared/more.yaml:1:10%0Aincluded from sites/a.yaml:2:11
::debug::sites/groups/c.yaml:6:29: allowed[client-not-allowed]: server `s1` will not answer `c1` at 10.2.0.1, because \
moves on 1 May, 100%25 sure
";

#[test]
fn names_of_included_files_are_those_that_the_current_directory_has() {
    let site = included();
    let root = site.path().canonicalize().unwrap();
    let said = |directory: &Path, file: &str| {
        text(&timefleet(directory, &["validate", "--output=github", file]).stdout)
    };
    assert_data_eq!(said(&root, "sites/a.yaml"), INCLUDED);
    assert_data_eq!(said(&root, "./shared/../sites/a.yaml"), INCLUDED);
    assert_data_eq!(said(&root, root.join("sites/a.yaml").to_str().unwrap()), INCLUDED);
    assert_data_eq!(said(&root, "sites"), INCLUDED);
    let below = INCLUDED.replace("sites/", "").replace("shared/", "../shared/");
    for name in ["a.yaml", "../sites/a.yaml", "."] {
        assert_data_eq!(said(&root.join("sites"), name), below.as_str());
    }
    // Behind a symbolic link `..` leads elsewhere.
    std::fs::create_dir(root.join("links")).unwrap();
    std::os::unix::fs::symlink("../sites", root.join("links/here")).unwrap();
    let linked = INCLUDED.replace("shared/", "links/here/../shared/").replace("sites/", "links/here/");
    assert_data_eq!(said(&root, "links/here/a.yaml"), linked);
}

#[test]
fn json_and_sarif_say_how_a_file_came_to_be_read_and_what_is_allowed() {
    let site = included();
    let said =
        |format: &str| json(&timefleet(site.path(), &["validate", "--output", format, "sites/a.yaml"]));
    let report = said("json");
    assert_eq!(report["summary"], serde_json::json!({ "errors": 1, "warnings": 0, "allowed": 1 }));
    let inventory = &report["inventories"][0];
    assert_eq!(
        inventory["findings"][0]["included_from"],
        serde_json::json!([
            { "file": "shared/more.yaml", "line": 1, "column": 10, "end_column": 21 },
            { "file": "sites/a.yaml", "line": 2, "column": 11, "end_column": 30 },
        ])
    );
    let allowed = &inventory["allowed"][0];
    assert_eq!((&allowed["severity"], &allowed["rule"]), (&"error".into(), &"client-not-allowed".into()));
    assert_eq!(allowed["included_from"][0]["column"], 32);
    assert_eq!(
        allowed["allowed"],
        serde_json::json!({
            "reason": "moves on 1 May, 100% sure",
            "place": { "file": "sites/groups/c.yaml", "line": 3, "column": 27, "end_column": 45 },
        })
    );

    let sarif = said("sarif");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(
        results[0]["message"]["text"],
        "server `s1` will not answer `b1` at 10.1.0.1\nhelp: add its network to `time.allow` of `s1`\n[not among \
         these](1)\n[included from shared/more.yaml:1:10](2)\n[included from sites/a.yaml:2:11](3)"
    );
    assert_eq!(
        results[0]["relatedLocations"][2],
        serde_json::json!({
            "id": 3,
            "message": { "text": "included from sites/a.yaml:2:11" },
            "physicalLocation": {
                "artifactLocation": { "uri": "sites/a.yaml" },
                "region": { "startLine": 2, "startColumn": 11, "endLine": 2, "endColumn": 30 },
            },
        })
    );
    assert_eq!(results[1]["suppressions"][0]["justification"], "moves on 1 May, 100% sure");
}

#[test]
fn reports_say_how_a_file_came_to_be_read_and_junit_what_is_allowed() {
    let site = included();
    let said = |format: &str| timefleet(site.path(), &["validate", "--output", format, "sites/a.yaml"]);
    let gitlab = json(&said("gitlab"));
    assert_eq!(gitlab.as_array().unwrap().len(), 1);
    assert_eq!(
        gitlab[0]["description"],
        "server `s1` will not answer `b1` at 10.1.0.1; add its network to `time.allow` of `s1`; included from \
         shared/more.yaml:1:10; included from sites/a.yaml:2:11"
    );
    assert_data_eq!(
        text(&said("junit").stdout),
        str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="timefleet validate" tests="2" failures="1" errors="0">
  <testsuite name="sites/a.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="shared/deep/b.yaml" name="client-not-allowed: server `s1` will not answer `b1` at 10.1.0.1">
      <failure type="client-not-allowed" message="server `s1` will not answer `b1` at 10.1.0.1">shared/deep/b.yaml:2:96: error: server `s1` will not answer `b1` at 10.1.0.1
sites/a.yaml:4:38: not among these
note: A server answers only addresses that its allow and deny lines admit; the most specific line wins.
help: add its network to `time.allow` of `s1`
included from shared/more.yaml:1:10
included from sites/a.yaml:2:11</failure>
    </testcase>
    <testcase classname="sites/groups/c.yaml" name="client-not-allowed: server `s1` will not answer `c1` at 10.2.0.1">
      <system-out>sites/groups/c.yaml:6:29: allowed: server `s1` will not answer `c1` at 10.2.0.1
sites/groups/c.yaml:3:27: because moves on 1 May, 100% sure
included from sites/a.yaml:2:32</system-out>
    </testcase>
  </testsuite>
</testsuites>

"#]]
    );
}

/// A misspelt key in its second line.
const MISSPELT: &str = "fleet: x\ngroups: { g: { role: client, tme: {}, hosts: { a: } } }\n";

#[test]
fn what_a_program_prints_is_on_no_line_of_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("hosts.sh");
    std::fs::write(&program, format!("#!/bin/sh\ncat <<END\n{MISSPELT}END\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = |format: &str| timefleet(directory.path(), &["validate", "--output", format, "./hosts.sh"]);
    assert_data_eq!(
        text(&said("human").stderr),
        str![[r#"
./hosts.sh:2:30: error: unknown key `tme` in group `g`
  |
2 | groups: { g: { role: client, tme: {}, hosts: { a: } } }
  |                              ^^^
  |
  = help: did you mean `time`?

error: 1 error in ./hosts.sh; nothing was touched

"#]]
    );
    assert_data_eq!(
        text(&said("github").stdout),
        "::error file=hosts.sh,title=timefleet%3A inventory::unknown key `tme` in group `g`%0Aline 2, column 30 of what \
         this program prints%0Ahelp: did you mean `time`?\n"
    );
    assert_eq!(
        json(&said("json"))["inventories"][0]["findings"][0]["place"],
        serde_json::json!({ "file": "hosts.sh", "of": "output", "line": 2, "column": 30, "end_column": 33 })
    );
    let gitlab = json(&said("gitlab"));
    assert_eq!(gitlab[0]["location"], serde_json::json!({ "path": "hosts.sh", "lines": { "begin": 1 } }));
    assert_eq!(
        gitlab[0]["description"],
        "unknown key `tme` in group `g`; line 2, column 30 of what this program prints; did you mean `time`?"
    );
    let result = &json(&said("sarif"))["runs"][0]["results"][0];
    assert_eq!(
        result["locations"][0],
        serde_json::json!({
            "physicalLocation": { "artifactLocation": { "uri": "hosts.sh" } },
            "message": { "text": "line 2, column 30 of what this program prints" },
        })
    );
    assert_eq!(
        result["message"]["text"],
        "unknown key `tme` in group `g`\nline 2, column 30 of what this program prints\nhelp: did you mean `time`?"
    );
    assert_data_eq!(
        text(&said("junit").stdout),
        str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="timefleet validate" tests="1" failures="1" errors="0">
  <testsuite name="hosts.sh" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="hosts.sh" name="inventory: unknown key `tme` in group `g`">
      <failure type="inventory" message="unknown key `tme` in group `g`">hosts.sh (line 2, column 30 of what it prints): error: unknown key `tme` in group `g`
help: did you mean `time`?</failure>
    </testcase>
  </testsuite>
</testsuites>

"#]]
    );
}

#[test]
fn standard_input_has_a_name_that_a_file_could_have() {
    let directory = tempfile::tempdir().unwrap();
    let said =
        |format: &str| timefleet_reads(directory.path(), &["validate", "--output", format, "-"], MISSPELT);
    assert!(text(&said("human").stderr).starts_with("-:2:30: error: unknown key `tme` in group `g`\n"));
    assert_data_eq!(
        text(&said("github").stdout),
        "::error file=stdin,line=2,endLine=2,col=30,endColumn=33,title=timefleet%3A inventory::unknown key `tme` in group \
         `g`%0Ahelp: did you mean `time`?\n"
    );
    let report = json(&said("json"));
    assert_eq!(report["inventories"][0]["files"], serde_json::json!(["stdin"]));
    assert_eq!(
        report["inventories"][0]["findings"][0]["place"],
        serde_json::json!({ "file": "stdin", "of": "stdin", "line": 2, "column": 30, "end_column": 33 })
    );
    let place = serde_json::json!({ "path": "stdin", "lines": { "begin": 2 } });
    assert_eq!(json(&said("gitlab"))[0]["location"], place);
    assert_eq!(
        json(&said("sarif"))["runs"][0]["results"][0]["locations"][0]["physicalLocation"],
        serde_json::json!({
            "artifactLocation": { "uri": "stdin" },
            "region": { "startLine": 2, "startColumn": 30, "endLine": 2, "endColumn": 33 },
        })
    );
    let junit = text(&said("junit").stdout);
    assert!(junit.contains("<testcase classname=\"stdin\" name=\"inventory: unknown key `tme`"), "{junit}");
    assert!(junit.contains(">stdin:2:30: error: unknown key"), "{junit}");
}

const SHOP: &str = "\
fleet: shop
defaults: { vars: { site: east, n: '5' } }
groups:
  s: { role: server, time: { allow: ['10.0.{{ n }}.0/24'], upstreams: [{ pool: p }] }, hosts: { s1: { address: 10.0.5.9 } } }
  tills:
    role: client
    time: { upstreams: [{ group: s }, { pool: 'pool.{{ site }}.example', maxpoll: '1{{ n }}' }] }
    hosts:
      t1: { address: '10.1.{{ n }}.1' }
";

#[test]
fn what_a_template_stands_for_is_shown_where_the_template_is() {
    let directory = tempfile::tempdir().unwrap();
    let validate = |inventory: &str, more: &[&str]| {
        std::fs::write(directory.path().join("shop.yaml"), inventory).unwrap();
        timefleet(directory.path(), &[&["validate", "shop.yaml"], more].concat())
    };
    assert_data_eq!(
        text(&validate(SHOP, &["--profile", "pci-dss-4"]).stderr),
        str![[r#"
shop.yaml:7:41: error[external-source-on-client]: host `t1` is a client and follows `pool.east.example` outside the inventory
  |
7 |     time: { upstreams: [{ group: s }, { pool: 'pool.{{ site }}.example', ...
  |                                         ^^^^
  |
  = note: Only designated servers should take time from outside; everybody
          else follows them.
  = note: pci-dss-4: 10.6.2: only the designated central time servers receive
          time from external sources; internal systems receive theirs from
          them
  = help: let the client follow a group of servers

shop.yaml:9:22: error[client-not-allowed]: server `s1` will not answer `t1` at 10.1.5.1
  |
9 |       t1: { address: '10.1.{{ n }}.1' }
  |                      ^^^^^^^^^^^^^^^^
  |
 ::: shop.yaml:4:38
  |
4 | ... time: { allow: ['10.0.{{ n }}.0/24'], upstreams: [{ pool: p }] }, hos...
  |                     ------------------- not among these
  |
  = note: A server answers only addresses that its allow and deny lines admit;
          the most specific line wins.
  = help: add its network to `time.allow` of `s1`

error: 2 errors in shop.yaml; nothing was touched

"#]]
    );
    let places = |inventory: &str| {
        let report = json(&validate(
            inventory,
            &["--output", "json", "--profile", "rts-25", "--profile", "pci-dss-4"],
        ));
        let findings = report["inventories"][0]["findings"].as_array().unwrap().clone();
        let place = |finding: &serde_json::Value| {
            let (rule, place) = (&finding["rule"], &finding["place"]);
            (rule.to_string(), place["line"].to_string(), place["column"].to_string())
        };
        findings.iter().map(place).collect::<std::collections::BTreeSet<_>>()
    };
    // The same inventory without templates has the same findings at the same places.
    let plain = SHOP
        .replace("'10.0.{{ n }}.0/24'", "10.0.5.0/24        ")
        .replace("'pool.{{ site }}.example'", "pool.east.example        ")
        .replace("'1{{ n }}'", "15")
        .replace("'10.1.{{ n }}.1'", "10.1.5.1");
    assert!(!plain.contains("{{"));
    assert_eq!(places(SHOP), places(&plain));
    assert!(places(SHOP).len() >= 4);
}

#[test]
fn a_template_that_stands_for_nothing_sensible_is_marked_whole() {
    let directory = tempfile::tempdir().unwrap();
    let wrong =
        SHOP.replace("10.0.{{ n }}.0/24", "web.{{ site }}.example").replace("'1{{ n }}'", "'9{{ n }}'");
    std::fs::write(directory.path().join("shop.yaml"), wrong).unwrap();
    assert_data_eq!(
        text(&timefleet(directory.path(), &["validate", "shop.yaml"]).stderr),
        str![[r#"
shop.yaml:4:38: error[hostname-in-allow]: `web.east.example` is a host name: `time.allow` takes addresses and networks only
  |
4 |   s: { role: server, time: { allow: ['web.{{ site }}.example'], upstreams...
  |                                      ^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = note: A name that does not resolve when the daemon starts keeps it from
          starting, and at boot names often do not resolve.
  = help: a name that does not resolve when the daemon starts would keep it
          from starting

shop.yaml:7:83: error[value-out-of-range]: `time.upstreams.maxpoll` must be a whole number from -7 to 24, not `95`
  |
7 | ...{{ site }}.example', maxpoll: '9{{ n }}' }] }
  |                                  ^^^^^^^^^^
  |
  = note: A daemon that refuses its configuration does not start, and one that
          takes a senseless number keeps no time.
  = help: write a number within the limits that the message names

error: 2 errors in shop.yaml; nothing was touched

"#]]
    );
}

#[test]
fn a_level_is_that_of_the_result_not_that_of_the_rule() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("shop.yaml"), SHOP.replace("10.1.{{", "10.0.{{")).unwrap();
    let house = "\
profile: house
title: Rules of the house
rules:
  external-source-on-client: { severity: warning, reference: \"IT-13: ask first\" }
";
    std::fs::write(directory.path().join("house.yaml"), house).unwrap();
    let said = |format: &str, more: &[&str]| {
        timefleet(directory.path(), &[&["validate", "shop.yaml", "--output", format], more].concat())
    };
    let levels = |more: &[&str]| {
        let run = &json(&said("sarif", more))["runs"][0];
        let result = run["results"][0].clone();
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let by_default = run["tool"]["driver"]["rules"][index]["defaultConfiguration"].clone();
        (result, by_default)
    };
    let (result, by_default) = levels(&["--profile", "house.yaml"]);
    assert_eq!(by_default, serde_json::json!({ "level": "error", "enabled": false }));
    assert_eq!(result["level"], "warning");
    assert_eq!(
        result["message"]["text"],
        "host `t1` is a client and follows `pool.east.example` outside the inventory\nnote: house: IT-13: ask first\nhelp: \
         let the client follow a group of servers"
    );
    let (result, _) = levels(&["--profile", "house.yaml", "--deny", "warnings"]);
    assert_eq!(result["level"], "error");

    let profile = ["--profile", "house.yaml"];
    assert_data_eq!(
        text(&said("github", &profile).stdout),
        "::warning file=shop.yaml,line=7,endLine=7,col=41,endColumn=45,title=timefleet%3A external-source-on-client::host \
         `t1` is a client and follows `pool.east.example` outside the inventory%0Anote: house: IT-13: ask first%0Ahelp: let \
         the client follow a group of servers\n"
    );
    let finding = &json(&said("json", &profile))["inventories"][0]["findings"][0];
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["notes"], serde_json::json!(["house: IT-13: ask first"]));
    let gitlab = json(&said("gitlab", &profile));
    assert_eq!(gitlab[0]["severity"], "minor");
    assert_eq!(
        gitlab[0]["description"],
        "host `t1` is a client and follows `pool.east.example` outside the inventory; let the client follow a group of \
         servers; house: IT-13: ask first"
    );
    let junit = text(&said("junit", &profile).stdout);
    assert!(junit.contains("\nnote: house: IT-13: ask first\nhelp: let the client"), "{junit}");
    assert!(junit.contains("<skipped type=\"external-source-on-client\""), "{junit}");
}
