//! The agent: the only place with system calls.

use std::process::ExitCode;

mod host;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("host") => host::run(args.next().as_deref() == Some("--ephemeral")),
        _ => ExitCode::from(2),
    }
}
