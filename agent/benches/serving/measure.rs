//! One server at a time: the highest rate that it answers, and what that costs it.

use std::thread;
use std::time::{Duration, Instant};

use crate::gauge::{self, Counting};
use crate::generator::Outcome;
use crate::peer::{Peer, Running};
use crate::site::Site;

/// Less than this may be lost.
const LOSS: f64 = 0.01;
/// How long a rate is tried, in seconds.
const TRIAL: f64 = 0.7;
const FIRST_RATE: f64 = 100_000.0;
/// The search ends when the rates that do and do not are this close.
const CLOSE: f64 = 1.02;
/// Costs are measured a little below the highest rate, and for this long in seconds.
const LOAD: f64 = 0.95;
const COST_TRIAL: f64 = 2.0;
const PATIENCE: Duration = Duration::from_secs(20);
/// Under callgrind: requests before and while it counts, so that the start counts for nothing.
const FEW: u64 = 2_000;
const MANY: u64 = 12_000;
/// Unanswered requests at a time there: a slow server has as much before it as a busy one.
const WINDOW: u64 = 32;
const NO_WINDOW: u64 = u64::MAX;

/// What was measured of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Processor time in seconds for a request.
    pub(crate) cpu: f64,
    /// System calls for a request.
    pub(crate) system_calls: Option<f64>,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
}

pub(crate) struct Measuring<'a> {
    pub(crate) site: &'a Site,
}

impl Measuring<'_> {
    /// Can it be measured at all?
    pub(crate) fn greet(&self, peer: Peer) -> Result<(), String> {
        self.start(peer, &[]).map(drop)
    }

    fn start(&self, peer: Peer, under: &[String]) -> Result<Running, String> {
        let running = peer.start(self.site, under)?;
        let deadline = Instant::now() + PATIENCE;
        while self.ask(1, 1e3, 1, NO_WINDOW)?.answered == 0 {
            if Instant::now() > deadline {
                return Err(format!("{} does not answer: {}", peer.name(), running.log().trim()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    fn ask(&self, clients: u32, rate: f64, requests: u64, window: u64) -> Result<Outcome, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = self.site.asking(&program.to_string_lossy());
        command.arg("generate").args([
            clients.to_string(),
            rate.to_string(),
            requests.to_string(),
            window.to_string(),
        ]);
        let done = command.output().map_err(|error| format!("the generator: {error}"))?;
        let said = String::from_utf8_lossy(&done.stdout);
        let words: Vec<&str> = said.split_whitespace().collect();
        let [sent, answered, seconds] = words.as_slice() else {
            return Err(format!("the generator: {}", String::from_utf8_lossy(&done.stderr).trim()));
        };
        let wrong = |_| format!("the generator said {said}");
        Ok(Outcome {
            sent: sent.parse().map_err(wrong)?,
            answered: answered.parse().map_err(wrong)?,
            seconds: seconds.parse().map_err(|_| format!("the generator said {said}"))?,
        })
    }

    pub(crate) fn figures(&self, peer: Peer, clients: u32) -> Result<Figures, String> {
        let mut running = self.start(peer, &[])?;
        // Everybody was seen once.
        self.ask(clients, 50_000.0, u64::from(clients).max(10_000), NO_WINDOW)?;
        let rate = self.highest_rate(clients)?;
        let counting = Counting::system_calls(running.pid());
        let cpu = || gauge::cpu(running.pid()).ok_or("no processor time in /proc".to_owned());
        thread::sleep(Duration::from_millis(300));
        let before = cpu()?;
        let load = rate * LOAD;
        let outcome = self.ask(clients, load, (load * COST_TRIAL) as u64, NO_WINDOW)?;
        let used = cpu()? - before;
        let system_calls = match counting {
            Ok(counting) => counting.end().map(|calls| calls as f64 / outcome.sent as f64),
            Err(why) => {
                println!("system calls are not counted: {why}");
                None
            }
        };
        let memory = gauge::memory(running.pid()).ok_or("no memory in /proc".to_owned())?;
        running.end();
        Ok(Figures { rate, cpu: used / outcome.sent as f64, system_calls, memory })
    }

    /// The highest rate of answers with less than [`LOSS`].
    fn highest_rate(&self, clients: u32) -> Result<f64, String> {
        let (mut answered, mut low, mut high) = (0.0, 0.0, f64::INFINITY);
        let mut rate = FIRST_RATE;
        while high / f64::max(low, 1.0) > CLOSE {
            match self.try_rate(clients, rate)? {
                Some(outcome) => {
                    (answered, low) = (f64::max(answered, outcome.rate()), rate);
                    // The generator itself is at its end.
                    if outcome.rate() < rate * 0.97 {
                        break;
                    }
                }
                None => high = rate,
            }
            rate = if high.is_finite() { (low.max(high / 2.0) + high) / 2.0 } else { low * 1.5 };
            if rate < 1_000.0 {
                return Err("nearly every request is lost".to_owned());
            }
        }
        Ok(answered)
    }

    /// Tries twice: what else this machine does now and then is not the server's fault.
    fn try_rate(&self, clients: u32, rate: f64) -> Result<Option<Outcome>, String> {
        for _ in 0..2 {
            let outcome = self.ask(clients, rate, (rate * TRIAL) as u64, NO_WINDOW)?;
            if outcome.loss() < LOSS {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    /// User-space instructions for a request, by callgrind.
    pub(crate) fn instructions(&self, peer: Peer) -> Result<f64, String> {
        let counted = |requests: u64| {
            let under = ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file={}/callgrind.%p"];
            let mut running = self.start(peer, &under.map(str::to_owned))?;
            let outcome = self.ask(10_000, 1e6, requests, WINDOW)?;
            running.end();
            let sum = gauge::instructions(running.directory.path());
            let sum =
                sum.ok_or_else(|| format!("{} under callgrind: {}", peer.name(), running.log().trim()))?;
            Ok::<_, String>((sum as f64, outcome.answered as f64))
        };
        let (few, many) = (counted(FEW)?, counted(MANY)?);
        Ok((many.0 - few.0) / (many.1 - few.1))
    }
}
