//! Name lookups beside the loop, which never waits for one.
//!
//! A static build looks up in a child: its getaddrinfo loads the host's own modules and may crash on a foreign libc. A
//! dynamic build uses a thread. Neither has a pipe in the loop's poll set; the loop looks in a few times a second.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::IpAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use timefleet_agent::config::Family;
use timefleet_agent::engine::LookupId;
use timefleet_agent::time::{Mono, Seconds};

use crate::lookup;
use crate::socket::has_route;

/// Addresses, or why there are none.
pub(crate) type Answer = Result<Vec<IpAddr>, String>;

/// A lookup that takes longer is given up.
const PATIENCE: Seconds = Seconds(30.0);
/// Lookups at a time.
const LIMIT: usize = 8;
/// More output than this is no list of addresses.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// How names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In a child of the agent.
    Child,
    /// In a thread.
    Thread,
}

impl Way {
    /// The one that is right for this build.
    pub(crate) fn of_this_build() -> Self {
        if cfg!(target_feature = "crt-static") { Self::Child } else { Self::Thread }
    }
}

/// All lookups under way.
#[derive(Debug)]
pub(crate) struct Resolver {
    way: Way,
    running: Vec<Running>,
    waiting: VecDeque<Question>,
}

#[derive(Clone, Debug)]
struct Question {
    lookup: LookupId,
    name: String,
    family: Option<Family>,
}

#[derive(Debug)]
struct Running {
    lookup: LookupId,
    started: Mono,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Thread(JoinHandle<Answer>),
    Child { child: Child, output: Vec<u8> },
}

impl Resolver {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, running: Vec::new(), waiting: VecDeque::new() }
    }

    /// Starts a lookup, or puts it behind others.
    pub(crate) fn ask(&mut self, lookup: LookupId, name: String, family: Option<Family>) {
        self.waiting.push_back(Question { lookup, name, family });
    }

    /// Is somebody waiting for an answer?
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    /// The lookups that have ended since the last call.
    pub(crate) fn collect(&mut self, now: Mono) -> Vec<(LookupId, Answer)> {
        let mut answers = Vec::new();
        for mut running in std::mem::take(&mut self.running) {
            if now - running.started > PATIENCE {
                running.task.abandon();
                answers.push((running.lookup, Err(format!("no answer in {} seconds", PATIENCE.0))));
                continue;
            }
            match running.task.poll() {
                Polled::Running(task) => self.running.push(Running { task, ..running }),
                Polled::Ended(answer) => {
                    answers.push((running.lookup, answer.map(|found| usable(found, has_route))));
                }
            }
        }
        while self.running.len() < LIMIT
            && let Some(question) = self.waiting.pop_front()
        {
            let lookup = question.lookup;
            match Task::start(self.way, question) {
                Ok(task) => self.running.push(Running { lookup, started: now, task }),
                Err(error) => answers.push((lookup, Err(format!("cannot start a lookup: {error}")))),
            }
        }
        answers
    }

    /// Ends what can be ended, before an exit.
    pub(crate) fn abandon(&mut self) {
        self.waiting.clear();
        for mut running in self.running.drain(..) {
            running.task.abandon();
        }
    }
}

/// Leaves out addresses of a family that the host cannot reach, as IPv6 is on many; when nothing can be reached the network
/// may only be late, and all are kept.
fn usable(found: Vec<IpAddr>, has_route: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
    let (reachable, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| has_route(*address));
    if reachable.is_empty() { rest } else { reachable }
}

enum Polled {
    Running(Task),
    Ended(Answer),
}

