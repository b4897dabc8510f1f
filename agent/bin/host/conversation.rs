//! One conversation: request in, events, outcome out.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use timefleet_agent::config;
use timefleet_agent::host::desired::{Daemon, Desired};
use timefleet_agent::host::drift::drift;
use timefleet_agent::host::facts::{Facts, Rival};
use timefleet_agent::host::gap::Impossible;
use timefleet_agent::host::message::{Event, Mode, Outcome, PROTOCOL, Request};
use timefleet_agent::host::plan::{Plan, Step, plan};
use timefleet_agent::report::HostReport;

use super::facts::{self, FactsError};
use super::voice::Voice;
use super::{linger, own, report, steps, wait};

/// Whom a conversation is about.
struct Subject<'a> {
    desired: Desired,
    agent: &'a str,
    home: &'a str,
}

/// Holds the conversation. `agent` is the name of the far end's own executable, which is the one that should run.
pub(crate) fn hold<W: Write>(request: Request, agent: &str, home: &str, voice: &mut Voice<W>) -> Outcome {
    if request.protocol != PROTOCOL {
        let cause = format!("the controller speaks protocol {}, this agent {PROTOCOL}", request.protocol);
        return failed("read the request", cause, Some("use one build for both".to_owned()));
    }
    let subject = Subject { desired: request.desired.clone().at_home(home), agent, home };
    let desired = &subject.desired;
    if let Err(cause) = check_config(desired) {
        return failed("read the configuration", cause, None);
    }
    // Before the facts: they must not change between looking and doing.
    let lock = match request.mode {
        Mode::Apply => lock(desired),
        Mode::Plan | Mode::Audit => Ok(None),
    };
    let _lock = match lock {
        Ok(lock) => lock,
        Err(LockError { cause, hint }) => return failed("begin", cause, hint),
    };
    let facts = match facts::gather(desired) {
        Ok(facts) => facts,
        Err(error) => return facts_failed(&error),
    };
    if request.mode == Mode::Audit {
        return subject.audit(facts);
    }
    let steps = match plan(desired, &facts, agent) {
        Plan::Steps(steps) => steps,
        Plan::Refused { rivals } => return refused(rivals, &facts.rivals),
        Plan::Impossible(impossible) => return cannot(impossible),
    };
    match request.mode {
        Mode::Plan => Outcome::Done { steps, report: None },
        Mode::Apply | Mode::Audit => subject.apply(&facts, steps, &request, voice),
    }
}

