//! Case files: every `tests/lint/*.yaml` is an inventory that ends with the findings it must give, literally, one in
//! each `#>` line as `line:column: severity[rule]: message | help`, the second place in a `#>   ` line below, and what
//! the inventory allows as `#> line:column: allowed[rule]: message | reason`. A `#? deny RULE` or `#? profile NAME` line
//! asks for more than the rules that are always on.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::inventory::InputFile;

mod profiles;
mod seldom;
mod selection;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_files(directory: &str) -> Vec<InputFile> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(!paths.is_empty(), "{directory} is empty");
    let file = |path: &PathBuf| InputFile {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(file).collect()
}

fn findings(checked: &Checked) -> String {
    let mut text = String::new();
    for problem in &checked.problems {
        let headline = problem.headline();
        let (_, headline) = headline.split_once(':').unwrap();
        text += &format!("#> {headline} | {}\n", problem.help.as_deref().unwrap_or_default());
        if let Some((place, label)) = &problem.second {
            text += &format!("#>   {}:{}: {label}\n", place.line, place.column);
        }
        for note in &problem.notes {
            text += &format!("#>   {note}\n");
        }
    }
    for Allowed { problem, reason, .. } in &checked.allowed {
        let rule = problem.rule.unwrap_or_default();
        let place = format!("{}:{}", problem.place.line, problem.place.column);
        text += &format!("#> {place}: allowed[{rule}]: {} | {reason}\n", problem.message);
    }
    text
}

