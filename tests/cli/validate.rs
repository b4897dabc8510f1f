//! `timefleet validate` as a user meets it: files in, text and exit code out.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::path::Path;
use std::process::{Command, Output};

fn validate(directory: &Path, files: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .arg("validate")
        .args(files)
        .current_dir(directory)
        .env("HOME", "/home/me")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_inventory_in_the_repository_is_valid_without_a_word_of_warning() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("inventories")).unwrap() {
        let path = entry.unwrap().path();
        let output = validate(root, &[path.to_str().unwrap()]);
        assert_eq!(text(&output.stderr), "", "{}", path.display());
        assert_eq!(output.status.code(), Some(0), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 5, "{seen} inventories");
}

#[test]
fn a_misspelt_key_ends_2_with_its_place_and_a_suggestion() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = "\
fleet: plant
groups:
  clients:
    role: client
    time: { upstreams: [{ pool: pool.example }], maxdistanse: 16.0 }
    hosts: { a: }
";
    std::fs::write(directory.path().join("fleet.yaml"), inventory).unwrap();
    let output = validate(directory.path(), &["fleet.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let shown = "\
fleet.yaml:5:50: error: unknown key `maxdistanse` in `time`
  |
5 |     time: { upstreams: [{ pool: pool.example }], maxdistanse: 16.0 }
  |                                                  ^^^^^^^^^^^
  |
  = help: did you mean `maxdistance`?
";
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with(shown), "{stderr}");
}

#[test]
fn an_isolated_server_is_caught_before_its_clients_see_stratum_0() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = "fleet: quarry\ngroups: { servers: { role: server, hosts: { ntp-a: } } }\n";
    std::fs::write(directory.path().join("site.yaml"), inventory).unwrap();
    let output = validate(directory.path(), &["site.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let first = "site.yaml:2:45: error[isolated-without-local]: server `ntp-a` has no source and no `local` clock: \
                 its clients will see stratum 0\n";
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with(first), "{stderr}");
}

#[test]
fn a_file_that_is_not_there_ends_2() {
    let directory = tempfile::tempdir().unwrap();
    let output = validate(directory.path(), &["nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.yaml"));
}

const ONE_SOURCE: &str = "\
fleet: shop
groups:
  tills:
    role: client
    time: { upstreams: [{ server: ntp.example }] }
    hosts: { a: , b: }
";

