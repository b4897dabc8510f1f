//! The real agent and the real chronyd, each under a preloaded clock-and-network simulator: the same clocks, the same
//! links, the same seeds, and both figures. See `--help`.

mod args;
mod simulation;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use args::{Args, ArgsError};
use simulation::library::{self, LibraryError};
use simulation::scenario::{self, Scenario};
use simulation::score::Score;
use simulation::{Cast, Kind, RunError};

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
    for story in &stories {
        let mut all = Vec::new();
        for kind in [Kind::Agent, Kind::Chronyd] {
            let scores = if args.clients.contains(&kind) {
                run_seeds(&args, story, kind, &library, directory)?
            } else {
                Vec::new()
            };
            if args.each {
                for (seed, score) in args.seeds.iter().zip(&scores) {
                    writeln!(
                        out,
                        "{}",
                        table::line(&format!("  seed {seed}"), &format!("{kind:?}"), *score)
                    )?;
                }
            }
            all.push(scores);
        }
        if let [agent, chronyd] = all.as_slice() {
            write!(out, "{}", table::rows(story, agent, chronyd))?;
            out.flush()?;
        }
    }
    Ok(())
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