/// What a case asks for in its `#?` lines.
fn asked(text: &str) -> Policy {
    let mut policy = Policy::default();
    for words in text.lines().filter_map(|line| line.strip_prefix("#? ")) {
        match words.split_once(' ').unwrap() {
            ("deny", rule) => policy.deny(rule).unwrap(),
            ("profile", name) => policy.add(&profile::read(&profile::carried(name).unwrap()).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    policy
}

#[test]
fn every_case_file_gives_its_findings() {
    let mut wrong = Vec::new();
    for file in yaml_files("tests/lint") {
        let wanted: String =
            file.text.lines().filter(|line| line.starts_with("#>")).map(|line| format!("{line}\n")).collect();
        let name = file.name.clone();
        let policy = asked(&file.text);
        let kept = file.text.clone();
        let checked = check_with(vec![file], Some(Path::new("/home/me")), &policy);
        let given = findings(&checked);
        if std::env::var_os("UPDATE_CASES").is_some() {
            let lines = kept.lines().filter(|line| !line.starts_with("#>")).map(|line| format!("{line}\n"));
            let path = root().join("tests/lint").join(&name);
            fs::write(path, lines.collect::<String>() + &given).unwrap();
            continue;
        }
        if given != wanted {
            wrong.push(format!("{name} wants\n{wanted}and gives\n{given}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every rule's name stands in a case that fires it, and in another host or file where it is silent: a `#! RULE` line
/// in a case file says that the rule is at stake there and keeps silent for what the line names.
#[test]
fn every_rule_has_a_case_that_fires_and_one_that_is_silent() {
    let cases: Vec<String> = yaml_files("tests/lint").into_iter().map(|file| file.text).collect();
    for rule in catalogue::RULES {
        let fired = format!("[{}]: ", rule.name);
        let found = |line: &str| {
            line.starts_with("#> ")
                && (line.contains(&format!(" error{fired}")) || line.contains(&format!(" warning{fired}")))
        };
        assert!(cases.iter().any(|case| case.lines().any(found)), "{} never fires", rule.name);
        let silent = format!("#! {}: ", rule.name);
        assert!(
            cases.iter().any(|case| case.lines().any(|line| line.starts_with(&silent))),
            "{} is never silent",
            rule.name
        );
        assert!(rule.reason.ends_with('.'), "{}", rule.name);
        assert!(!rule.cure.ends_with('.') && !rule.what.ends_with('.'), "{}", rule.name);
    }
}

/// `#! RULE: host, host` names hosts of the case that the rule is silent about; none of them is in a finding of it.
#[test]
fn silent_hosts_are_in_the_inventory_and_in_no_finding() {
    for file in yaml_files("tests/lint") {
        let (name, text) = (file.name.clone(), file.text.clone());
        let policy = asked(&text);
        let loaded = inventory::load(&[file], Some(Path::new("/home/me")));
        for line in text.lines().filter_map(|line| line.strip_prefix("#! ")) {
            let (rule, hosts) = line.split_once(": ").unwrap();
            let rule = rule::by_name(rule).unwrap_or_else(|| panic!("{name}: {rule}"));
            assert!(policy.severity(rule).is_some(), "{name}: {} is off", rule.name);
            let Ok(inventory) = &loaded else {
                // A mistake of the language: the words that are fine stand in the text.
                hosts
                    .split(", ")
                    .for_each(|words| assert!(text.matches(words).count() > 1, "{name}: {words}"));
                continue;
            };
            let (problems, _) = lint(inventory, &policy, None);
            for host in hosts.split(", ") {
                if inventory.host(host).is_none() {
                    assert!(text.matches(host).count() > 1, "{name}: no host {host}");
                }
                let spoken = format!("`{host}`");
                let of_rule = problems.iter().filter(|problem| problem.rule == Some(rule.name));
                for problem in of_rule {
                    assert!(!problem.message.contains(&spoken), "{name}: {}", problem.message);
                }
            }
        }
    }
}

/// What a rule gives as its example is one.
#[test]
fn every_example_fires_its_own_rule() {
    for rule in catalogue::RULES {
        let example = rule.example;
        let candidates: Vec<String> = if example.starts_with("fleet") {
            vec![example.to_owned()]
        } else if example.starts_with("groups") {
            vec![format!("fleet: x\n{example}\n")]
        } else {
            let inner: String = example.lines().map(|line| format!("    {line}\n")).collect();
            let with = |role: &str| {
                format!("fleet: x\ngroups:\n  g:\n{inner}    role: {role}\n    hosts: {{ h: }}\n")
            };
            vec![with("server"), with("client")]
        };
        let mut policy = Policy::default();
        policy.deny(rule.name).unwrap();
        let fires = candidates.iter().any(|text| {
            let file = InputFile { name: "example.yaml".to_owned(), text: text.clone() };
            let checked = check_with(vec![file], None, &policy);
            checked.problems.iter().any(|problem| problem.rule == Some(rule.name))
        });
        assert!(fires, "{}", rule.name);
    }
}

/// `UPDATE_DOCS=1 cargo test -p timefleet rules_page` writes it anew.
#[test]
fn the_rules_page_says_what_the_rules_say() {
    let path = root().join("docs/rules.md");
    let page = explain::page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), page);
}

#[test]
fn every_inventory_of_the_repository_is_clean_and_renders() {
    for file in yaml_files("inventories") {
        let name = file.name.clone();
        let checked = check(vec![file], Some(Path::new("/home/me")));
        // What is allowed stands in the file with its reason, and is needed there.
        assert_eq!(checked.problems, [], "{name}");
        let inventory = checked.inventory.unwrap();
        for host in &inventory.hosts {
            let desired = crate::render::render(&inventory, host).unwrap();
            assert_eq!(desired.host, host.name);
        }
    }
}

#[test]
fn warnings_do_not_stop_and_errors_do() {
    let text = "fleet: x\ngroups: { g: { role: client, hosts: { a: }, time: { upstreams: [{ pool: w, platform: windows }] } } }\n";
    let file = |text: &str| vec![InputFile { name: "f.yaml".to_owned(), text: text.to_owned() }];
    let checked = check(file(text), None);
    assert_eq!((checked.errors(), checked.warnings(), checked.inventory.is_some()), (0, 1, true));
    let checked = check(
        file(
            &text.replace("client", "client, time: { local: true }").replace("}, time: { up", "}, tme: { up"),
        ),
        None,
    );
    assert!(checked.errors() > 0 && checked.inventory.is_none());
}

#[test]
fn a_finding_shows_its_place_its_reason_and_its_cure() {
    let text = "fleet: x\ngroups:\n  clients: { role: client, hosts: { a: } }\n";
    let checked = check(vec![InputFile { name: "f.yaml".to_owned(), text: text.to_owned() }], None);
    let mut printed = Vec::new();
    checked.print(&mut printed).unwrap();
    assert_eq!(
        anstream::adapter::strip_bytes(&printed).into_vec(),
        "\
f.yaml:3:37: error[no-path-to-time]: client `a` follows nobody
  |
3 |   clients: { role: client, hosts: { a: } }
  |                                     ^
  |
  = note: A client without an upstream keeps whatever its clock says.
  = help: give it `time: { upstreams: [{ group: GROUP }] }`

"
        .as_bytes()
    );
}

/// One line for each of many hosts that all follow each other, and nearly every rule has something to say of it.
#[test]
fn twenty_thousand_orphans_in_one_mesh_are_no_more_work_than_twenty_thousand_hosts() {
    let mut text = "fleet: x\ngroups:\n  all:\n    role: server\n    time: { upstreams: [{ group: all }, { server: 10.0.0.1 }], local: { orphan: true } }\n    hosts:\n".to_owned();
    for host in 0..20_000 {
        let ipv6 = if host % 2 == 0 { ", time: { ipv6_only: true, deny: [\"fd00::/8\"] }" } else { "" };
        text += &format!("      h{host}: {{ address: 10.1.{}.{}{ipv6} }}\n", host / 256, host % 256);
    }
    let begun = std::time::Instant::now();
    let checked = check(vec![InputFile { name: "f.yaml".to_owned(), text }], None);
    // In the square of the hosts it would be minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(checked.problems.len() < 20, "{}", findings(&checked));
}
