//! The loop: one thread, one poll(2), one engine. It carries news to the engine and does what the engine wants done.

use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use timefleet_agent::engine::{
    Action, Correction, Drift, Engine, ExchangeId, Stamp, StampedBy, Standing, Transport,
};
use timefleet_agent::record::Record;
use timefleet_agent::time::{Moment, Mono, Ppm, Seconds};

use crate::arrivals::Wait;
use crate::clock::Clock;
use crate::command_socket::CommandSocket;
use crate::crew::Crew;
use crate::datagram::{self, Inbox, Queue};
use crate::drift_file;
use crate::dump_files;
use crate::exchange::{Exchanges, Outgoing};
use crate::kernel_clock::KernelClock;
use crate::key_file;
use crate::leap_file::LeapFile;
use crate::listener::{Listener, Role};
use crate::log::Log;
use crate::log_files::LogFiles;
use crate::resolver::Resolver;
use crate::server::Server;
use crate::source_files::SourceFiles;

/// Requests answered in a row before everything else gets its turn.
const BATCH: usize = 64;
/// Batches of requests for the time that are answered in a row.
const BATCHES: usize = 8;
/// Longest sleep. A signal that comes between the look at its flag and the sleep is noticed after this.
const LONGEST_SLEEP: Seconds = Seconds(2.0);
/// Longest sleep while names are being looked up, which wakes nobody.
const LOOKUP_SLEEP: Seconds = Seconds(0.1);

/// Everything that the loop has in its hands.
pub(crate) struct Daemon {
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) kernel: Option<KernelClock>,
    pub(crate) listeners: Vec<Listener>,
    /// The threads that serve the time.
    pub(crate) crew: Option<Crew>,
    /// For what no thread serves.
    pub(crate) server: Server,
    pub(crate) command_socket: Option<CommandSocket>,
    pub(crate) exchanges: Exchanges,
    pub(crate) resolver: Resolver,
    pub(crate) inbox: Inbox,
    pub(crate) source_files: SourceFiles,
    pub(crate) log_files: Option<LogFiles>,
    pub(crate) drift_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) dump_dir: Option<PathBuf>,
    pub(crate) leap_file: Option<LeapFile>,
    /// What the clock's frequency goes back to at the end: one correction is no reason to change it.
    pub(crate) restore: Option<Ppm>,
    pub(crate) past: Past,
}

/// What happened so far, for whoever decides when to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// All steps made, added up.
    pub(crate) stepped: Seconds,
    /// The last correction that the kernel refused.
    pub(crate) refused: Option<String>,
    /// The engine wants to exit, and why.
    pub(crate) gave_up: Option<String>,
}

/// Who has something for us.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Listener(usize),
    CommandSocket,
    Exchange(ExchangeId),
}

