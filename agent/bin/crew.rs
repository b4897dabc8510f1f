//! The threads that serve the time: each has a socket of its own on the same port, among which the kernel spreads the
//! clients, and answers from what the engine last published. None of them waits for the engine or for another.

use std::io;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use timefleet_agent::clients::Clients;
use timefleet_agent::server::Service;

use crate::arrivals::Wait;
use crate::clock::Clock;
use crate::log::Log;
use crate::server::Server;
use crate::socket;

/// More threads than this are of no use: each answers some hundred thousand requests a second.
const MOST_THREADS: usize = 8;
/// How long a thread waits for a request before it looks whether it is still wanted.
const WATCH: Duration = Duration::from_secs(1);
/// How long a thread leaves a socket alone that gives nothing but errors.
const PENANCE: Duration = Duration::from_millis(100);
/// How long a thread waits, again and again, for the clock to have jumped.
const HUSH: Duration = Duration::from_micros(20);
/// What a thread needs, many times over.
const STACK: usize = 256 * 1024;

/// What is served, for all threads to see.
struct Board {
    /// Counts what was put up, and what was taken down before: while it is odd there is nothing to serve.
    generation: AtomicU64,
    service: Mutex<Arc<Service>>,
    closed: AtomicBool,
}

impl Board {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn read(&self) -> Arc<Service> {
        Arc::clone(&self.service.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// The threads, as long as they are wanted.
pub(crate) struct Crew {
    board: Arc<Board>,
    published: Arc<Service>,
}

/// How many threads should serve on each socket's address; 0 = the loop itself. A preloaded library may have put
/// another clock and another network beneath us, which more threads than one would confuse.
pub(crate) fn size() -> usize {
    if cfg!(not(target_feature = "crt-static"))
        && std::env::var_os("LD_PRELOAD").is_some_and(|it| !it.is_empty())
    {
        return 0;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

impl Crew {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        let board = Board {
            generation: AtomicU64::new(0),
            service: Mutex::new(Arc::clone(&service)),
            closed: AtomicBool::new(false),
        };
        Self { board: Arc::new(board), published: service }
    }

    /// Puts one more to work; the socket comes back when that fails.
    pub(crate) fn hire(
        &self,
        fd: OwnedFd,
        clients: Arc<Clients>,
        clock: Clock,
        log: Log,
    ) -> Result<(), (OwnedFd, io::Error)> {
        if let Err(error) = socket::block_for(&fd, Some(WATCH)) {
            return Err((fd, error.into()));
        }
        let (fd, board) = (Arc::new(fd), Arc::clone(&self.board));
        let ours = Arc::clone(&fd);
        let hired = with_signals_blocked(|| {
            thread::Builder::new()
                .name("serve".to_owned())
                .stack_size(STACK)
                .spawn(move || attend(&ours, &board, &clients, clock, log))
        });
        match (hired, Arc::into_inner(fd)) {
            (Err(error), Some(fd)) => {
                // It did block, so it can be told not to.
                let _ = socket::block_for(&fd, None);
                Err((fd, error))
            }
            _ => Ok(()),
        }
    }

    /// The kernel's clock is about to jump: until [`Crew::publish`] nobody is told the time.
    pub(crate) fn hush(&self) {
        self.board.generation.fetch_or(1, Ordering::AcqRel);
    }

    /// From now on this is served.
    pub(crate) fn publish(&mut self, service: Arc<Service>) {
        let is_hushed = self.board.generation() & 1 == 1;
        if Arc::ptr_eq(&self.published, &service) && !is_hushed {
            return;
        }
        *self.board.service.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&service);
        self.board.generation.fetch_add(if is_hushed { 1 } else { 2 }, Ordering::Release);
        self.published = service;
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.board.closed.store(true, Ordering::Relaxed);
    }
}

/// A thread begins with the mask of its maker. Signals are for the loop, which is woken by them.
fn with_signals_blocked<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let started = start();
    before.thread_set_mask()?;
    started
}

fn attend(fd: &OwnedFd, board: &Board, clients: &Clients, clock: Clock, log: Log) {
    let mut server = Server::new(clock);
    let (mut generation, mut service) = (0, board.read());
    while !board.is_closed() {
        let received = match server.receive(fd, Wait::ForOne) {
            Ok(received) => received,
            Err(error) => {
                complain(log, "receiving", error);
                thread::sleep(PENANCE);
                continue;
            }
        };
        while board.generation() & 1 == 1 && !board.is_closed() {
            thread::sleep(HUSH);
        }
        let newest = board.generation();
        if newest != generation {
            (generation, service) = (newest, board.read());
        }
        if received == 0 {
            server.look_at_stamps(fd, &service, clients);
        } else if let Err(error) =
            server.answer(fd, received, &service, clients, || board.generation() == generation)
        {
            complain(log, "answering", error);
        }
    }
}

fn complain(log: Log, what: &str, error: Errno) {
    log.debug(&format!("{what} failed: {error}"));
}
