//! What can be typed: clap types only.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::inventory::selection::Selection;

macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  all well
  1  some host failed or could not be reached, or its service does not run
  2  the input or the command line is wrong; nothing was touched
  3  changes are pending (plan) or drift was found (audit)
  4  every host answered, but some clock is out of bounds or not synchronised"
    };
}

const EXIT_CODES: &str = exit_codes!();

const EXAMPLES: &str = concat!(
    "\
Examples:
  timefleet lab                            a fleet on this machine, for a first look
  timefleet validate inventories/*.yaml    check inventories; touches no host
  timefleet plan plant.yaml                what would change, a diff for each host
  timefleet apply plant.yaml               make it so, wait for the clocks, report
  timefleet audit plant.yaml --output json what is, for a program

",
    exit_codes!()
);

/// Makes real machines agree on the time: YAML inventories in, every clock synchronised over SSH.
#[derive(Debug, Parser)]
#[command(name = "timefleet", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colours [NO_COLOR is honoured]
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,

    /// Say more on standard error (-vv: still more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On terminals, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make every host keep the time as the inventory says, wait for the clocks, and report
    ///
    /// Connects to every host over SSH (one connection and one channel each, servers before those who poll them),
    /// pushes the agent where its exact bytes are not there yet, writes the configuration, starts or restarts the
    /// service, waits until each clock is synchronised and within its bound, and prints the fleet report. What is
    /// already as wished is left alone: a second apply changes nothing.
    #[command(after_help = EXIT_CODES)]
    Apply(ApplyArgs),

    /// Show what apply would change, with a diff for each host; changes nothing
    #[command(after_help = EXIT_CODES)]
    Plan(FleetArgs),

    /// Show what is: files, service and clock of every host against the inventory; changes nothing
    #[command(after_help = EXIT_CODES)]
    Audit(FleetArgs),

    /// Check inventories without touching a host
    ///
    /// Prints every problem as `file:line:column` with the line itself and what to do about it.
    #[command(
        after_help = "Exit codes:\n  0  no errors (there may be warnings)\n  2  errors, or a file cannot be read"
    )]
    Validate(ValidateArgs),

    /// Print the files that apply would write to each host
    #[command(after_help = "Exit codes:\n  0  all well\n  2  the input or the command line is wrong")]
    Render(RenderArgs),

    /// List the hosts of an inventory with their roles, addresses and groups
    #[command(after_help = "Exit codes:\n  0  all well\n  2  the input or the command line is wrong")]
    List(ListArgs),

    /// Say where the values of a host come from, and what each of them shadows
    ///
    /// For every key: the value that counts, the layer and the `file:line:column` that give it, and below it the
    /// values of outer layers that it takes the place of.
    #[command(after_help = "Exit codes:\n  0  all well\n  2  the input or the command line is wrong")]
    Explain(ExplainArgs),

    /// Run the main job on a fleet on this machine: one isolated server, four clients, no root
    ///
    /// Starts an SSH server for each of five hosts on loopback addresses, applies `inventories/lab.yaml` to them as
    /// to any fleet, prints the report and cleans up. The clock of this machine is left alone.
    #[command(after_help = EXIT_CODES)]
    Lab(LabArgs),
}

/// What apply can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ApplyArgs {
    /// Which hosts and how.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,

    /// How long to wait for each clock to be synchronised and within its bound: 90s, 2m
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) wait: humantime::Duration,
}

/// What every command that talks to hosts can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct FleetArgs {
    /// Inventory files and directories, read as one (`-`: standard input)
    #[arg(value_name = "INVENTORY", required = true)]
    pub(crate) inventories: Vec<PathBuf>,

    /// Only these hosts: names, 'web-*', @group, ! before what is left out, with commas between
    #[arg(long, value_name = "SELECTION")]
    pub(crate) on: Option<Selection>,

    /// How to print the report on standard output
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,

    /// Hosts to talk to at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) forks: u16,

    /// How long a host may take to accept the connection
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) timeout: humantime::Duration,

    /// Directory with agents for other machines: `timefleet-agent-<uname -m>` and SHA256SUMS
    #[arg(long, value_name = "DIR", env = crate::agents::VARIABLE)]
    pub(crate) agents: Option<PathBuf>,
}

/// How to print the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For a person
    Table,
    /// For a program; versioned
    Json,
}

/// What validate can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Inventory files and directories, each checked on its own (`-`: standard input)
    #[arg(value_name = "INVENTORY", required = true)]
    pub(crate) inventories: Vec<PathBuf>,

    /// Check the files as one inventory, as the other commands read them
    #[arg(long)]
    pub(crate) together: bool,
}

/// What render can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct RenderArgs {
    /// Inventory files and directories, read as one (`-`: standard input)
    #[arg(value_name = "INVENTORY", required = true)]
    pub(crate) inventories: Vec<PathBuf>,

    /// Only these hosts: names, 'web-*', @group, ! before what is left out, with commas between
    #[arg(long, value_name = "SELECTION")]
    pub(crate) on: Option<Selection>,
}

/// What list can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// Inventory files and directories, read as one (`-`: standard input)
    #[arg(value_name = "INVENTORY", required = true)]
    pub(crate) inventories: Vec<PathBuf>,

    /// Only these hosts: names, 'web-*', @group, ! before what is left out, with commas between
    #[arg(long, value_name = "SELECTION")]
    pub(crate) on: Option<Selection>,

    /// How to print the hosts on standard output
    #[arg(long, value_enum, default_value_t = ListOutput::Table)]
    pub(crate) output: ListOutput,
}

/// What explain can be told.
#[derive(Clone, Debug, Args)]
#[command(override_usage = "timefleet explain [OPTIONS] <INVENTORY> <HOST> [KEY]
       timefleet explain [OPTIONS] -i <INVENTORY>... <HOST> [KEY]")]
pub(crate) struct ExplainArgs {
    /// An inventory, a host of it, and a key such as time.maxdistance or only time (all keys, unless given)
    #[arg(value_name = "INVENTORY HOST KEY", required = true, num_args = 1..=3)]
    pub(crate) words: Vec<String>,

    /// Inventory files and directories, read as one; then only the host and the key are given without an option
    #[arg(short, long = "inventory", value_name = "INVENTORY")]
    pub(crate) inventories: Vec<PathBuf>,

    /// How to print it on standard output
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// How to print hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// For a person
    Table,
    /// For a program; versioned
    Json,
    /// One name a line, for a pipe
    Names,
}

/// What lab can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct LabArgs {
    /// Leave the fleet running for plan, apply, audit and chronyc, and print how to use and stop it
    #[arg(long)]
    pub(crate) keep: bool,

    /// How to print the report on standard output
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}
