//! Case files: every `tests/lint/*.yaml` is an inventory that ends with the findings it must give, literally, one in
//! each `#>` line as `line:column: severity[rule]: message | help`, and the second place in a `#>   ` line below.

use std::fs;
use std::path::PathBuf;

use super::*;

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
    }
    text
}

#[test]
fn every_case_file_gives_its_findings() {
    let mut wrong = Vec::new();
    for file in yaml_files("tests/lint") {
        let wanted: String =
            file.text.lines().filter(|line| line.starts_with("#>")).map(|line| format!("{line}\n")).collect();
        let name = file.name.clone();
        let checked = check(vec![file], Some(Path::new("/home/me")));
        let given = findings(&checked);
        if given != wanted {
            wrong.push(format!("{name} wants\n{wanted}and gives\n{given}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_fires() {
    let cases: String = yaml_files("tests/lint").into_iter().map(|file| file.text).collect();
    for rule in rule::RULES {
        let severity = if rule.severity == Severity::Error { "error" } else { "warning" };
        assert!(cases.contains(&format!(" {severity}[{}]: ", rule.name)), "{}", rule.name);
        assert!(rule.reason.ends_with('.'), "{}", rule.name);
    }
}

#[test]
fn every_inventory_of_the_repository_is_clean_and_renders() {
    for file in yaml_files("inventories") {
        let name = file.name.clone();
        let checked = check(vec![file], Some(Path::new("/home/me")));
        assert_eq!(findings(&checked), "", "{name}");
        let inventory = checked.inventory.unwrap();
        for host in &inventory.hosts {
            let desired = crate::render::render(&inventory, host).unwrap();
            assert_eq!(desired.host, host.name);
        }
    }
}

#[test]
fn warnings_do_not_stop_and_errors_do() {
    let text = "fleet: x\ngroups: { g: { role: client, hosts: { a: }, time: { upstreams: [{ server: w, platform: windows }] } } }\n";
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
