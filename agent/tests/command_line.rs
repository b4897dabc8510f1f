//! The agent as a person meets it: arguments, complaints, exit codes.

#![expect(clippy::expect_used, reason = "a helper of tests is not recognised as one")]

use std::process::{Command, Output};

fn agent(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_timefleet-agent")).args(args).output().expect("the agent starts")
}

/// Exit code, standard output, standard error.
fn said(args: &[&str]) -> (Option<i32>, String, String) {
    let output = agent(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn version_and_help_go_to_standard_output() {
    let version = format!("timefleet-agent {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(said(&["--version"]), (Some(0), version, String::new()));
    let (code, out, err) = said(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("timefleet-agent keeps this machine's clock right"), "{out}");
    for flag in [
        "-f FILE",
        "-4",
        "-6",
        "-x",
        "-q",
        "-Q",
        "-t SECONDS",
        "-p",
        "-R",
        "-r",
        "-s",
        "-l FILE",
        "-L LEVEL",
        "-d",
        "-n",
        "-u USER",
        "-U",
        "-m",
        "-P PRIORITY",
        "-F LEVEL",
        "--run-dir DIR",
        "-v, --version",
        "-h, --help",
    ] {
        assert!(out.lines().any(|line| line.trim_start().starts_with(flag)), "{flag} is not explained");
    }
    assert!(out.lines().all(|line| line.len() <= 100), "a line is too long for a terminal");
    assert_eq!(said(&["-h"]).1, out);
}

#[test]
fn a_wrong_command_line_ends_2() {
    assert_eq!(
        said(&["-z"]),
        (
            Some(2),
            String::new(),
            "timefleet-agent: unknown option '-z'; see timefleet-agent --help\n".to_owned()
        )
    );
    assert_eq!(
        said(&["-4", "-6"]).2,
        "timefleet-agent: -4 and -6 exclude each other; leave both out to use both families; see timefleet-agent \
         --help\n"
    );
    assert_eq!(said(&["-t"]).0, Some(2));
}

#[test]
fn a_missing_file_ends_2_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.conf");
    let file = file.to_str().unwrap();
    assert_eq!(
        said(&["-x", "-f", file]),
        (
            Some(2),
            String::new(),
            format!(
                "cannot read the configuration {file}: No such file or directory (os error 2); name another file with -f\n"
            )
        )
    );
}

#[test]
fn every_wrong_line_of_a_file_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.conf");
    std::fs::write(&file, "sever 10.0.0.1\nport 0\nmaxdistance -3\nrefclock SHM 0\n").unwrap();
    let file = file.to_str().unwrap();
    let expected = format!(
        "{file}:1:1: unknown directive 'sever'; did you mean 'server'?\n\
         {file}:3:13: maxdistance must be a number from 0.000001 to 1000000 seconds, not '-3'\n\
         {file}:4:1: directive 'refclock' is not supported by the agent: it has no drivers for hardware clocks; get \
         their time over NTP\n"
    );
    assert_eq!(said(&["-x", "-f", file]), (Some(2), String::new(), expected));
}

#[test]
fn the_configuration_is_printed_with_all_that_it_includes() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    std::fs::create_dir(directory.path().join("d")).unwrap();
    std::fs::write(directory.path().join("d/b.conf"), "# more\nserver  10.0.0.2\n").unwrap();
    std::fs::write(directory.path().join("d/a.conf"), "server 10.0.0.1 iburst\n").unwrap();
    let file = format!("{place}/agent.conf");
    std::fs::write(&file, format!("port 0\n\ninclude {place}/d/*.conf\nsourcedir {place}/none\n")).unwrap();
    let printed = format!("port 0\nserver 10.0.0.1 iburst\nserver 10.0.0.2\nsourcedir {place}/none\n");
    assert_eq!(said(&["-p", "-f", &file]), (Some(0), printed, String::new()));

    std::fs::write(directory.path().join("d/b.conf"), "sever a\n").unwrap();
    let wrong = format!(
        "{place}/d/b.conf:1:1: unknown directive 'sever'; did you mean 'server'? (included at {file}:3)\n"
    );
    assert_eq!(said(&["-p", "-f", &file]), (Some(2), String::new(), wrong.clone()));
    assert_eq!(said(&["-x", "-f", &file]), (Some(2), String::new(), wrong));
}

#[test]
fn directives_on_the_command_line_have_a_place_too() {
    assert_eq!(
        said(&["-x", "-q", "port 0", "server 10.0.0.1 ibrust"]),
        (
            Some(2),
            String::new(),
            "command line:2:17: unknown option 'ibrust'; did you mean 'iburst'?\n".to_owned()
        )
    );
}

#[test]
fn a_home_that_is_not_set_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_timefleet-agent"))
        .args(["-x", "-f", "~/agent.conf"])
        .env_remove("HOME")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "~/agent.conf begins with ~/ but $HOME is not set; set it or write an absolute path\n"
    );
}

#[test]
fn a_name_is_looked_up_in_a_process_of_its_own() {
    assert_eq!(said(&["resolve", "localhost", "4"]), (Some(0), "127.0.0.1\n".to_owned(), String::new()));
    assert_eq!(said(&["resolve", "192.0.2.7"]).1, "192.0.2.7\n");
    let (code, out, _) = said(&["resolve", "no-such-host.invalid"]);
    assert_eq!(code, Some(1));
    assert!(out.ends_with('\n') && out.trim().len() > 5, "{out:?}");
    assert_eq!(said(&["resolve", "::1", "4"]).0, Some(1));
}

#[test]
fn one_shot_without_anybody_to_ask_ends_2_at_once() {
    let (code, _, err) = said(&["-x", "-q", "allow 10.20"]);
    assert_eq!((code, err.as_str()), (Some(2), "command line: -q needs a 'server' or a 'pool' to ask\n"));
}
