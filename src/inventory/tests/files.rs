//! Files that include others, directories, programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::inventory::files::Inputs;

/// A directory with these files in it, those that begin with `#!` executable.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    directory
}

/// Names of the hosts, or the headline of every problem with help and chain; without the directory's own name.
fn read(directory: &tempfile::TempDir, names: &[&str]) -> Vec<String> {
    let begin = format!("{}/", directory.path().display());
    let paths: Vec<PathBuf> = names.iter().map(|name| directory.path().join(name)).collect();
    let inputs = match Inputs::read(&paths) {
        Ok(inputs) => inputs,
        Err(error) => return vec![error.to_string().replace(&begin, "")],
    };
    let told = match load_inputs(&inputs, None) {
        Ok(inventory) => inventory.hosts.iter().map(|host| host.name.clone()).collect(),
        Err(problems) => problems
            .iter()
            .map(|problem| {
                let chain: String = problem.chain.iter().map(|place| format!(" < {place}")).collect();
                let help = problem.help.as_ref().map(|help| format!(" | {help}")).unwrap_or_default();
                format!("{}{help}{chain}", problem.headline())
            })
            .collect::<Vec<_>>(),
    };
    told.iter().map(|line| line.replace(&begin, "")).collect()
}

#[test]
fn a_file_includes_others_from_its_own_directory() {
    let directory = directory(&[
        (
            "main.yaml",
            "fleet: x\ninclude: [base/roles.yaml, 'sites/*.yaml']\ngroups: { g: { hosts: { a: } } }\n",
        ),
        ("base/roles.yaml", "include: ../base/ssh.yaml\ndefaults: { role: client }\n"),
        ("base/ssh.yaml", "defaults: { ssh: { user: ops } }\n"),
        ("sites/2.yaml", "groups: { two: { hosts: { c: } } }\n"),
        ("sites/1.yaml", "include: ../base/ssh.yaml\ngroups: { one: { hosts: { b: } } }\n"),
        ("sites/.3.yaml", "nonsense\n"),
        ("sites/4.txt", "nonsense\n"),
    ]);
    assert_eq!(read(&directory, &["main.yaml"]), ["a", "b", "c"]);
    let again = read(&directory, &["main.yaml", "sites/1.yaml"]);
    assert_eq!(again, ["a", "b", "c"], "a file that is named twice is read once");
}

#[test]
fn a_mistake_in_an_included_file_tells_the_way_there() {
    let directory = directory(&[
        ("main.yaml", "fleet: x\ninclude:\n  - a.yaml\n"),
        ("a.yaml", "include: b.yaml\ngroups: { a: { role: client, hosts: { h: } } }\n"),
        ("b.yaml", "groups: { b: { rol: client } }\n"),
    ]);
    assert_eq!(
        read(&directory, &["main.yaml"]),
        [
            "b.yaml:1:16: error: unknown key `rol` in group `b` | did you mean `role`? < a.yaml:1:10 < main.yaml:3:5"
        ]
    );
    let paths = [directory.path().join("main.yaml")];
    let inputs = Inputs::read(&paths).unwrap();
    let mut printed = Vec::new();
    problem::print(&load_inputs(&inputs, None).unwrap_err(), &inputs.files, &mut printed).unwrap();
    let text = anstream::adapter::strip_str(&String::from_utf8(printed).unwrap()).to_string();
    assert_eq!(
        text.replace(&format!("{}/", directory.path().display()), ""),
        "\
b.yaml:1:16: error: unknown key `rol` in group `b`
  |
1 | groups: { b: { rol: client } }
  |                ^^^
  |
  = help: did you mean `role`?
  = note: included from a.yaml:1:10
  = note: included from main.yaml:3:5

"
    );
}