#[test]
fn warnings_are_told_and_denied_ones_end_2() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("shop.yaml"), ONE_SOURCE).unwrap();
    let output = validate(directory.path(), &["shop.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "shop.yaml: fleet shop, 2 hosts in 1 group, 1 warning\n");
    let told = "\
shop.yaml:5:27: warning[single-upstream]: host `a` (and one more host) has one source and nothing to compare it with
  |
5 |     time: { upstreams: [{ server: ntp.example }] }
  |                           ^^^^^^
  |
  = note: When the only source stops or lies, nothing shows it and nothing
          takes its place.
  = help: name at least three sources, better four; a pool counts as four

";
    assert_eq!(text(&output.stderr), told);
    for denied in ["warnings", "single-upstream", "two-upstreams,single-upstream"] {
        let output = validate(directory.path(), &["shop.yaml", "--deny", denied]);
        assert_eq!(output.status.code(), Some(2), "{denied}");
        assert_eq!(text(&output.stdout), "");
        let told = told.replace("warning[", "error[") + "error: 1 error in shop.yaml; nothing was touched\n";
        assert_eq!(text(&output.stderr), told, "{denied}");
    }
    let output = validate(directory.path(), &["shop.yaml", "--deny", "two-upstreams"]);
    assert_eq!(output.status.code(), Some(0));
    let output = validate(directory.path(), &["shop.yaml", "--deny", "two-upsteams"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: --deny two-upsteams: there is no rule `two-upsteams`; did you mean `two-upstreams`?\n"
    );
}

#[test]
fn what_is_allowed_is_shown_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = ONE_SOURCE.to_owned()
        + "    allow_rules: [{ rule: single-upstream, reason: \"the shop has one line\" }]\n";
    std::fs::write(directory.path().join("shop.yaml"), allowed).unwrap();
    let output = validate(directory.path(), &["shop.yaml", "--deny", "warnings"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "\
shop.yaml: fleet shop, 2 hosts in 1 group, no problems
  shop.yaml:5:27: allowed[single-upstream]: host `a` (and one more host) has one source and nothing to compare it with
    shop.yaml:7:27: because the shop has one line
"
    );
}

#[test]
fn a_rule_explains_itself() {
    let directory = tempfile::tempdir().unwrap();
    let output = validate(directory.path(), &["--explain", "poll-too-slow"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "\
error[poll-too-slow]: a `maxpoll` above what is asked for

why:     A clock that is compared too seldom is wrong for too long.
cure:    lower `maxpoll`
allow:   `allow_rules: [{ rule: poll-too-slow, reason: \"…\" }]`; off unless a
         profile or `--deny poll-too-slow` asks
number:  `largest`: largest `maxpoll`, log2 seconds; 16 unless a profile says
         otherwise

example that it finds:

    time: { upstreams: [{ server: ntp.example, maxpoll: 17 }] }
"
    );
    let output = validate(directory.path(), &["--explain", "all"]);
    assert_eq!(output.status.code(), Some(0));
    let all = text(&output.stdout);
    assert!(
        all.starts_with("no-hosts                      error        an inventory without a single host\n"),
        "{all}"
    );
    assert!(all.lines().rev().skip(1).all(|line| line.chars().count() <= 80), "{all}");
    assert!(all.ends_with(
        "\n\nProfiles: profile:cis, profile:finra-4590, profile:pci-dss-4, profile:rts-25, profile:stig-rhel9\n"
    ));
    let output = validate(directory.path(), &["--explain", "pol-too-slow"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let first = "error: there is no rule `pol-too-slow`; did you mean `poll-too-slow`?; there are:\n\n";
    assert_eq!(said, format!("{first}{all}\n"));
}

#[test]
fn a_profile_holds_an_inventory_against_a_regime_in_its_words() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("shop.yaml"), ONE_SOURCE.replace("server: ntp", "pool: ntp"))
        .unwrap();
    let output = validate(directory.path(), &["shop.yaml"]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let output = validate(directory.path(), &["shop.yaml", "--profile", "pci-dss-4"]);
    assert_eq!(output.status.code(), Some(2));
    let told = "\
shop.yaml:5:27: error[external-source-on-client]: host `a` (and one more host) is a client and follows `ntp.example` outside the inventory
  |
5 |     time: { upstreams: [{ pool: ntp.example }] }
  |                           ^^^^
  |
  = note: Only designated servers should take time from outside; everybody
          else follows them.
  = note: pci-dss-4: 10.6.2: only the designated central time servers receive
          time from external sources; internal systems receive theirs from
          them
  = help: let the client follow a group of servers

error: 1 error in shop.yaml; nothing was touched
";
    assert_eq!(text(&output.stderr), told);
    let output = validate(directory.path(), &["shop.yaml", "--profile", "pci-dss"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: there is no profile `pci-dss`; did you mean `pci-dss-4`?\n");
    let output = validate(directory.path(), &["--explain", "profile:cis"]);
    assert_eq!(
        text(&output.stdout),
        "\
profile cis: CIS benchmarks for Linux, time synchronisation

The benchmarks also want exactly one time daemon: `apply` refuses a host where
another one runs, unless `take_over` lets it be stopped.

error[too-few-upstreams]: fewer servers, and fewer pools, than asked for
         servers 3: servers that are enough without a pool
         pools 1: pools that are enough without servers (0: pools do not count)
asked:   chrony is configured with at least one pool or three servers

error[daemon-as-root]: a time daemon that runs as root
asked:   the time daemon does not run as root
"
    );
}

#[test]
fn a_profile_of_ones_own_is_data_and_its_mistakes_have_places() {
    let directory = tempfile::tempdir().unwrap();
    let shop = ONE_SOURCE.replace("server: ntp", "pool: ntp").replace("example }", "example, maxpoll: 13 }");
    std::fs::write(directory.path().join("shop.yaml"), shop).unwrap();
    let house = "\
profile: house
title: Rules of the house
rules:
  poll-too-slow: { severity: warning, largest: 12, reference: \"IT-13: hourly\" }
";
    std::fs::write(directory.path().join("house.yaml"), house).unwrap();
    let output = validate(directory.path(), &["shop.yaml", "--profile", "house.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(
        told.starts_with(
            "shop.yaml:5:27: warning[poll-too-slow]: host `a` (and one more host) may wait 2^13 s between polls, and 2^12 s is asked for\n"
        ),
        "{told}"
    );
    assert!(told.contains("  = note: house: IT-13: hourly\n"), "{told}");

    let wrong = "\
profile: house
titel: Rules of the house
rules:
  poll-too-slow: { severity: warn, largest: many, reference: \"IT-13\" }
  single-upstream: { severity: error }
";
    std::fs::write(directory.path().join("house.yaml"), wrong).unwrap();
    let output = validate(directory.path(), &["shop.yaml", "--profile", "house.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("error: ")).collect();
    assert_eq!(
        errors,
        [
            "house.yaml:2:1: error: unknown key `titel` in the profile",
            "house.yaml:4:30: error: `rules.severity` must be `error` or `warning` or `off`, not `warn`",
            "house.yaml:4:45: error: `largest` must be a whole number from 0 to 24, not `many`",
            "house.yaml:5:3: error: rule `single-upstream` needs `reference`",
            "error: 4 errors in house.yaml; nothing was touched",
        ]
    );

    let wrong = "\
profile: house
title: Rules of the house
rules:
  poll-to-slow: { severity: warning, reference: \"IT-13\" }
  poll-too-slow: { severity: warning, lagest: 12, reference: \"IT-13\" }
";
    std::fs::write(directory.path().join("house.yaml"), wrong).unwrap();
    let output = validate(directory.path(), &["shop.yaml", "--profile", "house.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let errors: Vec<&str> =
        said.lines().filter(|line| line.contains("error: ") || line.contains("help: ")).collect();
    assert_eq!(
        errors,
        [
            "house.yaml:4:3: error: there is no rule `poll-to-slow`",
            "  = help: did you mean `poll-too-slow`?",
            "house.yaml:5:39: error: unknown key `lagest` in rule `poll-too-slow`",
            "  = help: did you mean `largest`?",
            "error: 2 errors in house.yaml; nothing was touched",
        ]
    );
}

/// A client with one source among twenty good ones, and one that nobody leads anywhere.
const MIXED: &str = "\
fleet: mixed
groups:
  good: { role: client, time: { upstreams: [{ pool: pool.example }] }, hosts: { \"web[01:20]\": } }
  poor: { role: client, time: { upstreams: [{ server: ntp.example }] }, hosts: { till: } }
  lost: { role: client, hosts: { lost: } }
";

#[test]
fn a_selection_is_told_what_concerns_it_and_the_exit_code_is_about_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mixed.yaml"), MIXED).unwrap();
    let output = validate(directory.path(), &["mixed.yaml", "--on", "web*,!web07"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        text(&output.stdout),
        "mixed.yaml: fleet mixed, 19 of 22 hosts (--on web*,!web07), no problems\n"
    );
    assert_eq!(output.status.code(), Some(0));

    let output = validate(directory.path(), &["mixed.yaml", "--on", "@poor"]);
    assert_eq!(text(&output.stdout), "mixed.yaml: fleet mixed, 1 of 22 hosts (--on @poor), 1 warning\n");
    let first = "mixed.yaml:4:47: warning[single-upstream]: host `till` has one source and nothing to compare it with\n";
    assert!(text(&output.stderr).starts_with(first), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).matches("mixed.yaml").count(), 1);
    assert_eq!(output.status.code(), Some(0));

    let output = validate(directory.path(), &["mixed.yaml", "--on", "lost"]);
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("mixed.yaml:5:34: error[no-path-to-time]: client `lost` follows nobody\n"));
    assert!(stderr.ends_with("error: 1 error in mixed.yaml; nothing was touched\n"), "{stderr}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_element_that_matches_nothing_is_an_error_in_every_format() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mixed.yaml"), MIXED).unwrap();
    let output = validate(directory.path(), &["mixed.yaml", "--on", "wbe01"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let message = "--on: `wbe01` matches no host of the inventory; did you mean `web01`?";
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    for format in ["json", "github", "gitlab", "sarif", "junit"] {
        let output = validate(directory.path(), &["mixed.yaml", "--on", "wbe01", "--output", format]);
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert_eq!(text(&output.stderr), "", "{format}");
        assert!(text(&output.stdout).contains(message), "{format}: {}", text(&output.stdout));
    }
    let output = validate(directory.path(), &["mixed.yaml", "--on", "wbe01", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["inventories"][0]["fleet"], serde_json::Value::Null);
    assert_eq!(report["inventories"][0]["findings"][0]["place"], serde_json::json!({ "file": "mixed.yaml" }));
    let output = validate(directory.path(), &["mixed.yaml", "--on", "web01", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report["inventories"],
        serde_json::json!([{
            "files": ["mixed.yaml"],
            "fleet": { "name": "mixed", "hosts": 22, "groups": 3, "selected": 1 },
            "findings": [],
            "allowed": [],
        }])
    );
}

#[test]
fn each_of_several_inventories_has_to_know_the_selection_unless_they_are_one() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mixed.yaml"), MIXED).unwrap();
    let more = "groups: { more: { role: client, hosts: { spare: } } }\n";
    std::fs::write(directory.path().join("shop.yaml"), ONE_SOURCE).unwrap();
    std::fs::write(directory.path().join("more.yaml"), more).unwrap();
    let output = validate(directory.path(), &["mixed.yaml", "shop.yaml", "--on", "web*"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "mixed.yaml: fleet mixed, 20 of 22 hosts (--on web*), no problems\n");
    assert_eq!(
        text(&output.stderr),
        "error: shop.yaml: --on: `web*` matches no host of the inventory\n\
         error: 1 error in shop.yaml; nothing was touched\n"
    );
    let output = validate(directory.path(), &["mixed.yaml", "more.yaml", "--together", "--on", "web*"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        text(&output.stdout),
        "mixed.yaml, more.yaml: fleet mixed, 20 of 23 hosts (--on web*), no problems\n"
    );
}

/// Files are rendered for the selected hosts only: a template that another host names may be missing.
#[test]
fn templates_of_other_hosts_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text_of =
        MIXED.replace("lost: }", "lost: { time: { upstreams: [{ pool: p.example }], template: gone.j2 } } }");
    std::fs::write(directory.path().join("mixed.yaml"), text_of).unwrap();
    let output = validate(directory.path(), &["mixed.yaml", "--on", "web*"]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let output = validate(directory.path(), &["mixed.yaml", "--on", "lost"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        "error: mixed.yaml:5:94: cannot read the template gone.j2: No such file or directory (os error 2)\n"
    );
}
