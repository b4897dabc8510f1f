//! From options to a running daemon, and from there to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use sd_notify::NotifyState;
use timefleet_agent::config::{self, Config, Family, MakeStep};
use timefleet_agent::engine::{Drift, Engine, Setup};
use timefleet_agent::keys::Keys;
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::Seconds;

use crate::args::Options;
use crate::clock::Clock;
use crate::command_socket::CommandSocket;
use crate::config_file::{self, LoadError, Loaded};
use crate::daemon::{Daemon, Past};
use crate::datagram::Inbox;
use crate::exchange::Exchanges;
use crate::kernel_clock::{self, KernelClock};
use crate::key_file::{self, KeysError};
use crate::leap_file::LeapFile;
use crate::listener::{self, ListenError, Listener, Role};
use crate::log::Log;
use crate::log_files::LogFiles;
use crate::paths::{self, NoHome};
use crate::pid_file::{PidFile, PidFileError};
use crate::privileges;
use crate::resolver::{Resolver, Way};
use crate::server::Server;
use crate::signals::Signals;
use crate::source_files::SourceFiles;
use crate::{WRONG_INPUT, built, complain, crew, drift_file, print, running};

/// All sockets together: what a simulator's poll set takes, and plenty.
const MOST_SOCKETS: usize = 20;
/// Name of the pid file in the run directory.
const PID_FILE: &str = "agent.pid";
/// `-q` without `-t`.
const PATIENCE: Duration = Duration::from_secs(30);