#[test]
fn an_include_that_cannot_be_followed() {
    let directory = directory(&[
        (
            "main.yaml",
            "fleet: x\ninclude: [a.yaml, nowhere.yaml, 'no/*.yaml', 7, bad.yaml]\ngroups: { g: { role: client, hosts: { h: } } }\n",
        ),
        ("a.yaml", "include: b.yaml\n"),
        ("b.yaml", "include: [a.yaml, b.yaml, '*.yaml']\n"),
        ("bad.yaml", "#!/bin/sh\necho the database is down >&2\nexit 7\n"),
    ]);
    let from = "it is looked for from the directory of this file";
    assert_eq!(
        read(&directory, &["main.yaml"]),
        [
            format!("main.yaml:2:19: error: cannot read nowhere.yaml: No such file or directory (os error 2) | {from}"),
            format!("main.yaml:2:33: error: no file matches `no/*.yaml` | {from}"),
            "main.yaml:2:46: error: `include` must be a file or a list of files | for example `include: [servers.yaml, sites/*.yaml]`".to_owned(),
            "b.yaml:1:11: error: `a.yaml` includes itself: a.yaml -> b.yaml -> a.yaml | take this line away < a.yaml:1:10 < main.yaml:2:11".to_owned(),
            "b.yaml:1:19: error: `b.yaml` includes itself: b.yaml -> b.yaml | take this line away < a.yaml:1:10 < main.yaml:2:11".to_owned(),
            format!("b.yaml:1:27: error: bad.yaml ended with exit code 7: the database is down | {from} < a.yaml:1:10 < main.yaml:2:11"),
        ]
    );
}

#[test]
fn a_directory_is_all_of_its_visible_yaml_files() {
    let directory = directory(&[
        ("fleet.d/10-base.yaml", "fleet: x\ndefaults: { role: client }\n"),
        ("fleet.d/20-web.yml", "groups: { web: { hosts: { w: } } }\n"),
        ("fleet.d/05-db.yaml", "groups: { db: { hosts: { d: } } }\n"),
        ("fleet.d/.hidden.yaml", "nonsense\n"),
        ("fleet.d/README", "nonsense\n"),
        ("fleet.d/old/50.yaml", "nonsense\n"),
        ("empty/README", "nonsense\n"),
    ]);
    assert_eq!(read(&directory, &["fleet.d"]), ["d", "w"]);
    assert_eq!(
        read(&directory, &["empty"]),
        ["empty: no file in this directory ends with `.yaml` or `.yml`"]
    );
    assert_eq!(read(&directory, &["none"]), ["cannot read none: No such file or directory (os error 2)"]);
}

#[test]
fn a_program_prints_an_inventory() {
    let directory = directory(&[
        (
            "cloud",
            "#!/bin/sh\nprintf '{\"fleet\": \"x\", \"groups\": {\"g\": {\"role\": \"client\", \"hosts\": {\"from-%s\": null}}}}' json\n",
        ),
        ("wrong", "#!/bin/sh\necho 'fleet: x'\necho 'grups: {}'\n"),
        ("more.yaml", "include: cloud\ngroups: { more: { role: client, hosts: { m: } } }\n"),
    ]);
    assert_eq!(read(&directory, &["cloud"]), ["from-json"]);
    assert_eq!(read(&directory, &["more.yaml"]), ["m", "from-json"]);
    assert_eq!(
        read(&directory, &["wrong"]),
        ["wrong:2:1: error: unknown key `grups` in the inventory | did you mean `groups`?"]
    );
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let directory = tempfile::tempdir().unwrap();
    let name = |name: &str, bytes: &[u8]| {
        fs::write(directory.path().join(name), bytes).unwrap();
        read(&directory, &[name])
    };
    let save = "an inventory is UTF-8: save the file as such";
    assert_eq!(
        name("latin1.yaml", b"fleet: x\n# caf\xe9\ngroups: {}\n"),
        [format!("latin1.yaml:2:6: error: byte 0xe9 is no part of any character | {save}")]
    );
    assert_eq!(
        name("cut.yaml", "\u{feff}fleet: é\u{fc}".as_bytes().get(..13).unwrap()),
        [format!("cut.yaml:1:9: error: byte 0xc3 is no part of any character | {save}")]
    );
    assert_eq!(
        name("utf16.yaml", b"\xff\xfef\0l\0"),
        [
            "utf16.yaml:1:1: error: byte 0xff is no part of any character | this looks like UTF-16: save the file as UTF-8"
        ]
    );
}
