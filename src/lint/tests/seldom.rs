//! Words that a user sees seldom, literally.

use super::*;
use crate::inventory::InputFile;
use crate::lint::policy::Policy;
use crate::lint::profile;

fn file(name: &str, text: &str) -> InputFile {
    InputFile { name: name.to_owned(), text: text.to_owned() }
}

fn profile_says(text: &str) -> Vec<String> {
    let problems = profile::read(&file("p.yaml", text)).unwrap_err();
    let help = |problem: &inventory::Problem| problem.help.clone().unwrap_or_default();
    problems.iter().map(|problem| format!("{} | {}", problem.headline(), help(problem))).collect()
}

#[test]
fn a_profile_says_who_it_is_and_its_rules_say_who_asks() {
    assert_eq!(
        profile_says("profile: mine\nrules: {}\n"),
        ["p.yaml:1:1: error: a profile has a name and a title | \
          write `profile: NAME` and `title: REGIME` at the top"]
    );
    assert_eq!(
        profile_says("profile: mine\ntitle: Mine\nrules: { no-clock-log: { severity: error } }\n"),
        ["p.yaml:3:10: error: rule `no-clock-log` needs `severity` and `reference` | \
          `severity` is `error`, `warning` or `off`; `reference` says who asks for it, and where"]
    );
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
