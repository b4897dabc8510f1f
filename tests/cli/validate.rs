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
