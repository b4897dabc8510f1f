//! The agent: the only place with system calls.

mod account;
mod args;
mod arrivals;
mod built;
mod clock;
mod command_socket;
mod config_file;
mod crew;
mod daemon;
mod datagram;
mod departures;
mod drift_file;
mod dump_files;
mod exchange;
mod file_system;
mod files;
mod help;
mod host;
mod kernel_clock;
mod key_file;
mod leap_file;
mod listener;
mod log;
mod log_files;
mod lookup;
mod paths;
mod pid_file;
mod places;
mod privileges;
mod resolver;
mod running;
mod server;
mod signals;
mod socket;
mod source_files;
mod start;
mod syscall_filter;

use std::io::Write;
use std::process::ExitCode;

use args::Command;

/// The input or the command line is wrong.
const WRONG_INPUT: u8 = 2;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(help::HELP),
        Ok(Command::Version) => print(concat!("timefleet-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Host { ephemeral }) => host::run(ephemeral),
        Ok(Command::Resolve { name, family }) => lookup::run(&name, family),
        Ok(Command::Daemon(options)) => start::run(options),
        Err(wrong) => {
            complain(&format!("timefleet-agent: {wrong}; see timefleet-agent --help"));
            ExitCode::from(WRONG_INPUT)
        }
    }
}

/// To standard output; a reader that has gone away is a failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// To standard error, for a person. Where nobody can be told, the exit code still says it.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