/// The daemon could not do its work.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    #[error(transparent)]
    Home(#[from] NoHome),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    #[error("cannot open the log file {}: {source}", path.display())]
    LogFile { path: PathBuf, source: io::Error },
    #[error("no random numbers to start from: {0}")]
    Seed(getrandom::Error),
    #[error("cannot wait for sockets: {0}")]
    Poll(#[from] Errno),
    #[error("giving up: {0}")]
    GaveUp(String),
    #[error("the clock could not be corrected: {0}; with -x it is only looked at")]
    Refused(String),
    #[error("no source was good enough to set the clock by within {0} seconds")]
    NotInTime(f64),
    #[error("cannot start again with the new configuration: {0}")]
    Reload(io::Error),
    #[error("cannot print the result: {0}")]
    Print(io::Error),
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// TERM, INT or SHUTDOWN.
    Told,
    /// `-q`: the clock was corrected.
    Corrected,
    /// `-t` is over.
    Timeout,
    /// HUP, and the new configuration is good.
    Reload,
}

/// Files of this run, to be removed at its end.
#[derive(Debug, Default)]
struct Traces {
    pid_file: Option<PidFile>,
    run_dir: Option<PathBuf>,
}

/// Runs the daemon until it ends.
pub(crate) fn run(options: Options) -> ExitCode {
    let loaded = match config_file::load(&options) {
        Ok(loaded) => loaded,
        Err(error) => {
            // Exactly file:line:column, so that editors and people find it.
            complain(&error.to_string());
            return ExitCode::from(WRONG_INPUT);
        }
    };
    if options.print {
        return print_configuration(&loaded);
    }
    // Read before root is given up: it may be for root's eyes only.
    let keys = key_file::read(loaded.config.key_file.as_deref());
    let warnings = match privileges::settle(&options, &loaded.config) {
        Ok(warnings) => warnings,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let log = match open_log(&options) {
        Ok(log) => log,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    for warning in loaded.notes.iter().map(ToString::to_string).chain(warnings) {
        log.warning(&warning);
    }
    if options.once && loaded.config.upstreams.is_empty() && loaded.file_sources.is_empty() {
        complain(&format!("{}: -q needs a 'server' or a 'pool' to ask", loaded.name));
        return ExitCode::from(WRONG_INPUT);
    }
    let keys = match keys {
        Ok(keys) => keys,
        Err(error @ KeysError::Wrong(_)) => {
            complain(&error.to_string());
            return ExitCode::from(WRONG_INPUT);
        }
        // The time is worth having without them.
        Err(error) => {
            log.error(&format!("{error}; running without keys"));
            Keys::default()
        }
    };
    match keep_time(&options, loaded, keys, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.fatal(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// `-p`: the lines of all files, in the order in which they count.
fn print_configuration(loaded: &Loaded) -> ExitCode {
    for note in &loaded.notes {
        complain(&note.to_string());
    }
    print(&loaded.lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}

/// Standard error, or the file of `-l`.
fn open_log(options: &Options) -> Result<Log, StartError> {
    let log = Log::new(options.log_level);
    let Some(path) = &options.log_file else { return Ok(log) };
    let path = paths::expand(path)?;
    log.to_file(&path).map_err(|source| StartError::LogFile { path, source })
}

/// There is one daemon for a pid file; without `pidfile` it is in the run directory, where that can be written.
fn claim(options: &Options, loaded: &Loaded) -> Result<Option<PidFile>, StartError> {
    if options.once {
        return Ok(None);
    }
    if let Some(path) = &loaded.config.pid_file {
        return Ok(Some(PidFile::create(&paths::expand(path)?)?));
    }
    let directory = paths::expand(&options.run_dir)?;
    // What is wrong with the directory is said when running.json is written.
    let _ = running::make_directory(&directory);
    match PidFile::create(&directory.join(PID_FILE)) {
        Ok(file) => Ok(Some(file)),
        Err(PidFileError::Unwritable { .. }) => Ok(None),
        Err(taken) => Err(taken.into()),
    }
}

fn keep_time(options: &Options, loaded: Loaded, keys: Keys, log: Log) -> Result<(), StartError> {
    let signals = Signals::register().map_err(StartError::Signals)?;
    let loaded = if options.once { for_once(loaded) } else { for_restart(loaded, options.restart) };
    let mut traces = Traces { pid_file: claim(options, &loaded)?, run_dir: None };
    let (mut daemon, control) = match build(options, &loaded, keys, log) {
        Ok(built) => built,
        Err(error) => {
            traces.remove(None, log);
            return Err(error);
        }
    };
    daemon.hire(crew::size() > 0);
    if !options.once {
        announce(options, &loaded, &control, &mut traces, log);
    }
    let ended = attend(&mut daemon, options, &signals);
    if !matches!(ended, Ok(End::Reload)) {
        notify(NotifyState::Stopping, log);
    }
    let standing = daemon.standing();
    daemon.finish();
    let past = daemon.past.clone();
    traces.remove(daemon.command_socket.take(), log);
    drop(daemon);
    match ended? {
        End::Told => Ok(()),
        End::Corrected => {
            print_result(standing.correction, &past)?;
            match control {
                ClockControl::LeftAlone { reason } if !options.leave_clock => {
                    Err(StartError::Refused(reason))
                }
                _ => Ok(()),
            }
        }
        End::Timeout if standing.synchronised && !options.once => Ok(()),
        End::Timeout => Err(StartError::NotInTime(options.timeout.unwrap_or(PATIENCE).as_secs_f64())),
        End::Reload => Err(StartError::Reload(again())),
    }
}

/// With `-q` every offset is stepped, every source is asked quickly, and nobody is served.
fn for_once(mut loaded: Loaded) -> Loaded {
    loaded.config.make_step = Some(MakeStep { threshold: Seconds::ZERO, limit: None });
    for upstream in loaded.config.upstreams.iter_mut().chain(&mut loaded.file_sources) {
        upstream.iburst = true;
    }
    loaded
}

/// With `-R` nothing is stepped only because the daemon has just started.
fn for_restart(mut loaded: Loaded, is_restart: bool) -> Loaded {
    loaded.config.make_step = loaded.config.make_step.filter(|step| !is_restart || step.limit.is_none());
    loaded
}

fn build(
    options: &Options,
    loaded: &Loaded,
    keys: Keys,
    log: Log,
) -> Result<(Daemon, ClockControl), StartError> {
    let config = &loaded.config;
    let (clock, seed) = (Clock::new(), seed()?);
    let family = usable_family(options.family, log);
    let found = kernel_clock::open(options.leave_clock, config.rtc_sync);
    let drift_file = config.drift_file.as_deref().map(paths::expand).transpose()?;
    if options.restore_time {
        restore_time(drift_file.as_deref(), found.clock, log);
    }
    let (listeners, command_socket) = if options.once {
        (Vec::new(), None)
    } else {
        let mut listeners = listener::serve_time(config, family, crew::size().max(1), log)?;
        listeners.extend(listener::answer_monitoring(config, family, log));
        (listeners, open_command_socket(config, log)?)
    };
    let setup = Setup {
        config: config.clone(),
        family,
        control: found.control.clone(),
        kernel_frequency: found.frequency,
        drift: drift_file.as_deref().and_then(|path| read_drift(path, log)),
        keys,
        seed,
        precision: config.clock_precision.map_or_else(|| clock.precision(), Seconds::log2),
        built: built::built(),
    };
    let is_polled = |listener: &&Listener| listener.role == Role::Monitoring || crew::size() == 0;
    let taken = listeners.iter().filter(is_polled).count() + usize::from(command_socket.is_some());
    let mut daemon = Daemon {
        log,
        clock,
        engine: Engine::new(setup, clock.now()),
        kernel: found.clock,
        listeners,
        crew: None,
        server: Server::new(clock),
        command_socket,
        exchanges: Exchanges::new(config, MOST_SOCKETS - taken),
        resolver: Resolver::new(Way::of_this_build()),
        inbox: Inbox::new(),
        source_files: SourceFiles::of(config),
        log_files: if options.once { None } else { open_log_files(config, log)? },
        // A single correction has learned nothing about the frequency that is worth keeping.
        drift_file: drift_file.filter(|_| !options.once),
        key_file: config.key_file.clone(),
        dump_dir: config.dump_dir.as_deref().filter(|_| !options.once).map(paths::expand).transpose()?,
        leap_file: config.leap_source.clone().map(|source| LeapFile::new(source, clock.mono())),
        restore: options.once.then_some(found.frequency),
        past: Past::default(),
    };
    daemon.take_dumps(options.reload_dumps);
    daemon.engine.handle_file_sources(clock.now(), loaded.file_sources.clone());
    Ok((daemon, found.control))
}

fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(StartError::Seed)?;
    Ok(seed)
}

/// The family asked for, or the only one that the host has.
fn usable_family(wish: Option<Family>, log: Log) -> Option<Family> {
    if wish.is_some() {
        return wish;
    }
    match crate::socket::udp(Family::V6) {
        Ok(_) => None,
        Err(error) => {
            log.warning(&format!("this host has no IPv6, using IPv4 only (as with -4): {error}"));
            Some(Family::V4)
        }
    }
}

fn open_command_socket(config: &Config, log: Log) -> Result<Option<CommandSocket>, StartError> {
    let path = match &config.command_socket {
        config::CommandSocket::Disabled => return Ok(None),
        config::CommandSocket::Default => PathBuf::from(config::CommandSocket::DEFAULT_PATH),
        config::CommandSocket::Path(path) => paths::expand(path)?,
    };
    match CommandSocket::open(&path) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) => {
            log.warning(&format!("{error}; running on without it"));
            Ok(None)
        }
    }
}

/// The time is worth having without them.
fn open_log_files(config: &Config, log: Log) -> Result<Option<LogFiles>, StartError> {
    let Some(directory) = config.log_dir.as_deref().filter(|_| config.logs.is_any()) else { return Ok(None) };
    match LogFiles::new(paths::expand(directory)?, config.log_banner) {
        Ok(files) => Ok(Some(files)),
        Err(error) => {
            log.error(&error.to_string());
            Ok(None)
        }
    }
}

fn read_drift(path: &Path, log: Log) -> Option<Drift> {
    drift_file::read(path).unwrap_or_else(|error| {
        log.warning(&error.to_string());
        None
    })
}

/// `-s`: a machine whose real-time clock has no battery wakes up in the past; it was later when the drift file was
/// written.
fn restore_time(drift_file: Option<&Path>, kernel: Option<KernelClock>, log: Log) {
    let Some(path) = drift_file else {
        return log.warning("-s: there is no 'driftfile' whose time the clock could be set to");
    };
    let (behind, kernel) = match (drift_file::written_after(path, SystemTime::now()), kernel) {
        (Ok(Some(behind)), Some(kernel)) => (behind, kernel),
        (Ok(Some(_)), None) => return log.warning("-s: the clock is left alone"),
        (Ok(None), _) => return,
        (Err(error), _) => return log.warning(&format!("-s: {}: {error}", path.display())),
    };
    match kernel.step(behind) {
        Ok(()) => {
            log.info(&format!("the clock was set forward by {behind}, to the time of {}", path.display()))
        }
        Err(error) => log.warning(&format!("-s: the clock cannot be set: {error}")),
    }
}

/// Tells the service manager, the controller and the log that the daemon is up.
fn announce(options: &Options, loaded: &Loaded, control: &ClockControl, traces: &mut Traces, log: Log) {
    match control {
        ClockControl::Steered => log.info(&format!("keeping the time by {}", loaded.name)),
        ClockControl::LeftAlone { reason } if options.leave_clock => {
            log.info(&format!("watching the time by {}; the clock is left alone: {reason}", loaded.name));
        }
        ClockControl::LeftAlone { reason } => {
            log.warning(&format!("watching the time by {}; the clock is left alone: {reason}", loaded.name));
        }
    }
    let written = paths::expand(&options.run_dir).map_err(|error| error.to_string()).and_then(|dir| {
        running::write(&dir, loaded, control.clone()).map(|()| dir).map_err(|error| error.to_string())
    });
    match written {
        Ok(directory) => traces.run_dir = Some(directory),
        Err(why) => log.warning(&format!("{why}; choose another directory with --run-dir")),
    }
    notify(NotifyState::Ready, log);
}

fn notify(state: NotifyState<'_>, log: Log) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log.warning(&format!("cannot tell the service manager: {error}"));
    }
}

/// Turns the loop until there is a reason to end.
fn attend(daemon: &mut Daemon, options: &Options, signals: &Signals) -> Result<End, StartError> {
    let patience = options.timeout.or_else(|| options.once.then_some(PATIENCE));
    let deadline = patience.map(|span| daemon.clock.mono() + Seconds(span.as_secs_f64()));
    loop {
        daemon.turn(deadline)?;
        if let Some(reason) = daemon.past.gave_up.take() {
            return Err(StartError::GaveUp(reason));
        }
        if signals.terminated() || daemon.engine.wants_shutdown() {
            return Ok(End::Told);
        }
        if options.once {
            if let Some(why) = daemon.past.refused.take() {
                return Err(StartError::Refused(why));
            }
            let standing = daemon.standing();
            if standing.synchronised && standing.updates > 0 {
                return Ok(End::Corrected);
            }
        }
        if signals.take_reload() && !options.once && is_good_now(options, daemon.log) {
            return Ok(End::Reload);
        }
        if deadline.is_some_and(|deadline| deadline <= daemon.clock.mono()) {
            return Ok(End::Timeout);
        }
    }
}

/// Would the configuration as it is now let us start?
fn is_good_now(options: &Options, log: Log) -> bool {
    match config_file::load(options) {
        Ok(loaded) => match key_file::read(loaded.config.key_file.as_deref()) {
            // The file that root read at the start may be closed to the user that we are now: running on without its
            // keys would be worse than without the news.
            Err(error) if matches!(error, KeysError::Wrong(_)) || error.is_forbidden() => {
                log.error(&format!("{error}\nkeeping the keys and the configuration that were read before"));
                false
            }
            // As at the start.
            Ok(_) | Err(_) => true,
        },
        Err(error) => {
            if let LoadError::Wrong(errors) = &error {
                errors.iter().for_each(|error| log.error(&error.to_string()));
            } else {
                log.error(&error.to_string());
            }
            log.error("keeping the configuration that was read before");
            false
        }
    }
}

/// The same program with the same arguments, in this process; returns only if that failed.
fn again() -> io::Error {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| OsString::from("timefleet-agent"));
    std::process::Command::new("/proc/self/exe").arg0(name).args(args).exec()
}

/// What `-q` found: what it corrected, or with the clock left alone, what there is to correct.
fn print_result(left: Seconds, past: &Past) -> Result<(), StartError> {
    let total = past.stepped + left;
    let way = if total.0 < 0.0 { "ahead of" } else { "behind" };
    let what = if past.stepped == Seconds::ZERO { "left alone" } else { "stepped" };
    let text = format!("The clock was {:.9} seconds {way} NTP time ({what})\n", total.abs().0);
    io::stdout().lock().write_all(text.as_bytes()).map_err(StartError::Print)
}

impl Traces {
    fn remove(self, socket: Option<CommandSocket>, log: Log) {
        let results = [
            ("the monitoring socket", socket.map(CommandSocket::remove)),
            ("running.json", self.run_dir.as_deref().map(running::remove)),
            ("the pid file", self.pid_file.map(PidFile::remove)),
        ];
        for (what, result) in results {
            if let Some(Err(error)) = result {
                log.warning(&format!("cannot remove {what}: {error}"));
            }
        }
    }
}
