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
  timefleet graph plant.yaml               who gets the time from whom
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
    /// Prints every problem as `file:line:column` with the line itself and what to do about it, all of all files in the
    /// order of the files; or as one document for programs, see docs/findings.md.
    #[command(
        after_help = "Exit codes:\n  0  no errors (there may be warnings)\n  2  errors (denied warnings are errors), or a file cannot be read"
    )]
    Validate(ValidateArgs),

    /// Show who gets the time from whom; touches no host
    ///
    /// Draws sources outside at the top and below them whoever follows them, with the options of each upstream. Hosts of
    /// a group that are alike are one node. What leads nowhere is marked, so an inventory with findings can be drawn, too.
    #[command(
        after_help = "Exit codes:\n  0  drawn\n  2  the inventory cannot be read, or the command line is wrong"
    )]
    Graph(GraphArgs),

    /// Print the JSON Schema of inventories, for editors
    #[command(after_help = "Exit codes:\n  0  all well")]
    Schema,

    /// Print the files that apply would write to each host
    ///
    /// What a template makes, your own as well, is read back as the host would read it and every value is held
    /// against the inventory.
    #[command(
        after_help = "Exit codes:\n  0  all well\n  1  a file could not be written\n  2  the input or the command line is wrong"
    )]
    Render(RenderArgs),

    /// Write an inventory from what another tool knows of a fleet
    ///
    /// What an inventory cannot say is kept as a comment beside its host or group, and named on standard error.
    #[command(subcommand)]
    Import(ImportFrom),
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
    ///
    /// A file that another one of them includes is checked as a part of that one only.
    #[arg(value_name = "INVENTORY", required_unless_present = "explain")]
    pub(crate) inventories: Vec<PathBuf>,

    /// Tell only what concerns these hosts: names, 'web-*', @group, ! before what is left out, with commas between
    ///
    /// The whole inventory is checked, since whom a host follows matters to it. With several inventories the selection
    /// is held against each of them, or with --together against all as one.
    #[arg(long, value_name = "SELECTION")]
    pub(crate) on: Option<Selection>,

    /// Check the files as one inventory, as the other commands read them
    #[arg(long)]
    pub(crate) together: bool,

    /// How to print what was found: for people on standard error, everything else on standard output
    #[arg(long, visible_alias = "format", value_enum, default_value_t = FindingsOutput::Human)]
    pub(crate) output: FindingsOutput,

    /// Findings of this rule are errors, also of one that is off; `warnings`: all warnings are
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) deny: Vec<String>,

    /// Hold it against a compliance profile: cis, finra-4590, pci-dss-4, rts-25, stig-rhel9, or a file of your own
    #[arg(long, value_name = "NAME|FILE", value_delimiter = ',')]
    pub(crate) profile: Vec<String>,

    /// Say what a rule finds, why, and what to do; `profile:NAME`: what a profile asks for; `all`: list the rules
    #[arg(long, value_name = "RULE", conflicts_with_all = ["inventories", "on", "together", "deny", "profile"])]
    pub(crate) explain: Option<String>,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsOutput {
    /// For a person: a caret under the very characters
    Human,
    /// For a program; versioned
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's Code Quality report
    Gitlab,
    /// SARIF 2.1.0, for code scanning; what is allowed is suppressed
    Sarif,
    /// JUnit XML: errors are failed tests, warnings skipped ones, what is allowed passes
    Junit,
}

/// What graph can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct GraphArgs {
    /// Inventory files and directories, read as one (`-`: standard input)
    #[arg(value_name = "INVENTORY", required = true)]
    pub(crate) inventories: Vec<PathBuf>,

    /// Only these hosts and everything their time comes from: names, 'web-*', @group, ! before what is left out
    #[arg(long, value_name = "SELECTION")]
    pub(crate) on: Option<Selection>,

    /// How to draw it on standard output
    #[arg(long, visible_alias = "format", value_enum, default_value_t = GraphOutput::Text)]
    pub(crate) output: GraphOutput,
}

/// How to draw a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphOutput {
    /// A tree for the terminal
    Text,
    /// A Mermaid flowchart, for Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture in one file
    Svg,
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

    /// Write the files below this directory, as DIR/HOST/etc/timefleet/agent.conf, instead of printing them
    ///
    /// Files that are as they should be are left alone. Directories of hosts that the inventory does not have (any
    /// more) are reported and left there, too.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,

    /// Your own template of the configuration for all hosts, instead of `time.template` of the inventory
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
}

/// Where an inventory can come from.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// From the JSON of `ansible-inventory --list`, with the variables of linux-system-roles.timesync
    #[command(after_help = IMPORT_ANSIBLE)]
    Ansible(ImportAnsibleArgs),

    /// From chrony.conf files, one for each host
    ///
    /// A host is named by its file: `web1.conf` and `web1/etc/chrony/chrony.conf` are of web1, `/etc/chrony.conf` is
    /// of localhost.
    #[command(after_help = IMPORT_CHRONY_CONF)]
    ChronyConf(ImportChronyConfArgs),
}

macro_rules! import_exit_codes {
    () => {
        "\
Exit codes:
  0  the inventory is written and valid
  1  the inventory could not be written
  2  the input or the command line is wrong, or what was written needs a hand"
    };
}

const IMPORT_ANSIBLE: &str = concat!(
    "\
Examples:
  ansible-inventory -i hosts.ini --list | timefleet import ansible - -o fleet.yaml
  timefleet import ansible hosts.json --fleet plant-7 --pool ntp.example

",
    import_exit_codes!()
);

const IMPORT_CHRONY_CONF: &str = concat!(
    "\
Examples:
  timefleet import chrony-conf --host web1=10.0.0.5 /etc/chrony.conf
  timefleet import chrony-conf hosts/*/etc/chrony.conf -o fleet.yaml

",
    import_exit_codes!()
);

/// What import ansible can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportAnsibleArgs {
    /// The JSON (`-`: standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// How to write it.
    #[command(flatten)]
    pub(crate) common: ImportArgs,
}

/// What import chrony-conf can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportChronyConfArgs {
    /// The files (`-`: standard input)
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Name of a file's host, and its address; once for each file, in their order
    #[arg(long = "host", value_name = "NAME[=ADDRESS]")]
    pub(crate) hosts: Vec<String>,

    /// How to write it.
    #[command(flatten)]
    pub(crate) common: ImportArgs,
}

/// What both can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportArgs {
    /// Name of the fleet
    #[arg(long, value_name = "NAME", default_value = "imported")]
    pub(crate) fleet: String,

    /// A pool for hosts that name no source of time
    #[arg(long, value_name = "NAME", default_value = "pool.ntp.org")]
    pub(crate) pool: String,

    /// Where to write the inventory instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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
