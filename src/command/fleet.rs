//! `apply`, `plan` and `audit`: one conversation with every host, stopped at different points.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use timefleet_agent::host::desired::Desired;
use timefleet_agent::host::message::{Event, Mode, Outcome, PROTOCOL, Request};
use timefleet_agent::report::Tracking;
use timefleet_agent::time::Seconds;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::CommandError;
use crate::agents::Agents;
use crate::cli::{ApplyArgs, FleetArgs, Output};
use crate::conversation::{self, Conversation, ConversationError, Progress};
use crate::curtain::Curtain;
use crate::inventory::Inventory;
use crate::inventory::host::Host;
use crate::inventory::selection::Selection;
use crate::progress::{Board, Line};
use crate::report::{self, Command, FleetReport, Subset};
use crate::rollout::{self, Broken, Limits, Stop};
use crate::ssh::{SshError, Target};

/// What a conversation may take beside connecting and waiting for the clock: login, upload over a slow line, systemd.
const MARGIN: Duration = Duration::from_secs(180);
/// The rollout's own deadline comes after the conversation's, whose words are better.
const GRACE: Duration = Duration::from_secs(10);

/// How to go about it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How far.
    pub(crate) command: Command,
    /// Conversations at the same time.
    pub(crate) forks: usize,
    /// Until a host accepts the connection.
    pub(crate) connect: Duration,
    /// Until its clock is synchronised and within its bound.
    pub(crate) wait: Duration,
    /// The agents at hand.
    pub(crate) agents: Arc<Agents>,
    /// Only these hosts; the others are not touched.
    pub(crate) on: Option<Selection>,
}

/// `timefleet apply`
pub(crate) fn apply(args: &ApplyArgs) -> Result<u8, CommandError> {
    talk(Command::Apply, &args.fleet, args.wait.into())
}

/// `timefleet plan`
pub(crate) fn plan(args: &FleetArgs) -> Result<u8, CommandError> {
    talk(Command::Plan, args, Duration::ZERO)
}

/// `timefleet audit`
pub(crate) fn audit(args: &FleetArgs) -> Result<u8, CommandError> {
    talk(Command::Audit, args, Duration::ZERO)
}

