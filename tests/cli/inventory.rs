//! Inventories as a user names and asks them: `list`, `explain`, `--on`, directories, programs, standard input, and texts
//! that mean harm.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use snapbox::{assert_data_eq, str};

fn timefleet(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
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
    // Who does not read it need not.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs in the repository to exit code 0 without a word on standard error. What is on standard output.
fn good(arguments: &[&str]) -> String {
    let output = timefleet(Path::new(env!("CARGO_MANIFEST_DIR")), arguments, b"");
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    text(&output.stdout)
}

/// Runs in the repository to exit code 2. What is on standard error.
fn mistake(arguments: &[&str]) -> String {
    let output = timefleet(Path::new(env!("CARGO_MANIFEST_DIR")), arguments, b"");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    text(&output.stderr)
}

const TWO_TIER: &str = "inventories/two-tier.yaml";

#[test]
fn list_shows_hosts_with_roles_addresses_and_groups() {
    assert_data_eq!(
        good(&["list", TWO_TIER, "--on", "web[01:02],web1?,@servers"]),
        str![[r#"
HOST   ROLE    ADDRESS     GROUPS
ntp-a  server  10.20.0.11  servers
ntp-b  server  10.20.0.12  servers
web01  client  10.20.1.1   clients
web02  client  10.20.1.2   clients
web10  client  10.20.1.10  clients
web11  client  10.20.1.11  clients
web12  client  10.20.1.12  clients
web13  client  10.20.1.13  clients
web14  client  10.20.1.14  clients
web15  client  10.20.1.15  clients
web16  client  10.20.1.16  clients
web17  client  10.20.1.17  clients
web18  client  10.20.1.18  clients
web19  client  10.20.1.19  clients

fleet plant-7: 14 of 23 hosts in 2 groups

"#]]
    );
}

#[test]
fn list_gives_names_to_a_pipe_and_everything_to_a_program() {
    assert_eq!(good(&["list", TWO_TIER, "--output", "names", "--on", "db*,@servers,!ntp-b"]), "ntp-a\ndb1\n");
    let list: serde_json::Value =
        serde_json::from_str(&good(&["list", TWO_TIER, "--output", "json", "--on", "db1"])).unwrap();
    let wanted = serde_json::json!({
        "version": 1,
        "fleet": "plant-7",
        "hosts": [{
            "name": "db1", "role": "client", "address": "10.20.2.1", "groups": ["clients"],
            "place": "inventories/two-tier.yaml:31:7"
        }],
        "groups": [{ "name": "clients", "hosts": ["db1"] }]
    });
    assert_eq!(list, wanted);
}

#[test]
fn a_selection_that_misses_says_so_in_every_command() {
    for command in ["apply", "plan", "audit", "render", "list"] {
        assert_eq!(
            mistake(&[command, TWO_TIER, "--on", "web01,@server"]),
            "error: --on: `@server` matches no group of the inventory; did you mean `@servers`?\n"
        );
    }
    assert_data_eq!(
        mistake(&["list", TWO_TIER, "--on", "a,,b"]),
        str![[r#"
error: invalid value 'a,,b' for '--on <SELECTION>': `a,,b` has an empty element: write host names, `web-*`, `@group`, and `!` before what is left out

For more information, try '--help'.

"#]]
    );
}

#[test]
fn explain_one_key() {
    assert_data_eq!(
        good(&["explain", TWO_TIER, "db1", "time.maxdistance"]),
        str![[r#"
db1 (inventories/two-tier.yaml:31:7), in clients

KEY               VALUE  FROM           PLACE
time.maxdistance  3      host           inventories/two-tier.yaml:31:76
  shadows         16     group clients  inventories/two-tier.yaml:25:20

"#]]
    );
    assert_data_eq!(
        good(&["explain", "-i", TWO_TIER, "ntp-a", "time.local"]),
        str![[r#"
ntp-a (inventories/two-tier.yaml:19:7), in servers

KEY         VALUE  FROM           PLACE
time.local  true   group servers  inventories/two-tier.yaml:13:7

"#]]
    );
}

#[test]
fn explain_for_a_program() {
    assert_data_eq!(
        good(&["explain", TWO_TIER, "db1", "time.maxdistance", "--output", "json"]),
        str![[r#"
{
  "version": 1,
  "host": "db1",
  "place": "inventories/two-tier.yaml:31:7",
  "groups": [
    "clients"
  ],
  "keys": [
    {
      "key": "time.maxdistance",
      "value": 3,
      "layer": "host",
      "place": "inventories/two-tier.yaml:31:76",
      "shadows": [
        {
          "value": 16,
          "layer": "group",
          "group": "clients",
          "place": "inventories/two-tier.yaml:25:20"
        }
      ]
    }
  ]
}

"#]]
    );
}

#[test]
fn explain_knows_what_was_meant() {
    assert_eq!(
        mistake(&["explain", TWO_TIER, "db2"]),
        "error: there is no host in the inventory called `db2`; did you mean `db1`?\n"
    );
    assert_eq!(
        mistake(&["explain", TWO_TIER, "db1", "time.maxdistnce"]),
        "error: there is no key `time.maxdistnce`; did you mean `time.maxdistance`?\n"
    );
    assert_eq!(
        mistake(&["explain", TWO_TIER]),
        "error: explain what? timefleet explain INVENTORY HOST [KEY], or with -i INVENTORY: HOST [KEY]\n"
    );
}

#[test]
fn who_is_left_out_is_not_touched_and_the_report_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let inventory = "fleet: absent
defaults: { ssh: { user: ops, port: 1, jump: none, identity: ./key, known_hosts: ./known_hosts } }
groups:
  servers: { role: server, time: { local: true, allow: [127/8] }, hosts: { ntp-a: { address: 127.0.0.1 } } }
  clients: { role: client, time: { upstreams: [{ group: servers }] }, hosts: { 'web[1:3]': { address: '127.0.0.[2:4]' } } }
";
    std::fs::write(directory.path().join("f.yaml"), inventory).unwrap();
    let output = timefleet(directory.path(), &["apply", "f.yaml", "--on", "web[1:2],@servers,!ntp-a"], b"");
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
HOST  ROLE    STATE        STRATUM  SOURCE  OFFSET  BOUND  REACH  CHANGED
web1  client  unreachable  -        -       -       -      -      -
web2  client  unreachable  -        -       -       -      -      -

web1: unreachable (connect): 127.0.0.2 port 1 refused the connection
  next: is sshd running there, and is `ssh: { port: … }` right?
web2: unreachable (connect): 127.0.0.3 port 1 refused the connection
  next: is sshd running there, and is `ssh: { port: … }` right?

2 hosts outside `--on web[1:2],@servers,!ntp-a` were not touched

2 hosts: 2 unreachable
done: 0 writes, 0 restarts, 0 connections, 0 channels

"#]]
    );
    assert!(!text(&output.stderr).contains("ntp-a"), "{}", text(&output.stderr));
    let output = timefleet(directory.path(), &["audit", "f.yaml", "--on", "web*", "--output", "json"], b"");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["subset"], serde_json::json!({ "on": "web*", "left_out": 1 }));
    assert_eq!(report["hosts"].as_array().unwrap().len(), 3);
}

#[test]
fn an_inventory_comes_from_files_directories_programs_and_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    std::fs::create_dir(directory.path().join("fleet.d")).unwrap();
    write("fleet.d/1.yaml", "fleet: x\ninclude: ../more/*.yaml\n");
    write(
        "fleet.d/2.yml",
        "groups: { s: { role: server, time: { local: true, allow: [10/8] }, hosts: { s1: { address: 10.0.0.1 } } } }\n",
    );
    std::fs::create_dir(directory.path().join("more")).unwrap();
    write("more/c.yaml", "defaults: { vars: { site: east } }\n");
    write(
        "cloud",
        "#!/bin/sh\necho '{\"groups\": {\"c\": {\"role\": \"client\", \"time\": {\"upstreams\": [{\"group\": \"s\"}]}, \"hosts\": {\"c1\": {\"address\": \"10.0.0.2\"}}}}}'\n",
    );
    std::fs::set_permissions(directory.path().join("cloud"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let input = b"groups: { c2: { role: client, time: { upstreams: [{ server: 'ntp.{{ site }}.example' }] }, hosts: { c3: { address: 10.0.0.3 } } } }\n";
    let output = timefleet(directory.path(), &["list", "fleet.d", "cloud", "-", "--output", "names"], input);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), "s1\nc1\nc3\n");

    write("cloud", "#!/bin/sh\necho 'login refused' >&2\nexit 1\n");
    let output = timefleet(directory.path(), &["list", "fleet.d", "cloud"], b"");
    assert_eq!(text(&output.stderr), "error: cloud ended with exit code 1: login refused\n");
    assert_eq!(output.status.code(), Some(2));

    std::fs::set_permissions(directory.path().join("cloud"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = timefleet(directory.path(), &["list", "fleet.d", "cloud"], b"");
    let wanted = "error: cloud is a script that may not be executed: chmod +x cloud\n";
    assert_eq!(text(&output.stderr), wanted);
    write("device.yaml", "fleet: x\ninclude: /dev/zero\n");
    let output = timefleet(directory.path(), &["validate", "device.yaml"], b"");
    let told = text(&output.stderr);
    assert!(told.starts_with("device.yaml:2:10: error: /dev/zero is no regular file\n"), "{told}");
}

#[test]
fn texts_that_mean_harm_end_2_within_a_second_with_a_place() {
    let laughs: String = (1..40)
        .map(|n| format!("    l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(", ")))
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("mark", b"\xef\xbb\xbf".to_vec()),
        ("range", b"fleet: x\ngroups: { g: { role: client, hosts: { 'h[1:1000000000]': } } }\n".to_vec()),
        ("nested", format!("fleet: {}{}\n", "[".repeat(200), "]".repeat(200)).into_bytes()),
        ("nested without end", "[".repeat(10_000_000).into_bytes()),
        ("laughs", format!("fleet: x\ndefaults:\n  vars:\n    l0: &l0 ha\n{laughs}").into_bytes()),
        ("loop", b"fleet: &a [*a]\n".to_vec()),
        ("twice", b"fleet: x\nfleet: x\n".to_vec()),
        ("tab", b"fleet: x\ngroups:\n\tg: {}\n".to_vec()),
        ("nul", b"fleet: x\0y\n".to_vec()),
        ("nuls", vec![0; 10_000_000]),
        ("latin1", b"fleet: caf\xe9\n".to_vec()),
        ("bytes", vec![0xff; 10_000_000]),
        ("one line", "a".repeat(10_000_000).into_bytes()),
        ("one key", [b"fleet: x\n".as_slice(), &"a".repeat(10_000_000).into_bytes(), b": 1\n"].concat()),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (name, input) in cases {
        let begun = Instant::now();
        let output = timefleet(directory.path(), &["validate", "-"], &input);
        // A debug build on a busy machine is allowed more than the second that is promised.
        let patience = if cfg!(debug_assertions) { 20 } else { 1 };
        assert!(begun.elapsed() < Duration::from_secs(patience), "{name}: {:?}", begun.elapsed());
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = text(&output.stderr);
        let place =
            said.strip_prefix("-:").unwrap_or_else(|| panic!("{name}: {}", said.get(..200).unwrap_or(&said)));
        assert!(place.starts_with(|first: char| first.is_ascii_digit()), "{name}: {place}");
        assert!(said.len() < 20_000, "{name}: {} bytes of complaint", said.len());
    }
}

#[test]
fn explain_names_the_layer_of_a_whole_list_and_steers_no_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let fleet = "fleet: \"f\\u202Eg\"\ngroups:\n  g:\n    role: server\n    vars: { nets: [10.0.0.0/8], word: \"a\\ec\\tb\" }\n    time: { allow: '{{ nets }}', local: true }\n    hosts: { h: }\n";
    std::fs::write(directory.path().join("f.yaml"), fleet).unwrap();
    let of = |key: &str| {
        let output = timefleet(directory.path(), &["explain", "f.yaml", "h", key, "--color", "always"], b"");
        assert_eq!(text(&output.stderr), "");
        text(&output.stdout).lines().nth(3).unwrap().to_owned()
    };
    assert_eq!(of("time.allow"), "time.allow  [10.0.0.0/8]  group g  f.yaml:6:20");
    assert_eq!(of("vars.word"), "vars.word  a\\u{1b}c\\tb  group g  f.yaml:5:39");
    let output = timefleet(directory.path(), &["list", "f.yaml", "--color", "always"], b"");
    assert!(text(&output.stdout).ends_with("\nfleet f\\u{202e}g: 1 host in 1 group\n"), "{output:?}");
}
