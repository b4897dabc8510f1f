//! `timefleet import` on case files: what `tests/import/NAME.json` and `NAME.conf` become is `NAME.yaml`, literally, and
//! what is said of it on standard error is `NAME.said`.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use snapbox::{assert_data_eq, str};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn timefleet(directory: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .args(arguments)
        .current_dir(directory)
        .env("HOME", "/home/me")
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends with a message before it reads everything is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_case_becomes_its_inventory_and_the_inventory_is_valid() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        let from = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => "ansible",
            Some("conf") => "chrony-conf",
            _ => continue,
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let output = timefleet(&cases(), &["import", from, name], "");
        let beside = |extension| fs::read_to_string(path.with_extension(extension)).unwrap();
        assert_eq!(text(&output.stdout), beside("yaml"), "{name}");
        assert_eq!(text(&output.stderr), beside("said"), "{name}");
        assert_eq!(output.status.code(), Some(0), "{name}");
        let yaml = path.with_extension("yaml");
        let output = timefleet(&cases(), &["validate", yaml.to_str().unwrap()], "");
        // What was a poor idea before is one in the inventory, too: warnings, no errors.
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("error"), "{name}: {}", text(&output.stderr));
        seen.push(name.to_owned());
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

#[test]
fn several_files_are_several_hosts_and_what_they_share_is_lifted() {
    let directory = tempfile::tempdir().unwrap();
    for (host, server) in [("web1", "10.0.0.1"), ("web2", "10.0.0.1"), ("web3", "10.0.0.2")] {
        let folder = directory.path().join(host).join("etc/chrony");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("chrony.conf"), format!("server {server} iburst\nmaxdistance 0.5\nrtcsync\n"))
            .unwrap();
    }
    let files = ["web1/etc/chrony/chrony.conf", "web2/etc/chrony/chrony.conf", "web3/etc/chrony/chrony.conf"];
    let mut arguments =
        vec!["import", "chrony-conf", "--fleet", "shop", "--host", "front=10.0.0.9", "-o", "fleet.yaml"];
    arguments.extend(files);
    let output = timefleet(directory.path(), &arguments, "");
    assert_eq!(
        (output.status.code(), text(&output.stderr), text(&output.stdout)),
        (Some(0), String::new(), String::new())
    );
    assert_data_eq!(
        fs::read_to_string(directory.path().join("fleet.yaml")).unwrap(),
        str![[r#"
# Imported by timefleet from web1/etc/chrony/chrony.conf, web2/etc/chrony/chrony.conf, web3/etc/chrony/chrony.conf.
fleet: shop
defaults:
  role: client
  time:
    makestep: false
    maxdistance: 0.5
    rtcsync: true
groups:
  clients:
    time:
      upstreams:
        - { server: 10.0.0.1, iburst: true }
    hosts:
      front: { address: 10.0.0.9 }
      web2:
      web3:
        time:
          upstreams:
            - { server: 10.0.0.2, iburst: true }

"#]]
    );
}

/// What a failing import says.
fn said(arguments: &[&str], stdin: &str) -> String {
    let output = timefleet(&cases(), arguments, stdin);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
    text(&output.stderr)
}

#[test]
fn what_cannot_be_imported_says_what_to_do() {
    assert_data_eq!(
        said(&["import", "ansible", "-"], "all:\n  hosts: {}\n"),
        str![[r#"
error: standard input:1:1: this is no JSON (expected value): it takes what `ansible-inventory --list` prints

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], "{\"all\":\n \"a\n"),
        str![[r#"
error: standard input:2:4: this is no JSON (control character (/u0000-/u001F) found while parsing a string): it takes what `ansible-inventory --list` prints

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], "{\"\u{fc}\": 01}"),
        str![[r#"
error: standard input:1:8: this is no JSON (invalid number): it takes what `ansible-inventory --list` prints

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], ""),
        str![[r#"
error: standard input:1:1: this is no JSON (EOF while parsing a value): it takes what `ansible-inventory --list` prints

"#]]
    );
}

#[test]
fn hosts_that_cannot_be_told_apart_or_reached_say_what_to_do() {
    assert_data_eq!(
        said(&["import", "chrony-conf", "--host", "a=10.0.0.1:22", "rhel.conf"], ""),
        str![[r#"
error: --host a=10.0.0.1:22: `10.0.0.1:22` has a port at its end

"#]]
    );
    assert_data_eq!(
        said(
            &[
                "import",
                "chrony-conf",
                "--host",
                "a=fd00::1",
                "--host",
                "b=FD00:0::1",
                "rhel.conf",
                "ntp-a.conf"
            ],
            ""
        ),
        str![[r#"
error: ntp-a.conf: this would be host `FD00:0::1` again: name the hosts with `--host NAME`, in the order of the files

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], "[1, 2]"),
        str![[r#"
error: standard input: this is no mapping of groups: it takes what `ansible-inventory --list` prints

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], "{}"),
        str![[r#"
error: standard input: there is neither `_meta` nor `all` in it: it takes what `ansible-inventory --list` prints

"#]]
    );
    assert_data_eq!(
        said(&["import", "ansible", "-"], "{\"_meta\": {\"hostvars\": {}}}"),
        str![[r#"
error: standard input: there are no hosts in it

"#]]
    );
    assert_data_eq!(
        said(&["import", "chrony-conf", "rhel.conf", "./rhel.conf"], ""),
        str![[r#"
error: ./rhel.conf: this would be host `rhel` again: name the hosts with `--host NAME`, in the order of the files

"#]]
    );
    assert_data_eq!(
        said(&["import", "chrony-conf", "--host", "a", "--host", "b", "rhel.conf"], ""),
        str![[r#"
error: 2 times --host and 1 file: give it once for each file, in their order

"#]]
    );
    assert_data_eq!(
        said(&["import", "chrony-conf", "--host", "a=b c", "rhel.conf"], ""),
        str![[r#"
error: --host a=b c: `b c` is no host name and no address

"#]]
    );
}

#[test]
fn no_input_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let json = r#"{ "all": { "hosts": ["a"] } }"#;
    fs::write(directory.path().join("one.json"), json).unwrap();
    fs::write(directory.path().join("one.conf"), "pool ntp.example\n").unwrap();
    std::os::unix::fs::symlink("one.json", directory.path().join("link.yaml")).unwrap();
    std::os::unix::fs::symlink("one.conf", directory.path().join("two.conf")).unwrap();
    let said = |arguments: &[&str]| {
        let output = timefleet(directory.path(), arguments, "");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
        text(&output.stderr)
    };
    assert_eq!(
        said(&["import", "ansible", "one.json", "-o", "one.json"]),
        "error: -o one.json: this is one.json, which is imported: write the inventory to another file\n"
    );
    assert_eq!(
        said(&["import", "ansible", "one.json", "-o", "link.yaml"]),
        "error: -o link.yaml: this is one.json, which is imported: write the inventory to another file\n"
    );
    assert_eq!(
        said(&["import", "chrony-conf", "--host", "a", "two.conf", "-o", "./one.conf"]),
        "error: -o ./one.conf: this is two.conf, which is imported: write the inventory to another file\n"
    );
    assert_eq!(fs::read_to_string(directory.path().join("one.json")).unwrap(), json);
    let output = timefleet(directory.path(), &["import", "ansible", "one.json", "-o", "new.yaml"], "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn bytes_that_are_no_utf_8_are_an_old_comment_or_no_json() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("x.json"), b"{ \"all\":\n  \"f\xfcr\" }").unwrap();
    let output = timefleet(directory.path(), &["import", "ansible", "x.json"], "");
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (
            Some(2),
            "error: x.json:2:5: this is no JSON (its bytes are no UTF-8): it takes what `ansible-inventory --list` prints\n"
                .to_owned()
        )
    );
    fs::write(directory.path().join("web.conf"), b"\xef\xbb\xbfpool ntp.example\n# f\xfcr alle\n").unwrap();
    let output = timefleet(directory.path(), &["import", "chrony-conf", "web.conf"], "");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).contains("- { pool: ntp.example }\n"), "{}", text(&output.stdout));
}

#[test]
fn an_export_keeps_groups_variables_apart_and_means_the_same() {
    let export = r#"{
        "_meta": { "hostvars": { "a": { "timesync_max_distance": 0.25 }, "b": {} } },
        "all": { "children": ["outer"], "vars": { "ansible_user": "root", "ansible_port": 2200 } },
        "outer": { "children": ["inner"], "vars": { "ansible_user": "ops", "timesync_max_distance": 16.0 } },
        "inner": { "hosts": ["a", "b"], "vars": { "timesync_ntp_servers": [{ "hostname": "ntp.example" }] } }
    }"#;
    let output = timefleet(&cases(), &["import", "ansible", "-"], export);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
# Imported by timefleet from Ansible (standard input).
fleet: imported
defaults:
  role: client
  ssh: { user: ops, port: 2200 }
  time:
    upstreams:
      - { server: ntp.example }
groups:
  outer:
    children:
      inner:
        hosts:
          a:
            time:
              maxdistance: 0.25
          b:
            time:
              maxdistance: 16.0

"#]]
    );
}