impl Subject<'_> {
    fn audit(&self, facts: Facts) -> Outcome {
        match drift(&self.desired, &facts, self.agent) {
            Ok(drift) => {
                let report = report::report(&self.desired, self.home, facts, drift);
                Outcome::Done { steps: Vec::new(), report: Some(report) }
            }
            Err(impossible) => cannot(impossible),
        }
    }

    fn apply<W: Write>(
        &self,
        facts: &Facts,
        steps: Vec<Step>,
        request: &Request,
        voice: &mut Voice<W>,
    ) -> Outcome {
        let mut done = Vec::new();
        for step in steps {
            voice.say(&Event::Step { step: step.clone() });
            if let Err(error) = steps::carry_out(&self.desired, facts, &step) {
                let (cause, hint) = (format!("{error}{}", untouched(&step)), error.hint());
                return Outcome::Failed {
                    step: step.to_string(),
                    cause,
                    hint,
                    done,
                    report: self.what_is().ok(),
                };
            }
            done.push(step);
        }
        let ask = || report::tracking(&self.desired, self.home, facts);
        let waited = wait::until_good(self.desired.bound, request.wait, voice, ask, || self.still_runs());
        if waited.is_ok() && request.linger {
            voice.say(&Event::Settled);
            linger::until_told();
        }
        let report = match self.what_is() {
            Ok(report) => report,
            Err(error) => return with_done(facts_failed(&error), done),
        };
        if let Err(cause) = waited {
            let step = "wait until the clock is synchronised".to_owned();
            return Outcome::Failed { step, cause, hint: None, done, report: Some(report) };
        }
        if let Some(layout) = self.desired.daemon.layout() {
            // Room for the next ones; an executable that cannot be removed hurts nobody today.
            let _ = own::remove_others(Path::new(&layout.bin_dir), self.agent);
        }
        Outcome::Done { steps: done, report: Some(report) }
    }

    /// The host as it is now.
    fn what_is(&self) -> Result<HostReport, FactsError> {
        let facts = facts::gather(&self.desired)?;
        let drift = drift(&self.desired, &facts, self.agent).unwrap_or_default();
        Ok(report::report(&self.desired, self.home, facts, drift))
    }

    fn still_runs(&self) -> Result<(), String> {
        match facts::gather(&self.desired) {
            Ok(facts) if facts.service.active => Ok(()),
            Ok(facts) => Err(format!("{} was started and does not run any more", facts.service.name)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The agent would not start with a file that it cannot read. What a chronyd understands is its own affair.
fn check_config(desired: &Desired) -> Result<(), String> {
    let Some(layout) = desired.daemon.layout() else { return Ok(()) };
    match config::parse(&layout.config, &desired.config) {
        Ok(_) => Ok(()),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// Why an apply cannot begin.
struct LockError {
    cause: String,
    hint: Option<String>,
}

/// One apply at a time on a host. The lock ends with the process, whatever happens to it.
fn lock(desired: &Desired) -> Result<Option<Flock<File>>, LockError> {
    let directory = match &desired.daemon {
        Daemon::AgentSystemd { layout, .. } | Daemon::AgentProcess { layout, .. } => {
            Path::new(&layout.bin_dir)
        }
        Daemon::Chronyd => Path::new("/etc"),
    };
    let file = match File::open(directory) {
        Ok(file) => file,
        // The first step will say better what is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(LockError {
                cause: format!("cannot open {}: {error}", directory.display()),
                hint: None,
            });
        }
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            let hint = Some("wait until it has ended, then apply again".to_owned());
            Err(LockError { cause: "another apply is at work on this host".to_owned(), hint })
        }
        Err((_, error)) => {
            Err(LockError { cause: format!("cannot lock {}: {error}", directory.display()), hint: None })
        }
    }
}

fn refused(names: Vec<String>, rivals: &[Rival]) -> Outcome {
    let in_words = |rival: &Rival| {
        let state = match (rival.active, rival.enabled) {
            (true, true) => "active, enabled",
            (true, false) => "active",
            _ => "enabled",
        };
        format!("{} ({state})", rival.unit)
    };
    let verb = if rivals.len() == 1 { "keeps" } else { "keep" };
    let rivals: Vec<String> = rivals.iter().map(in_words).collect();
    let message = format!(
        "{} {verb} the time here; nothing was changed. `take_over: true` stops and disables what is there",
        rivals.join(" and ")
    );
    Outcome::Refused { rivals: names, message }
}

/// What a failed step left as it was.
fn untouched(step: &Step) -> &'static str {
    match step {
        Step::Write { .. } => "; the file is as before",
        Step::SwitchAgent { .. } => "; the link is as before",
        _ => "",
    }
}

fn cannot(impossible: Impossible) -> Outcome {
    failed("facts", impossible.cause, Some(impossible.hint))
}

fn facts_failed(error: &FactsError) -> Outcome {
    failed("facts", error.to_string(), error.hint())
}

fn with_done(outcome: Outcome, already: Vec<Step>) -> Outcome {
    match outcome {
        Outcome::Failed { step, cause, hint, report, .. } => {
            Outcome::Failed { step, cause, hint, done: already, report }
        }
        other => other,
    }
}

/// Nothing was done and nothing is known.
pub(crate) fn failed(step: &str, cause: String, hint: Option<String>) -> Outcome {
    Outcome::Failed { step: step.to_owned(), cause, hint, done: Vec::new(), report: None }
}
