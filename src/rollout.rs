//! Which hosts are talked to when, how many at once, and what came of each: no host's end hides another's.

mod result;
mod waves;

pub(crate) use result::results;
pub(crate) use waves::waves;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

use crate::conversation::Conversation;
use crate::curtain::{Curtain, Place};

/// How far a run was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Go on.
    Not,
    /// Start no new host, let those that are under way finish.
    NoNewHosts,
    /// Leave those that are under way, too.
    Now,
}

/// What came of one host.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How.
    pub(crate) end: End,
    /// How long it took, waiting for its turn not counted.
    pub(crate) elapsed: Duration,
}

/// How one host's turn ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The conversation came to its end, good or bad.
    Talked(Box<Conversation>),
    /// It did not.
    Broke(Broken),
    /// Its turn never came.
    NotStarted,
}

/// A conversation that did not come to its end.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The step that was under way.
    pub(crate) step: String,
    /// One line.
    pub(crate) cause: String,
    /// What to do about it, when known.
    pub(crate) hint: Option<String>,
}

/// How many at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Conversations at the same time.
    pub(crate) forks: usize,
    /// For one host, everything included.
    pub(crate) deadline: Duration,
}

/// Talks to `hosts` hosts wave by wave. A wave begins when every host of the one before has ended, well or not, or
/// lingers behind its [`Curtain`]; the curtain rises when the last wave is through.
///
/// `talk` leads the conversation with the host of that index. What it returns, a panic included, is that host's end
/// alone. The answer has one entry for every host, in the order of their indices.
pub(crate) async fn roll_out<Talk, Told>(
    hosts: usize,
    waves: &[Vec<usize>],
    limits: Limits,
    stop: watch::Receiver<Stop>,
    talk: Talk,
) -> Vec<Ended>
where
    Talk: Fn(usize, Curtain) -> Told + Clone + Send + 'static,
    Told: Future<Output = Result<Conversation, Broken>> + Send + 'static,
{
    let mut ended: Vec<Ended> =
        (0..hosts).map(|_| Ended { end: End::NotStarted, elapsed: Duration::ZERO }).collect();
    let forks = Arc::new(Semaphore::new(limits.forks));
    let (raise, up) = watch::channel(false);
    let mut turns: Vec<(usize, JoinHandle<Ended>)> = Vec::new();
    for wave in waves {
        let mut unsettled = Vec::new();
        for &host in wave {
            let (settled, heard) = oneshot::channel();
            let turn =
                Turn { forks: Arc::clone(&forks), stop: stop.clone(), limits, up: up.clone(), settled };
            let talk = talk.clone();
            turns.push((host, tokio::spawn(turn.take(move |curtain| talk(host, curtain)))));
            unsettled.push(heard);
        }
        for heard in unsettled {
            // Said or dropped: this host holds nobody up any more.
            let _ = heard.await;
        }
    }
    raise.send_replace(true);
    for (host, turn) in turns {
        let end = match turn.await {
            Ok(end) => end,
            Err(error) => Ended { end: End::Broke(crashed(&error)), elapsed: Duration::ZERO },
        };
        if let Some(place) = ended.get_mut(host) {
            *place = end;
        }
    }
    ended
}

/// One host's turn.
struct Turn {
    forks: Arc<Semaphore>,
    stop: watch::Receiver<Stop>,
    limits: Limits,
    up: watch::Receiver<bool>,
    settled: oneshot::Sender<()>,
}

impl Turn {
    /// Waits for a free place, then talks until the end, the deadline or the order to leave.
    async fn take<Told>(mut self, talk: impl FnOnce(Curtain) -> Told) -> Ended
    where
        Told: Future<Output = Result<Conversation, Broken>>,
    {
        let permit = tokio::select! {
            biased;
            () = told(&mut self.stop, Stop::NoNewHosts) => None,
            permit = self.forks.acquire_owned() => permit.ok(),
        };
        let Some(permit) = permit else {
            return Ended { end: End::NotStarted, elapsed: Duration::ZERO };
        };
        let begun = Instant::now();
        // Kept until the end, whatever the conversation does with its own.
        let place = Place::new(permit, self.settled);
        let curtain = Curtain::new(self.up, place.clone());
        let (patience, deadline) = (curtain.patience(), self.limits.deadline);
        let end = tokio::select! {
            end = patience.limit(deadline, talk(curtain)) => match end {
                Some(Ok(conversation)) => End::Talked(Box::new(conversation)),
                Some(Err(broken)) => End::Broke(broken),
                None => End::Broke(too_late(deadline)),
            },
            () = told(&mut self.stop, Stop::Now) => End::Broke(left_alone()),
        };
        drop(place);
        Ended { end, elapsed: begun.elapsed() }
    }
}

/// Returns when the run was told to stop at least this far; never, if nobody is left who could say so.
async fn told(stop: &mut watch::Receiver<Stop>, how_far: Stop) {
    if stop.wait_for(|told| *told >= how_far).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn too_late(deadline: Duration) -> Broken {
    Broken {
        step: "conversation".to_owned(),
        cause: format!("not at its end after {} s", deadline.as_secs()),
        hint: Some(
            "run the same command again: what is done stays done; `-v` shows where it hangs".to_owned(),
        ),
    }
}

fn left_alone() -> Broken {
    Broken {
        step: "conversation".to_owned(),
        cause: "interrupted at the second Ctrl-C".to_owned(),
        hint: Some("run the same command again: what is done stays done, no file is half-written".to_owned()),
    }
}

fn crashed(error: &tokio::task::JoinError) -> Broken {
    Broken {
        step: "conversation".to_owned(),
        cause: format!("a defect in timefleet ended it: {error}"),
        hint: Some("please report it with the output of `-v`".to_owned()),
    }
}

#[cfg(test)]
mod tests;