impl Daemon {
    /// Once around: does what is wanted, sleeps until something happens or until `until`, and tells the engine.
    pub(crate) fn turn(&mut self, until: Option<Mono>) -> Result<(), Errno> {
        self.act();
        let timeout = self.sleep(until);
        for (ready, events) in self.wait(timeout)? {
            match ready {
                Ready::Listener(index) => self.hear(index, events),
                Ready::CommandSocket => self.answer_commands(),
                Ready::Exchange(id) => self.hear_reply(id, events),
            }
        }
        for (lookup, answer) in self.resolver.collect(self.clock.mono()) {
            self.engine.handle_resolved(self.clock.now(), lookup, answer);
        }
        let now = self.clock.now();
        self.read_leaps(now);
        if self.engine.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.engine.handle_timeout(now);
        }
        self.act();
        self.publish();
        Ok(())
    }

    /// Puts threads to work where the time is asked, if there may be any. What none takes the loop serves itself.
    pub(crate) fn hire(&mut self, threads: bool) {
        if !threads {
            return;
        }
        let crew = Crew::new(self.engine.service(self.clock.now()));
        for listener in std::mem::take(&mut self.listeners) {
            if listener.role == Role::Monitoring {
                self.listeners.push(listener);
            } else if let Err((fd, error)) =
                crew.hire(listener.fd, self.engine.clients(), self.clock, self.log)
            {
                self.log.debug(&format!("no thread to serve the time: {error}"));
                self.listeners.push(Listener { fd, ..listener });
            }
        }
        self.crew = Some(crew);
    }

    /// Whoever serves the time gets to know what the engine has learned.
    fn publish(&mut self) {
        if let Some(crew) = &mut self.crew {
            crew.publish(self.engine.service(self.clock.now()));
        }
    }

    fn read_leaps(&mut self, now: Moment) {
        match self.leap_file.as_mut().and_then(|file| file.poll(now.mono)) {
            Some(Ok(list)) => self.engine.handle_leap_list(now, list),
            Some(Err(error)) => self.log.warning(&error.to_string()),
            None => {}
        }
    }

    /// How the clock stands now.
    pub(crate) fn standing(&self) -> Standing {
        self.engine.standing(self.clock.now())
    }

    /// Leaves the clock's frequency and the drift file as they should outlive us.
    pub(crate) fn finish(&mut self) {
        self.engine.handle_shutdown(self.clock.now());
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Correct(wish) => {
                    let frequency = self.restore.unwrap_or(wish.frequency);
                    self.correct(&Correction { frequency, ..wish });
                }
                Action::SaveDrift(drift) => self.save_drift(drift),
                Action::Log { level, text } => self.log.write(level, &text),
                Action::Record(record) => self.write_record(&record),
                Action::Dump => self.write_dumps(),
                Action::Send { .. }
                | Action::Close { .. }
                | Action::Resolve { .. }
                | Action::ReadKeys
                | Action::LookForRoute { .. }
                | Action::ReloadSources
                | Action::CycleLogs
                | Action::GiveUp { .. } => {}
            }
        }
        self.resolver.abandon();
    }

    /// Does everything that the engine wants done.
    fn act(&mut self) {
        loop {
            if let Some(action) = self.engine.poll_action() {
                self.do_action(action);
            } else if let Some(outgoing) = self.exchanges.next() {
                self.send(&outgoing);
            } else {
                break;
            }
        }
    }

    fn do_action(&mut self, action: Action) {
        match action {
            Action::Send { exchange, to, bytes } => self.exchanges.add(Outgoing { exchange, to, bytes }),
            Action::Close { exchange } => self.exchanges.close(exchange),
            Action::Resolve { lookup, name, family } => {
                self.log.debug(&format!("looking up {name}"));
                self.resolver.ask(lookup, name, family);
            }
            Action::Correct(wish) => self.correct(&wish),
            Action::SaveDrift(drift) => self.save_drift(drift),
            Action::ReadKeys => self.read_keys(),
            Action::LookForRoute { to } => {
                let found = self.exchanges.has_route(to);
                self.engine.handle_route(self.clock.now(), to, found);
            }
            Action::ReloadSources => {
                let lines = self.source_files.reload(self.log);
                self.engine.handle_file_sources(self.clock.now(), lines);
            }
            Action::Record(record) => self.write_record(&record),
            Action::Dump => self.write_dumps(),
            Action::CycleLogs => {
                if let Some(files) = &mut self.log_files {
                    files.cycle();
                }
            }
            Action::Log { level, text } => self.log.write(level, &text),
            Action::GiveUp { reason } => self.past.gave_up = Some(reason),
        }
    }

    fn send(&mut self, outgoing: &Outgoing) {
        match self.exchanges.send(outgoing, self.log) {
            Ok(()) => {
                let stamp = Stamp { wall: self.clock.now().wall, by: StampedBy::Daemon };
                self.engine.handle_sent(outgoing.exchange, stamp);
            }
            Err(error) => {
                self.log.debug(&format!("cannot send to {}: {error}", outgoing.to));
                let why = error.desc();
                self.engine.handle_send_failed(self.clock.now(), outgoing.exchange, why);
            }
        }
    }

    fn correct(&mut self, wish: &Correction) {
        if let Some(crew) = &self.crew
            && wish.step.is_some()
        {
            crew.hush();
        }
        let done = match &self.kernel {
            Some(kernel) => kernel.correct(wish).map_err(|error| error.to_string()),
            None => Err("the clock is left alone".to_owned()),
        };
        match &done {
            Ok(done) => self.past.stepped += done.step.unwrap_or_default(),
            Err(why) => self.past.refused = Some(why.clone()),
        }
        self.engine.handle_corrected(self.clock.now(), done);
        self.publish();
    }

    /// What cannot be read leaves the keys as they are.
    fn read_keys(&mut self) {
        match key_file::read(self.key_file.as_deref()) {
            Ok(keys) => {
                self.log.info(&format!("the key file was read: {} keys", keys.len()));
                self.engine.handle_keys(keys);
            }
            Err(error) => self.log.error(&format!("{error}\nkeeping the keys that were read before")),
        }
    }

    fn write_record(&mut self, record: &Record) {
        if let Some(files) = &mut self.log_files
            && let Err(error) = files.write(record)
        {
            self.log.warning(&error.to_string());
        }
    }

    fn write_dumps(&mut self) {
        let dumps = self.engine.dumps(self.clock.now(), dump_files::uptime());
        if let Some(directory) = &self.dump_dir
            && let Err(error) = dump_files::write(directory, dumps)
        {
            self.log.warning(&error.to_string());
        }
    }

    /// Takes up what earlier runs left, if that is wanted; it is removed in any case.
    pub(crate) fn take_dumps(&mut self, is_wanted: bool) {
        let Some(directory) = &self.dump_dir else { return };
        for found in dump_files::take(directory, is_wanted) {
            match found {
                Err(error) => self.log.warning(&error.to_string()),
                Ok(dump) => {
                    let result = self.engine.handle_dump(self.clock.now(), dump_files::uptime(), &dump);
                    self.log.info(&match result {
                        Ok(count) => format!("{}: took up {count} samples of the last run", dump.address),
                        Err(why) => {
                            format!("{}: the samples of the last run are not used: {why}", dump.address)
                        }
                    });
                }
            }
        }
    }

    fn save_drift(&mut self, drift: Drift) {
        if let Some(path) = &self.drift_file
            && let Err(error) = drift_file::write(path, drift)
        {
            self.log.warning(&error.to_string());
        }
    }

    /// How long nothing is due.
    fn sleep(&self, until: Option<Mono>) -> PollTimeout {
        let now = self.clock.mono();
        let longest = if self.resolver.is_busy() { LOOKUP_SLEEP } else { LONGEST_SLEEP };
        let span = [self.engine.poll_timeout(), until]
            .into_iter()
            .flatten()
            .map(|due| due - now)
            .fold(longest, Seconds::min)
            .max(Seconds::ZERO);
        // Rounded up: waking a moment too early would only mean to sleep again.
        PollTimeout::from((span.0 * 1e3).ceil() as u16)
    }

    fn wait(&self, timeout: PollTimeout) -> Result<Vec<(Ready, PollFlags)>, Errno> {
        let listen = PollFlags::POLLIN;
        // POLLPRI: where transmit timestamps do not come as POLLERR, they come so.
        let exchange = PollFlags::POLLIN | PollFlags::POLLPRI;
        let listeners =
            self.listeners.iter().enumerate().map(|(index, it)| (Ready::Listener(index), &it.fd, listen));
        let command = self.command_socket.iter().map(|it| (Ready::CommandSocket, &it.fd, listen));
        let exchanges = self.exchanges.iter().map(|(id, it)| (Ready::Exchange(id), &it.fd, exchange));
        let (who, mut fds): (Vec<_>, Vec<_>) = listeners
            .chain(command)
            .chain(exchanges)
            .map(|(ready, fd, flags)| (ready, PollFd::new(fd.as_fd(), flags)))
            .unzip();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let events = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::POLLIN));
        Ok(who.into_iter().zip(events).filter(|(_, events)| !events.is_empty()).collect())
    }

    /// A server's socket has datagrams.
    fn hear(&mut self, index: usize, events: PollFlags) {
        let Some(listener) = self.listeners.get(index) else { return };
        match listener.role {
            Role::Time => self.serve(index, events),
            Role::Monitoring => self.hear_commands(index),
        }
    }

    /// Serves the time in place of a thread.
    fn serve(&mut self, index: usize, events: PollFlags) {
        let Some(Listener { fd, .. }) = self.listeners.get(index) else { return };
        let (service, clients) = (self.engine.service(self.clock.now()), self.engine.clients());
        if events.contains(PollFlags::POLLERR) {
            self.server.look_at_stamps(fd, &service, &clients);
        }
        for _ in 0..BATCHES {
            let done = match self.server.receive(fd, Wait::No) {
                Ok(0) => break,
                Ok(received) => self.server.answer(fd, received, &service, &clients, || true),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.log.debug(&format!("serving the time failed: {error}"));
                break;
            }
        }
    }

    fn hear_commands(&mut self, index: usize) {
        let Some(listener) = self.listeners.get(index) else { return };
        for _ in 0..BATCH {
            let received = match self.inbox.receive(&listener.fd, Queue::Arrivals) {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(error) => {
                    self.log.debug(&format!("receiving failed: {error}"));
                    break;
                }
            };
            let Some(from) = received.from else { continue };
            let now = self.clock.now();
            let answer = self.engine.handle_command(now, Transport::Udp(from), self.inbox.bytes(&received));
            let Some(answer) = answer else { continue };
            if let Err(error) = datagram::send(&listener.fd, from, received.local, &answer) {
                self.log.debug(&format!("cannot answer {from}: {error}"));
            }
        }
    }

    fn answer_commands(&mut self) {
        let Some(socket) = &mut self.command_socket else { return };
        for _ in 0..BATCH {
            let (answer, to) = match socket.receive() {
                Ok(Some((bytes, from))) => {
                    (self.engine.handle_command(self.clock.now(), Transport::Unix, bytes), from)
                }
                Ok(None) => break,
                Err(error) => {
                    self.log.debug(&format!("receiving on the monitoring socket failed: {error}"));
                    break;
                }
            };
            if let Some(answer) = answer
                && let Err(error) = socket.answer(&to, &answer)
            {
                self.log.debug(&format!("cannot answer {to}: {error}"));
            }
        }
    }

    /// A client's socket has a transmit timestamp, a reply or an error; the timestamp goes first, since the reply may
    /// end the exchange.
    fn hear_reply(&mut self, id: ExchangeId, events: PollFlags) {
        let Some(exchange) = self.exchanges.get(id) else { return };
        if events.intersects(PollFlags::POLLERR | PollFlags::POLLPRI) {
            // An error here is told again, and handled, when arrivals are read.
            while let Ok(Some(sent)) = self.inbox.receive(&exchange.fd, Queue::Errors) {
                if let Some(wall) = sent.kernel {
                    self.engine.handle_sent(id, Stamp { wall, by: StampedBy::Kernel });
                }
            }
        }
        for _ in 0..BATCH {
            match self.inbox.receive(&exchange.fd, Queue::Arrivals) {
                Ok(Some(received)) => {
                    let now = self.clock.now();
                    let Some(from) = received.from else { continue };
                    let local = received.local.or(exchange.local);
                    let bytes = self.inbox.bytes(&received);
                    self.engine.handle_reply(now, id, from, local, received.stamp(now), bytes);
                }
                Ok(None) => break,
                Err(error) => {
                    self.engine.handle_send_failed(self.clock.now(), id, error.desc());
                    break;
                }
            }
        }
    }
}
