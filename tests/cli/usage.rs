//! The command line as a user meets it: help, mistakes, and a host that is not there.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

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
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
Makes real machines agree on the time: YAML inventories in, every clock synchronised over SSH

Usage: timefleet [OPTIONS] <COMMAND>

Commands:
  apply     Make every host keep the time as the inventory says, wait for the clocks, and report
  plan      Show what apply would change, with a diff for each host; changes nothing
  audit     Show what is: files, service and clock of every host against the inventory; changes
            nothing
  validate  Check inventories without touching a host
  graph     Show who gets the time from whom; touches no host
  schema    Print the JSON Schema of inventories, for editors
  render    Print the files that apply would write to each host
  import    Write an inventory from what another tool knows of a fleet
  list      List the hosts of an inventory with their roles, addresses and groups
  explain   Say where the values of a host come from, and what each of them shadows
  lab       Run the main job on a fleet on this machine: one isolated server, four clients, no root
  help      Print this message or the help of the given subcommand(s)

Options:
      --color <WHEN>
          When to use colours [NO_COLOR is honoured]

          Possible values:
          - auto:   On terminals, unless NO_COLOR is set
          - always: Always
          - never:  Never
          
          [default: auto]

  -v, --verbose...
          Say more on standard error (-vv: still more)

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Examples:
  timefleet lab                            a fleet on this machine, for a first look
  timefleet validate inventories/*.yaml    check inventories; touches no host
  timefleet graph plant.yaml               who gets the time from whom
  timefleet plan plant.yaml                what would change, a diff for each host
  timefleet apply plant.yaml               make it so, wait for the clocks, report
  timefleet audit plant.yaml --output json what is, for a program

Exit codes:
  0  all well
  1  some host failed or could not be reached, or its service does not run
  2  the input or the command line is wrong; nothing was touched
  3  changes are pending (plan) or drift was found (audit)
  4  every host answered, but some clock is out of bounds or not synchronised

"#]]
    );
}

#[test]
fn help_of_apply() {
    let output = timefleet(&["apply", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
Make every host keep the time as the inventory says, wait for the clocks, and report

Connects to every host over SSH (one connection and one channel each, servers before those who poll
them), pushes the agent where its exact bytes are not there yet, writes the configuration, starts or
restarts the service, waits until each clock is synchronised and within its bound, and prints the
fleet report. What is already as wished is left alone: a second apply changes nothing.

Usage: timefleet apply [OPTIONS] <INVENTORY>...

Arguments:
  <INVENTORY>...
          Inventory files and directories, read as one (`-`: standard input)

Options:
      --on <SELECTION>
          Only these hosts: names, 'web-*', @group, ! before what is left out, with commas between

      --output <OUTPUT>
          How to print the report on standard output

          Possible values:
          - table: For a person
          - json:  For a program; versioned
          
          [default: table]

      --forks <N>
          Hosts to talk to at the same time
          
          [default: 64]

      --timeout <TIME>
          How long a host may take to accept the connection
          
          [default: 10s]

      --agents <DIR>
          Directory with agents for other machines: `timefleet-agent-<uname -m>` and SHA256SUMS
          
          [env: TIMEFLEET_AGENTS=]

      --wait <TIME>
          How long to wait for each clock to be synchronised and within its bound: 90s, 2m
          
          [default: 60s]

      --color <WHEN>
          When to use colours [NO_COLOR is honoured]

          Possible values:
          - auto:   On terminals, unless NO_COLOR is set
          - always: Always
          - never:  Never
          
          [default: auto]

  -v, --verbose...
          Say more on standard error (-vv: still more)

  -h, --help
          Print help (see a summary with '-h')

Exit codes:
  0  all well
  1  some host failed or could not be reached, or its service does not run
  2  the input or the command line is wrong; nothing was touched
  3  changes are pending (plan) or drift was found (audit)
  4  every host answered, but some clock is out of bounds or not synchronised

"#]]
    );
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    assert_data_eq!(
        mistake(&["aply", "plant.yaml"]),
        str![[r#"
error: unrecognized subcommand 'aply'

  tip: a similar subcommand exists: 'apply'

Usage: timefleet [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]]
    );
}

#[test]
fn commands_need_an_inventory() {
    for command in ["apply", "plan", "audit", "validate", "graph", "render"] {
        let said = mistake(&[command]);
        assert!(said.contains("<INVENTORY>..."), "{said}");
    }
}

#[test]
fn no_forks_and_no_time_are_no_numbers() {
    assert_data_eq!(
        mistake(&["audit", "--forks", "0", "plant.yaml"]),
        str![[r#"
error: invalid value '0' for '--forks <N>': 0 is not in 1..=65535

For more information, try '--help'.

"#]]
    );
    assert_data_eq!(
        mistake(&["apply", "--wait", "soon", "plant.yaml"]),
        str![[r#"
error: invalid value 'soon' for '--wait <TIME>': expected number at 0

For more information, try '--help'.

"#]]
    );
}

#[test]
fn an_inventory_that_is_not_there_is_named() {
    assert_data_eq!(
        mistake(&["apply", "nowhere.yaml"]),
        str![[r#"
error: cannot read nowhere.yaml: No such file or directory (os error 2)

"#]]
    );
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
    assert_data_eq!(
        mistake(&["render", "inventories/lab.yaml", "--on", "cleint1"]),
        str![[r#"
error: --on: `cleint1` matches no host of the inventory; did you mean `client1`?

"#]]
    );
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
    assert_data_eq!(
        text(&output.stdout),
        str![[r#"
HOST   ROLE    STATE        STRATUM  SOURCE  OFFSET  BOUND  REACH  CHANGED
ntp-a  server  unreachable  -        -       -       -      -      -
web1   client  unreachable  -        -       -       -      -      -

ntp-a: unreachable (connect): 127.0.0.1 port 1 refused the connection
  next: is sshd running there, and is `ssh: { port: … }` right?
web1: unreachable (connect): 127.0.0.2 port 1 refused the connection
  next: is sshd running there, and is `ssh: { port: … }` right?

2 hosts: 2 unreachable
done: 0 writes, 0 restarts, 0 connections, 0 channels

"#]]
    );
    // Servers first; a later wave goes on although the one before failed.
    assert_data_eq!(
        text(&output.stderr),
        str![[r#"
ntp-a: connect
ntp-a: connect: 127.0.0.1 port 1 refused the connection
web1: connect
web1: connect: 127.0.0.2 port 1 refused the connection

"#]]
    );
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