impl Task {
    fn start(way: Way, question: Question) -> io::Result<Self> {
        match way {
            Way::Thread => std::thread::Builder::new()
                .name("lookup".to_owned())
                .spawn(move || lookup::addresses(&question.name, question.family))
                .map(Task::Thread),
            Way::Child => {
                let mut command = Command::new("/proc/self/exe");
                command.arg("resolve").arg(&question.name).args(question.family.map(|family| match family {
                    Family::V4 => "4",
                    Family::V6 => "6",
                }));
                Self::spawn(command)
            }
        }
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        if let Some(output) = &child.stdout {
            fcntl(output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self::Child { child, output: Vec::new() })
    }

    fn poll(self) -> Polled {
        match self {
            Self::Thread(handle) if !handle.is_finished() => Polled::Running(Self::Thread(handle)),
            Self::Thread(handle) => {
                Polled::Ended(handle.join().unwrap_or_else(|_| Err("the lookup panicked".to_owned())))
            }
            Self::Child { mut child, mut output } => {
                // Asked before reading: what a child wrote before it ended is then in the pipe for certain.
                let ended = child.try_wait();
                let read = drain(&mut child, &mut output);
                match (ended, read) {
                    (Ok(Some(status)), Ok(())) => Polled::Ended(judge(status, &output)),
                    (Ok(None), Ok(())) => Polled::Running(Self::Child { child, output }),
                    (Err(error), _) | (_, Err(error)) => {
                        Self::Child { child, output }.abandon();
                        Polled::Ended(Err(format!("the lookup failed: {error}")))
                    }
                }
            }
        }
    }

    /// A thread cannot be ended; it ends by itself and nobody listens. A child is killed and reaped.
    fn abandon(&mut self) {
        if let Self::Child { child, .. } = self {
            // It may have ended by itself just now, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn drain(child: &mut Child, output: &mut Vec<u8>) -> io::Result<()> {
    let Some(pipe) = &mut child.stdout else { return Ok(()) };
    let mut piece = [0; 4096];
    loop {
        match pipe.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => output.extend(piece.iter().take(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if output.len() > LONGEST_OUTPUT {
            return Err(io::Error::other("too many addresses"));
        }
    }
}

fn judge(status: ExitStatus, output: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(output);
    match status.code() {
        Some(0) => {
            text.lines().map(|line| line.parse().map_err(|_| format!("the lookup said '{line}'"))).collect()
        }
        Some(_) if !text.trim().is_empty() => Err(text.trim().to_owned()),
        _ => Err(format!("the lookup's process ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait(resolver: &mut Resolver, count: usize) -> Vec<(LookupId, Answer)> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut answers = Vec::new();
        while answers.len() < count {
            answers.extend(resolver.collect(Mono(0)));
            assert!(Instant::now() < deadline, "no answer");
            std::thread::yield_now();
        }
        answers.sort_by_key(|(lookup, _)| *lookup);
        answers
    }

    #[test]
    fn more_names_than_threads() {
        let mut resolver = Resolver::new(Way::Thread);
        for number in 0..20 {
            resolver.ask(LookupId(number), "localhost".to_owned(), Some(Family::V4));
        }
        resolver.ask(LookupId(20), "no-such-host.invalid".to_owned(), None);
        assert!(resolver.is_busy());
        let answers = wait(&mut resolver, 21);
        assert!(answers[..20].iter().all(|(_, answer)| *answer == Ok(vec!["127.0.0.1".parse().unwrap()])));
        assert!(answers[20].1.is_err());
        assert!(!resolver.is_busy());
    }

    #[test]
    fn addresses_without_a_route_are_left_out_unless_there_are_no_others() {
        let found: Vec<IpAddr> =
            ["2001:db8::1", "10.0.0.1", "2001:db8::2"].map(|text| text.parse().unwrap()).into();
        assert_eq!(usable(found.clone(), |address| address.is_ipv4()), [found[1]]);
        assert_eq!(usable(found.clone(), |_| false), found);
        assert_eq!(usable(found.clone(), |_| true), found);
    }

    fn shell(script: &str) -> Answer {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let mut task = Task::spawn(command).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match task.poll() {
                Polled::Ended(answer) => return answer,
                Polled::Running(running) => task = running,
            }
            assert!(Instant::now() < deadline, "no answer");
            std::thread::yield_now();
        }
    }

    #[test]
    fn every_end_of_a_child() {
        assert_eq!(
            shell("echo 10.0.0.1; echo ::1"),
            Ok(vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()])
        );
        assert_eq!(
            shell("echo Name or service not known; exit 1"),
            Err("Name or service not known".to_owned())
        );
        assert_eq!(shell("echo nonsense"), Err("the lookup said 'nonsense'".to_owned()));
        assert_eq!(
            shell("kill -SEGV $$"),
            Err("the lookup's process ended with signal: 11 (SIGSEGV)".to_owned())
        );
        assert_eq!(
            shell("head -c 100000 /dev/zero | tr '\\0' '1'"),
            Err("the lookup failed: too many addresses".to_owned())
        );
    }

    #[test]
    fn a_child_that_hangs_is_killed() {
        let mut resolver = Resolver::new(Way::Child);
        let mut command = Command::new("/bin/sleep");
        command.arg("1000");
        let task = Task::spawn(command).unwrap();
        let Task::Child { child, .. } = &task else { panic!("a child was asked for") };
        let pid = child.id();
        resolver.running.push(Running { lookup: LookupId(7), started: Mono(0), task });
        assert_eq!(resolver.collect(Mono(29_000_000_000)), []);
        assert_eq!(
            resolver.collect(Mono(31_000_000_000)),
            [(LookupId(7), Err("no answer in 30 seconds".to_owned()))]
        );
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "not reaped");
    }
}
