//! Words that a user sees seldom, literally.

use super::*;
use crate::inventory::InputFile;
use crate::lint::policy::Policy;

fn file(name: &str, text: &str) -> InputFile {
    InputFile { name: name.to_owned(), text: text.to_owned() }
}

#[test]
fn a_rule_that_is_like_no_other_is_answered_with_where_they_are_listed() {
    assert_eq!(
        Policy::default().deny("xyzzy").unwrap_err().to_string(),
        "--deny xyzzy: there is no rule `xyzzy`; `timefleet validate --explain all` lists them"
    );
}

#[test]
fn two_files_do_not_name_two_fleets() {
    let body = "groups: { g: { role: client, time: { upstreams: [{ pool: p }] }, hosts: { a: } } }\n";
    let files = vec![file("a.yaml", &format!("fleet: one\n{body}")), file("b.yaml", "fleet: two\n")];
    assert_eq!(
        findings(&check(files, None)),
        "#> 1:8: error: two files name different fleets: `one` and `two` | \n#>   1:8: the other name\n"
    );
}

#[test]
fn a_home_that_nobody_knows_is_said() {
    let text = "fleet: x\ngroups: { g: { role: client, ssh: { identity: ~/key }, time: { upstreams: [{ pool: p }] }, hosts: { a: } } }\n";
    assert_eq!(
        findings(&check(vec![file("a.yaml", text)], None)),
        "#> 2:47: error: `ssh.identity` begins with `~`, but there is no home directory | set HOME or write the whole path\n"
    );
}

#[test]
fn a_template_without_quotes_that_begins_a_value_is_told_to_take_some() {
    let text = "fleet: x\nvars: { a: b }\ngroups: { g: { role: client, time: { upstreams: [{ pool: {{ a }} }] }, hosts: { h: } } }\n";
    let told = findings(&check(vec![file("a.yaml", text)], None));
    assert!(told.contains("a value that begins with a template needs quotes: `\"{{ … }}\"`"), "{told}");
}

#[test]
fn what_a_rule_or_a_profile_explains_fits_80_columns() {
    let narrow = |text: &str| {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    };
    for rule in RULES {
        // An example is shown as it is written.
        narrow(explain::rule(rule).split("example that it finds").next().unwrap());
    }
    for (name, _) in profile::CARRIED {
        narrow(&explain::profile(&profile::read(&profile::carried(name).unwrap()).unwrap()));
    }
}

/// What is rendered to find mistakes: of hosts that follow their own group two, since each leaves itself out.
#[test]
fn of_hosts_that_are_alike_one_or_two_are_rendered() {
    let text = "\
fleet: x
groups:
  mesh: { role: server, time: { upstreams: [{ group: mesh }], local: { orphan: true } }, hosts: { \"m[1:9]\": } }
  clients: { role: client, time: { upstreams: [{ group: mesh }] }, hosts: { \"c[1:9]\": , own: { time: { bound: 2 } } } }
";
    let inventory = inventory::load(&[file("a.yaml", text)], None).unwrap();
    let kinds = inventory::kinds(inventory.hosts.iter());
    let names: Vec<&str> = kinds.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["m1", "m2", "c1", "own"]);
}

#[test]
fn a_profile_says_who_it_is_and_what_it_asks_for() {
    let problems = profile::read(&file("p.yaml", "profile: mine\nrules: {}\n")).unwrap_err();
    let said: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} | {}", problem.headline(), problem.help.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [
            "p.yaml:1:1: error: the profile has no `title` | write `profile: NAME`, `title: REGIME` and `rules: { RULE: { severity: …, reference: … } }`",
            "p.yaml:2:8: error: `rules` names no rule | write `RULE: { severity: …, reference: … }`; `timefleet validate --explain all` lists the rules",
        ]
    );
}
