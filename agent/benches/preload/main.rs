//! The real agent and the real chronyd, each under a preloaded clock-and-network simulator: the same clocks, the same
//! links, the same seeds, and both figures. See `--help`.

mod args;
mod simulation;
mod table;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use args::{Args, ArgsError};
use simulation::library::{self, LibraryError};
use simulation::scenario::{self, Scenario};
use simulation::score::Score;
use simulation::{Cast, Kind, Outcome, RunError};

/// The table cannot be made.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Args(#[from] ArgsError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("there is no scenario called '{0}'; see --list")]
    NoScenario(String),
    #[error("scenario '{story}', {kind:?}, seed {seed}: {source}")]
    Run { story: &'static str, kind: Kind, seed: u64, source: RunError },
    #[error("cannot make a directory for the daemons' files: {0}")]
    Directory(io::Error),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
    #[error("{0} of the runs above gave no figures")]
    Failed(usize),
    #[error("there is no {0}: install Debian's package chrony, or name it with --chronyd")]
    NoChronyd(PathBuf),
}

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody can be told, the exit code still says it.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), BenchError> {
    let args = args::parse(std::env::args().skip(1))?;
    let stories = choose(&args)?;
    let mut out = io::stdout();
    if args.list {
        for story in stories {
            writeln!(out, "{}", story.name)?;
        }
        return Ok(());
    }
    let needs_chronyd = args.servers == Some(Kind::Chronyd) || args.clients.contains(&Kind::Chronyd);
    if needs_chronyd && !args.chronyd.path.exists() {
        return Err(BenchError::NoChronyd(args.chronyd.path));
    }
    let temporary = tempfile::tempdir().map_err(BenchError::Directory)?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    let library = library::compile(temporary.path())?;
    write!(out, "{}", table::HEAD)?;
    let mut failed = 0;
    for story in &stories {
        let [agent, chronyd] = [Kind::Agent, Kind::Chronyd].map(|kind| {
            let wanted = args.clients.contains(&kind);
            if wanted { run_seeds(&args, story, kind, &library, directory) } else { Ok(Vec::new()) }
        });
        // One that cannot be run is no reason to run no others.
        let mut or_complain = |scores: Result<Vec<Score>, BenchError>| {
            scores.unwrap_or_else(|error| {
                failed += 1;
                // Where nobody can be told, the exit code still says it.
                let _ = writeln!(io::stderr(), "{error}");
                Vec::new()
            })
        };
        let (agent, chronyd) = (or_complain(agent), or_complain(chronyd));
        if args.each {
            write!(out, "{}", table::each("agent", &args.seeds, &agent))?;
            write!(out, "{}", table::each("chronyd", &args.seeds, &chronyd))?;
        }
        write!(out, "{}", table::rows(story, &agent, &chronyd))?;
        out.flush()?;
    }
    if failed == 0 { Ok(()) } else { Err(BenchError::Failed(failed)) }
}

fn choose(args: &Args) -> Result<Vec<Scenario>, BenchError> {
    let mut stories = scenario::known();
    if args.more || args.list || !args.names.is_empty() {
        stories.extend(scenario::further());
    }
    if args.names.is_empty() {
        return Ok(stories);
    }
    for name in &args.names {
        if !stories.iter().any(|story| story.name.contains(name.as_str())) {
            return Err(BenchError::NoScenario(name.clone()));
        }
    }
    // A whole name means only itself.
    let is_meant = |story: &Scenario, name: &String| {
        story.name == name || story.name.contains(name.as_str()) && !scenario_names().contains(&name.as_str())
    };
    stories.retain(|story| args.names.iter().any(|name| is_meant(story, name)));
    Ok(stories)
}

fn scenario_names() -> Vec<&'static str> {
    scenario::known().iter().chain(&scenario::further()).map(|story| story.name).collect()
}

/// All seeds of one scenario with one client, some at a time.
fn run_seeds(
    args: &Args,
    story: &Scenario,
    kind: Kind,
    library: &Path,
    directory: &Path,
) -> Result<Vec<Score>, BenchError> {
    let servers = args.program(args.servers.unwrap_or(kind));
    let cast = Cast { client: args.program(kind), servers, library };
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                while let Some(seed) = args.seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let place = directory.join(format!("{}-{kind:?}-{seed}", story.name).to_lowercase());
                    let score = simulation::run(story, cast, seed, &place)
                        .and_then(|outcome| {
                            if args.keep.is_some() {
                                write_errors(&place, &outcome)?;
                            }
                            Ok(Score::of(story, &outcome))
                        })
                        .map_err(|source| BenchError::Run { story: story.name, kind, seed, source });
                    if let Ok(mut done) = done.lock() {
                        done.push((seed, score));
                    }
                }
            });
        }
    });
    let mut scores = done.into_inner().unwrap_or_default();
    scores.sort_by_key(|(seed, _)| *seed);
    scores.into_iter().map(|(_, score)| score).collect()
}

/// The client's errors, second by second, for whoever wants to see them as a curve.
fn write_errors(place: &Path, outcome: &Outcome) -> Result<(), RunError> {
    let lines = outcome
        .samples
        .iter()
        .enumerate()
        .map(|(index, sample)| format!("{},{:e},{:e}\n", index + 1, sample.time, sample.frequency));
    let text = ["second,time,frequency\n".to_owned()].into_iter().chain(lines).collect::<String>();
    fs::write(place.join("errors.csv"), text).map_err(RunError::Errors)
}
