//! timefleet: what should be true of a fleet's clocks, and making it so over SSH.

mod agents;
mod cli;
mod command;
mod conversation;
mod curtain;
mod doctor;
mod findings;
mod graph;
mod import;
mod inventory;
mod lab;
mod lint;
mod progress;
mod render;
mod report;
mod rollout;
mod ssh;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, ColorWhen, Command};

/// For the longest template that is read, all of it one chain (`1+1+1…`), in a debug build. Pages that are not touched
/// cost nothing.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A shell's limits may forbid so much: then it is the stack that there is.
    std::thread::scope(|scope| {
        match std::thread::Builder::new()
            .name("main".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || run(&cli))
        {
            // What a panic has to say, it has said.
            Ok(run) => run.join().unwrap_or(ExitCode::FAILURE),
            Err(_) => run(&cli),
        }
    })
}

fn run(cli: &Cli) -> ExitCode {
    match cli.color {
        // anstream looks at the stream and at NO_COLOR.
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    progress::install(cli.verbose);
    let ended = match &cli.command {
        Command::Apply(args) => command::fleet::apply(args),
        Command::Plan(args) => command::fleet::plan(args),
        Command::Audit(args) => command::fleet::audit(args),
        Command::Validate(args) => command::validate::run(args),
        Command::Graph(args) => command::graph::run(args),
        Command::Schema => command::schema::run(),
        Command::Render(args) => command::render::run(args),
        Command::Import(from) => command::import::run(from),
        Command::List(args) => command::list::run(args),
        Command::Explain(args) => command::explain::run(args),
        Command::Lab(args) => command::lab::run(args),
    };
    ExitCode::from(ended.unwrap_or_else(|error| {
        command::complain(&error);
        error.exit_code()
    }))
}
