//! The bench's command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::simulation::{Kind, Program};

/// Printed for `--help`.
pub(crate) const HELP: &str = "\
Runs the agent and chronyd on the same simulated clocks and links and prints both figures.

Usage: cargo bench -p timefleet-agent --bench preload -- [OPTIONS] [SCENARIO]...

Without SCENARIO: the nine whose figures of chronyd are known. A name may be a part of one.

Options:
  --agent PATH         another agent binary than the one that cargo built
  --agent-option ARG   hand this to the agent as well; may be repeated
  --chronyd PATH       default: /usr/sbin/chronyd
  --servers KIND       who serves: 'chronyd' (default), 'agent', or 'same' as the client
  --only KIND          run only 'agent' or only 'chronyd' as the client
  --seeds N            seeds 1 to N (default: 20)
  --seed N             only this seed
  --jobs N             runs at a time (default: 2)
  --more               the further scenarios too
  --list               print the names of all scenarios
  --each               print the figures of each run as well
  --keep DIR           leave configurations, logs and the client's errors of each second there
";

/// What is to be done.
pub(crate) struct Args {
    pub(crate) agent: Program,
    pub(crate) chronyd: Program,
    pub(crate) servers: Option<Kind>,
    pub(crate) clients: Vec<Kind>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) jobs: usize,
    pub(crate) more: bool,
    pub(crate) list: bool,
    pub(crate) each: bool,
    pub(crate) keep: Option<PathBuf>,
    pub(crate) names: Vec<String>,
}

/// The command line is not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgsError {
    #[error("{HELP}")]
    Help,
    #[error("there is no option '{0}'; see --help")]
    Unknown(String),
    #[error("'{0}' needs a value after it")]
    NoValue(String),
    #[error("'{value}' cannot be the value of '{option}'")]
    WrongValue { option: String, value: String },
}

/// Reads it. cargo itself adds `--bench`.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Args, ArgsError> {
    let program = |kind, path: &str| Program { kind, path: PathBuf::from(path), options: Vec::new() };
    let mut args = Args {
        agent: program(Kind::Agent, env!("CARGO_BIN_EXE_timefleet-agent")),
        chronyd: program(Kind::Chronyd, "/usr/sbin/chronyd"),
        servers: Some(Kind::Chronyd),
        clients: vec![Kind::Agent, Kind::Chronyd],
        seeds: (1..=20).collect(),
        jobs: 2,
        more: false,
        list: false,
        each: false,
        keep: None,
        names: Vec::new(),
    };
    let mut words = words.filter(|word| word != "--bench");
    while let Some(option) = words.next() {
        match option.as_str() {
            "--help" | "-h" => return Err(ArgsError::Help),
            "--more" => args.more = true,
            "--list" => args.list = true,
            "--each" => args.each = true,
            name if !name.starts_with('-') => args.names.push(option),
            _ => {
                let value = words.next().ok_or_else(|| ArgsError::NoValue(option.clone()))?;
                args.set(option, value)?;
            }
        }
    }
    Ok(args)
}

impl Args {
    fn set(&mut self, option: String, value: String) -> Result<(), ArgsError> {
        let number = value.parse::<u64>().ok().filter(|number| *number > 0);
        match (option.as_str(), value.as_str(), number) {
            ("--agent", ..) => self.agent.path = PathBuf::from(value),
            ("--agent-option", ..) => self.agent.options.push(OsString::from(value)),
            ("--chronyd", ..) => self.chronyd.path = PathBuf::from(value),
            ("--keep", ..) => self.keep = Some(PathBuf::from(value)),
            ("--servers", "chronyd", _) => self.servers = Some(Kind::Chronyd),
            ("--servers", "agent", _) => self.servers = Some(Kind::Agent),
            ("--servers", "same", _) => self.servers = None,
            ("--only", "agent", _) => self.clients = vec![Kind::Agent],
            ("--only", "chronyd", _) => self.clients = vec![Kind::Chronyd],
            ("--seeds", _, Some(number)) => self.seeds = (1..=number).collect(),
            ("--seed", _, Some(number)) => self.seeds = vec![number],
            ("--jobs", _, Some(number)) => self.jobs = number as usize,
            ("--servers" | "--only" | "--seeds" | "--seed" | "--jobs", ..) => {
                return Err(ArgsError::WrongValue { option, value });
            }
            _ => return Err(ArgsError::Unknown(option)),
        }
        Ok(())
    }

    /// The program of this kind.
    pub(crate) fn program(&self, kind: Kind) -> &Program {
        match kind {
            Kind::Agent => &self.agent,
            Kind::Chronyd => &self.chronyd,
        }
    }
}
