//! Debian's chronyc against the agent and, where this test is root, against Debian's chronyd side by side: every command
//! of chronyc(1), over the Unix socket and over UDP. Both daemons get the same configuration, the same questions in the
//! same order, and have to answer in the same form and with the same exit code. None touches the clock (`-x`).

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are not recognised as ones"
)]

#[path = "chronyc/commands.rs"]
mod commands;
#[path = "chronyc/daemon.rs"]
mod daemon;
#[path = "chronyc/form.rs"]
mod form;

use commands::{COMMANDS, Command, DIFFERENCES, Over};
use daemon::{Daemon, Kind, Site, is_there, wait_for};

/// What one daemon said to one command, over both sockets.
#[derive(Debug)]
struct Said {
    over: Over,
    command: &'static Command,
    form: String,
    exit: i32,
    as_it_was: String,
}

#[test]
fn every_command_of_chronyc_gives_the_form_and_the_exit_code_that_chronyd_gives() {
    if !is_there("chronyc") {
        println!("left out: no chronyc");
        return;
    }
    let site = Site::new();
    let mut agent = Daemon::start(&site, Kind::Agent);
    let ours = interview(&site, &mut agent);
    for said in &ours {
        let expected = said.command.exit(said.over);
        assert_eq!(said.exit, expected, "{} over {:?}: {}", said.command.words, said.over, said.as_it_was);
    }
    if !is_there("chronyd") || !nix::unistd::geteuid().is_root() {
        println!("left out: no chronyd beside it (it needs to be installed, and root)");
        return;
    }
    let mut chronyd = Daemon::start(&site, Kind::Chronyd);
    compare(&ours, &interview(&site, &mut chronyd));
}

/// Asks everything, over both sockets; the last command ends the daemon.
fn interview(site: &Site, daemon: &mut Daemon) -> Vec<Said> {
    site.ask_for_time(daemon);
    daemon.wait_until_synchronised();
    let mut said = Vec::new();
    for command in COMMANDS {
        for over in [Over::Udp, Over::Unix] {
            for wanted in command.until {
                let wanted = if daemon.kind() == Kind::Agent { said_by_agent(wanted) } else { wanted };
                let what = format!("'{wanted}' in the answer to {}", command.words);
                wait_for(&what, || {
                    let answer = daemon.chronyc(over, command.words);
                    (answer.exit != 0 || form::of(&answer.printed, site).contains(wanted)).then_some(())
                });
            }
            let answer = daemon.chronyc(over, command.words);
            let form = form::of(&answer.printed, site);
            said.push(Said { over, command, form, exit: answer.exit, as_it_was: answer.printed });
        }
    }
    assert!(daemon.wait().success(), "after shutdown: {}", daemon.log());
    said
}

/// What the agent says where chronyd says this.
fn said_by_agent(chronyd: &'static str) -> &'static str {
    DIFFERENCES.iter().find(|known| known.chronyd == chronyd).map_or(chronyd, |known| known.agent)
}

/// Every difference is one that is known, and every known one is still there.
fn compare(ours: &[Said], theirs: &[Said]) {
    let mut complaints = Vec::new();
    let mut seen = vec![false; DIFFERENCES.len()];
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (over, words) = (ours.over, ours.command.words);
        assert_eq!((over, words), (theirs.over, theirs.command.words));
        let (mut expected, mut exit) = (theirs.form.clone(), theirs.exit);
        for (known, seen) in
            DIFFERENCES.iter().zip(&mut seen).filter(|(known, _)| words.contains(known.command))
        {
            if expected.contains(known.chronyd) {
                *seen = true;
                expected = expected.replace(known.chronyd, known.agent);
                exit = if known.agent.starts_with('5') { 1 } else { exit };
            }
        }
        if (&ours.form, ours.exit) != (&expected, exit) {
            complaints.push(format!(
                "{words} over {over:?}\n--- the agent, exit code {}\n{}--- chronyd, exit code {}\n{}",
                ours.exit, ours.as_it_was, theirs.exit, theirs.as_it_was
            ));
        }
    }
    for (known, _) in DIFFERENCES.iter().zip(seen).filter(|(_, seen)| !seen) {
        complaints.push(format!("{} does not differ any more: {}", known.command, known.why));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    println!("{} answers, {} known differences", ours.len(), DIFFERENCES.len());
}
