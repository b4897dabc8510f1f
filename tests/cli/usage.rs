//! The command line as a user meets it: help, mistakes, and a host that is not there.

use std::path::Path;
use std::process::{Command, Output};

use snapbox::{assert_data_eq, str};

fn timefleet(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_timefleet"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env_remove("TIMEFLEET_AGENTS")
        .env_remove("TIMEFLEET_LOG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs to exit code 2; nothing is on standard output. What is said on standard error.
fn mistake(arguments: &[&str]) -> String {
    let output = timefleet(arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    text(&output.stderr)
}

#[test]
fn help_says_what_there_is_with_examples_and_exit_codes() {
    let output = timefleet(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert_data_eq!(text(&output.stdout), str![[]]);
}

#[test]
fn help_of_apply() {
    let output = timefleet(&["apply", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert_data_eq!(text(&output.stdout), str![[]]);
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    assert_data_eq!(mistake(&["aply", "plant.yaml"]), str![[]]);
}

#[test]
fn commands_need_an_inventory() {
    for command in ["apply", "plan", "audit", "validate", "render"] {
        let said = mistake(&[command]);
        assert!(said.contains("<INVENTORY>..."), "{said}");
    }
}

#[test]
fn no_forks_and_no_time_are_no_numbers() {
    assert_data_eq!(mistake(&["audit", "--forks", "0", "plant.yaml"]), str![[]]);
    assert_data_eq!(mistake(&["apply", "--wait", "soon", "plant.yaml"]), str![[]]);
}

#[test]
fn an_inventory_that_is_not_there_is_named() {
    assert_data_eq!(mistake(&["apply", "nowhere.yaml"]), str![[]]);
}

#[test]
fn render_prints_the_files_of_a_host() {
    let output = timefleet(&["render", "inventories/lab.yaml", "--on", "client1"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let files = text(&output.stdout);
    assert!(files.starts_with("# client1: ~/timefleet/agent.conf\n"), "{files}");
    assert!(files.contains("\nport 0\n"), "{files}");
    assert_eq!(files.lines().filter(|line| line.starts_with("server ")).count(), 1, "{files}");
}

#[test]
fn render_knows_the_host_that_was_meant() {
    assert_data_eq!(mistake(&["render", "inventories/lab.yaml", "--on", "cleint1"]), str![[]]);
}

/// Nobody listens on port 1 of the loopback interface.
fn absent_fleet(directory: &Path) -> String {
    let path = directory.join("absent.yaml");
    let inventory = format!(
        "fleet: absent
defaults: {{ ssh: {{ user: ops, port: 1, jump: none, identity: {0}/key, known_hosts: {0}/known_hosts }} }}
groups:
  servers:
    role: server
    time: {{ local: {{ stratum: 10 }}, allow: [127.0.0.0/8] }}
    hosts: {{ ntp-a: {{ address: 127.0.0.1 }} }}
  clients:
    role: client
    time: {{ upstreams: [{{ group: servers }}] }}
    hosts: {{ web1: {{ address: 127.0.0.2 }} }}
",
        directory.display()
    );
    std::fs::write(&path, inventory).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn hosts_that_are_not_there_each_get_a_line_and_the_run_ends_1() {
    let directory = tempfile::tempdir().unwrap();
    let output = timefleet(&["apply", &absent_fleet(directory.path())]);
    assert_data_eq!(text(&output.stdout), str![[]]);
    // Servers first; a later wave goes on although the one before failed.
    assert_data_eq!(text(&output.stderr), str![[]]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_same_for_a_program() {
    let directory = tempfile::tempdir().unwrap();
    let output = timefleet(&["audit", "--output", "json", &absent_fleet(directory.path())]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["fleet"], "absent");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["summary"]["unreachable"], 2);
    assert_eq!(report["hosts"][1]["name"], "web1");
    assert_eq!(report["hosts"][1]["ending"]["result"], "unreachable");
    assert_eq!(report["hosts"][1]["ending"]["step"], "connect");
    assert_eq!(report["hosts"][1]["state"], "unknown");
}

#[test]
fn a_pipe_gets_no_colour_unless_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let fleet = absent_fleet(directory.path());
    assert!(!text(&timefleet(&["audit", &fleet]).stdout).contains('\u{1b}'));
    assert!(text(&timefleet(&["audit", "--color", "always", &fleet]).stdout).contains('\u{1b}'));
}