fn talk(command: Command, args: &FleetArgs, wait: Duration) -> Result<u8, CommandError> {
    let inventory = super::checked(&args.inventories)?;
    let options = Options {
        command,
        forks: usize::from(args.forks),
        connect: args.timeout.into(),
        wait,
        agents: Arc::new(Agents::load(args.agents.as_deref())?),
        on: args.on.clone(),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    let report = runtime.block_on(async {
        let stop = stop_on_signals().map_err(CommandError::Runtime)?;
        run(inventory, &options, stop).await
    })?;
    show(&report, args.output)?;
    Ok(report.exit_code)
}

/// Talks to every host of the inventory and puts the report together.
pub(crate) async fn run(
    inventory: Inventory,
    options: &Options,
    stop: watch::Receiver<Stop>,
) -> Result<FleetReport, CommandError> {
    let chosen = match &options.on {
        Some(selection) => selection.of(&inventory)?,
        None => (0..inventory.hosts.len()).collect(),
    };
    let hosts: Vec<&Host> = chosen.iter().filter_map(|&index| inventory.hosts.get(index)).collect();
    let wishes = super::wishes(&inventory, &hosts)?;
    let pairs: Arc<Vec<(Host, Desired)>> = Arc::new(hosts.into_iter().cloned().zip(wishes).collect());
    let waves = waves(options.command, &inventory, &chosen);
    let subset = options
        .on
        .as_ref()
        .map(|on| Subset { on: on.to_string(), left_out: inventory.hosts.len() - chosen.len() });
    let fleet = inventory.fleet.value.clone();
    let deadline = options.connect + options.wait + MARGIN;
    let limits = Limits { forks: options.forks, deadline: deadline + GRACE };
    let board = Board::on_stderr();
    let started = now();
    let (talked, talk_options) = (Arc::clone(&pairs), options.clone());
    let ended = rollout::roll_out(pairs.len(), &waves, limits, stop.clone(), move |index, curtain| {
        let (pairs, options) = (Arc::clone(&talked), talk_options.clone());
        async move {
            match pairs.get(index) {
                Some((host, wish)) => one_host(host, wish, &options, deadline, curtain, board).await,
                None => Err(Broken { step: "conversation".into(), cause: "no such host".into(), hint: None }),
            }
        }
    })
    .await;
    let hosts: Vec<&Host> = pairs.iter().map(|(host, _)| host).collect();
    let results = rollout::results(&hosts, &waves, ended);
    let interrupted = *stop.borrow() != Stop::Not;
    let report = FleetReport::new(fleet, options.command, started, now(), interrupted, results);
    Ok(FleetReport { subset, ..report })
}

/// Only an apply needs an order: who is only looked at can be looked at together. The order is that of the whole fleet;
/// the indices in the waves are those of `chosen`.
fn waves(command: Command, inventory: &Inventory, chosen: &[usize]) -> Vec<Vec<usize>> {
    if command != Command::Apply {
        return vec![(0..chosen.len()).collect()];
    }
    let number = |server: &Host| inventory.index_of(&server.name);
    let sources: Vec<Vec<usize>> = inventory
        .hosts
        .iter()
        .map(|host| inventory.dependencies(host).into_iter().filter_map(number).collect())
        .collect();
    let among_chosen = |wave: Vec<usize>| -> Vec<usize> {
        wave.iter().filter_map(|host| chosen.binary_search(host).ok()).collect()
    };
    let mut waves: Vec<Vec<usize>> = rollout::waves(&sources).into_iter().map(among_chosen).collect();
    waves.retain(|wave| !wave.is_empty());
    waves
}

async fn one_host(
    host: &Host,
    wish: &Desired,
    options: &Options,
    deadline: Duration,
    curtain: Curtain,
    board: Board,
) -> Result<Conversation, Broken> {
    let mut line = board.line(&host.name);
    let ended = converse(host, wish, options, deadline, curtain, &mut line).await;
    match &ended {
        Ok(talk) => line.say(&ending(&talk.outcome), ""),
        Err(broken) => line.say(&format!("{}: {}", broken.step, broken.cause), ""),
    }
    ended
}

async fn converse(
    host: &Host,
    wish: &Desired,
    options: &Options,
    deadline: Duration,
    curtain: Curtain,
    line: &mut Line,
) -> Result<Conversation, Broken> {
    let mut target = Target::of(host).await?;
    target.patience.connect = options.connect;
    let mode = match options.command {
        Command::Apply => Mode::Apply,
        Command::Plan => Mode::Plan,
        Command::Audit => Mode::Audit,
    };
    let wait = Seconds(options.wait.as_secs_f64());
    // Who its clients are is known when they have had their turn.
    let linger = wish.serves && mode == Mode::Apply;
    let request = Request { protocol: PROTOCOL, mode, desired: wish.clone(), wait, linger };
    let watch = |progress: Progress| {
        let (words, detail) = words(&progress);
        line.say(&words, &detail);
    };
    let agents = options.agents.as_ref();
    Ok(conversation::converse(&target, agents, request, deadline, curtain, watch).await?)
}

impl From<SshError> for Broken {
    fn from(error: SshError) -> Self {
        Self { step: error.step().to_owned(), cause: error.to_string(), hint: error.hint() }
    }
}

impl From<ConversationError> for Broken {
    fn from(error: ConversationError) -> Self {
        Self { step: error.step().to_owned(), cause: error.to_string(), hint: error.hint() }
    }
}

/// What a host is at, and the detail that changes every second.
fn words(progress: &Progress) -> (String, String) {
    match progress {
        Progress::Connecting => ("connect".to_owned(), String::new()),
        Progress::LoggedIn => ("logged in".to_owned(), String::new()),
        Progress::Uploading => ("push the agent".to_owned(), String::new()),
        Progress::Event(Event::Step { step }) => (step.to_string(), String::new()),
        Progress::Event(Event::Waiting { waited, tracking }) => {
            ("wait for the clock".to_owned(), waiting(*waited, tracking.as_ref()))
        }
        Progress::Event(Event::Settled) => ("wait for the rest of the fleet".to_owned(), String::new()),
        Progress::Event(Event::Finished { outcome }) => (ending(outcome), String::new()),
    }
}

fn waiting(waited: Seconds, tracking: Option<&Tracking>) -> String {
    let clock = match tracking {
        None => "no answer yet".to_owned(),
        Some(tracking) if !tracking.is_synchronised() => "not synchronised yet".to_owned(),
        Some(tracking) => format!("error bound {}", report::quantity::span(tracking.error_bound())),
    };
    format!(" ({:.0} s, {clock})", waited.0)
}

fn ending(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Refused { message, .. } => format!("refused: {message}"),
        Outcome::Failed { step, cause, .. } => format!("failed at `{step}`: {cause}"),
    }
}

/// The report on standard output.
pub(crate) fn show(report: &FleetReport, output: Output) -> Result<(), CommandError> {
    let text = match (output, report.command) {
        (Output::Json, _) => serde_json::to_string_pretty(report)? + "\n",
        (Output::Table, Command::Plan) => report::diff::render(report),
        // comfy-table asks the terminal, and says nothing where there is none.
        (Output::Table, _) => report::table::render(report, comfy_table::Table::new().width()),
    };
    super::print(&text)
}

/// The first Ctrl-C (or SIGTERM) starts no new hosts, the second leaves those that are under way.
fn stop_on_signals() -> std::io::Result<watch::Receiver<Stop>> {
    let (tell, stop) = watch::channel(Stop::Not);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for how_far in [Stop::NoNewHosts, Stop::Now] {
            either(&mut interrupt, &mut terminate).await;
            tracing::warn!("{}", stopping(how_far));
            tell.send_replace(how_far);
        }
        // Kept: a closed channel would look like an order that never comes.
        std::future::pending::<()>().await;
    });
    Ok(stop)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn stopping(how_far: Stop) -> &'static str {
    match how_far {
        Stop::Now => "leaving the hosts that are under way",
        _ => "no new hosts are started; those under way finish (Ctrl-C again leaves them)",
    }
}

fn now() -> String {
    Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default().to_string()
}
