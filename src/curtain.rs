//! Holds a host's last word back until the whole fleet has had its turn.
//!
//! A server that is asked for its clients before they have ever polled it has nothing to tell. So its conversation
//! lingers: it makes room for others, its deadlines stand still, and it is asked when the last wave is through.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// What a conversation keeps from others while it goes on: a place among those that talk at once, and the word that the
/// next wave waits for. Both are given up when all clones are dropped, or by [`Place::leave`].
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Mutex<Option<Kept>>>);

type Kept = (OwnedSemaphorePermit, oneshot::Sender<()>);

impl Place {
    /// `settled` is dropped as soon as nobody need wait for this host any more.
    pub(crate) fn new(permit: OwnedSemaphorePermit, settled: oneshot::Sender<()>) -> Self {
        Self(Arc::new(Mutex::new(Some((permit, settled)))))
    }

    fn leave(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What a conversation lingers behind.
#[derive(Debug)]
pub(crate) struct Curtain {
    up: watch::Receiver<bool>,
    place: Place,
    patience: Patience,
}

impl Curtain {
    /// It rises when `up` becomes true.
    pub(crate) fn new(up: watch::Receiver<bool>, place: Place) -> Self {
        Self { up, place, patience: Patience::default() }
    }

    /// Returns when every host has settled or ended.
    pub(crate) async fn raised(&mut self) {
        self.place.leave();
        self.patience.linger();
        // A rollout that is gone needs nobody to wait.
        let _ = self.up.wait_for(|up| *up).await;
        self.patience.go_on();
    }

    /// The clock by which this conversation's deadlines are kept.
    pub(crate) fn patience(&self) -> Patience {
        self.patience.clone()
    }
}

/// Deadlines that stand still while a conversation lingers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience(Arc<Mutex<Lingering>>);

#[derive(Clone, Copy, Debug, Default)]
struct Lingering {
    now: bool,
    ended: Option<Instant>,
}

impl Patience {
    fn state(&self) -> MutexGuard<'_, Lingering> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn linger(&self) {
        self.state().now = true;
    }

    fn go_on(&self) {
        *self.state() = Lingering { now: false, ended: Some(Instant::now()) };
    }

    /// `None` when `work` took longer than `limit`, before lingering or after it.
    pub(crate) async fn limit<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut due = Instant::now() + limit;
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = sleep_until(due) => {}
            }
            let Lingering { now, ended } = *self.state();
            let fresh = if now { Instant::now() } else { ended.unwrap_or(due - limit) } + limit;
            if fresh <= due {
                return None;
            }
            due = fresh;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use tokio::time::sleep;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn curtain() -> (watch::Sender<bool>, oneshot::Receiver<()>, Arc<Semaphore>, Curtain) {
        let (raise, up) = watch::channel(false);
        let (settled, heard) = oneshot::channel();
        let forks = Arc::new(Semaphore::new(1));
        let place = Place::new(Arc::clone(&forks).acquire_owned().await.unwrap(), settled);
        (raise, heard, forks, Curtain::new(up, place))
    }

    #[tokio::test(start_paused = true)]
    async fn who_lingers_holds_nobody_up_and_has_all_its_time_afterwards() {
        let (raise, heard, forks, mut curtain) = curtain().await;
        let patience = curtain.patience();
        let work = async {
            sleep(MINUTE / 2).await;
            curtain.raised().await;
            sleep(MINUTE - Duration::from_secs(1)).await;
        };
        let rest_of_the_fleet = async {
            assert!(heard.await.is_err(), "dropped, which says it as well");
            assert_eq!(forks.available_permits(), 1);
            sleep(MINUTE * 100).await;
            raise.send_replace(true);
        };
        let (done, ()) = tokio::join!(patience.limit(MINUTE, work), rest_of_the_fleet);
        assert_eq!(done, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_linger_has_a_deadline() {
        let patience = Patience::default();
        assert_eq!(patience.limit(MINUTE, sleep(MINUTE * 2)).await, None);
        assert_eq!(patience.limit(MINUTE, sleep(MINUTE / 2)).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn after_lingering_the_deadline_runs_again() {
        let (raise, _heard, _forks, mut curtain) = curtain().await;
        raise.send_replace(true);
        let patience = curtain.patience();
        let work = async {
            curtain.raised().await;
            sleep(MINUTE * 2).await;
        };
        assert_eq!(patience.limit(MINUTE, work).await, None);
    }
}
