//! Serves the time on one socket: a batch of requests in, a batch of answers out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use timefleet_agent::clients::Clients;
use timefleet_agent::server::{Asked, Service};
use timefleet_agent::time::{Moment, Mono, NtpTimestamp, Seconds};

use crate::arrivals::{Arrivals, BATCH, Wait};
use crate::clock::Clock;
use crate::datagram::{Inbox, Queue};
use crate::departures::Departures;

/// Answers whose kernel timestamp is waited for. It comes at once or never.
const MOST_PENDING: usize = 64;
/// Where the receive timestamp is in an answer.
const RECEIVE: usize = 32;

/// Everything that one thread serves with.
pub(crate) struct Server {
    clock: Clock,
    arrivals: Arrivals,
    departures: Departures,
    pace: Pace,
    inbox: Inbox,
    pending: VecDeque<Pending>,
}

/// An answer whose client may ask when it really left.
#[derive(Clone, Copy, Debug)]
struct Pending {
    to: IpAddr,
    held: NtpTimestamp,
    length: usize,
}

impl Server {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            arrivals: Arrivals::new(),
            departures: Departures::new(),
            pace: Pace::default(),
            inbox: Inbox::new(),
            pending: VecDeque::new(),
        }
    }

    /// Fetches what waits: returns how many datagrams there are to be answered.
    pub(crate) fn receive(&mut self, fd: &OwnedFd, wait: Wait) -> Result<usize, Errno> {
        self.arrivals.receive(fd, wait)
    }

    /// Answers the datagrams that were received last; an error is one of sending. When what was made is no longer true,
    /// nothing is sent.
    pub(crate) fn answer(
        &mut self,
        fd: &OwnedFd,
        received: usize,
        service: &Service,
        clients: &Clients,
        is_true: impl Fn() -> bool,
    ) -> Result<(), Errno> {
        let start = self.clock.now();
        for index in 0..received {
            let Some(arrival) = self.arrivals.get(index) else { continue };
            let leaving = self.pace.leaving(start, received, self.departures.len());
            let Some(place) = self.departures.next() else { break };
            let asked = Asked { from: arrival.from, received: arrival.stamp(start), bytes: arrival.bytes };
            let Some(answered) = service.answer(clients, leaving, &asked, place) else { continue };
            let stamped = self.departures.push(&arrival, answered.length, answered.held.is_some());
            if let Some(held) = answered.held.filter(|_| stamped) {
                if self.pending.len() == MOST_PENDING {
                    self.pending.pop_front();
                }
                self.pending.push_back(Pending { to: arrival.from, held, length: answered.length });
            }
        }
        let answers = self.departures.len();
        if answers == 0 || !is_true() {
            self.departures.clear();
            return Ok(());
        }
        let ready = self.clock.mono();
        let sent = self.departures.send(fd);
        self.pace.learn(start.mono, ready, self.clock.mono(), received, answers);
        if !self.pending.is_empty() {
            self.look_at_stamps(fd, service, clients);
        }
        sent
    }

    /// Reads when answers really left, where somebody may ask for it.
    pub(crate) fn look_at_stamps(&mut self, fd: &OwnedFd, service: &Service, clients: &Clients) {
        let mono = self.clock.mono();
        for _ in 0..BATCH {
            let Ok(Some(sent)) = self.inbox.receive(fd, Queue::Errors) else { break };
            let frame = self.inbox.bytes(&sent);
            let place = self.pending.iter().rposition(|pending| pending.is_in(frame));
            if let (Some(pending), Some(wall)) = (place.and_then(|at| self.pending.remove(at)), sent.kernel) {
                service.left(clients, pending.to, pending.held, Moment { mono, wall });
            }
        }
    }
}

impl Pending {
    /// The kernel gives the timestamp together with the frame that left: our answer, behind its headers.
    fn is_in(&self, frame: &[u8]) -> bool {
        let receive = frame
            .len()
            .checked_sub(self.length)
            .and_then(|start| frame.get(start + RECEIVE..)?.first_chunk())
            .map(|bytes| u64::from_be_bytes(*bytes));
        receive == Some(self.held.0)
    }
}

/// How long it takes from looking at the clock until an answer leaves: all answers of a batch are made before the first
/// is sent, and then they are sent one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Pace {
    /// To make one answer.
    make: Seconds,
    /// To send one.
    send: Seconds,
}

impl Pace {
    /// Slower than this was an interruption.
    const SLOWEST: Seconds = Seconds(5e-6);
    /// A slower batch counts so much. An answer must not say that it left later than it did: a client that is close would
    /// see it arrive before that, and drop it.
    const GAIN: f64 = 1.0 / 1024.0;

    /// When an answer will leave: one of a batch of `received`, with `ahead` others before it.
    fn leaving(self, start: Moment, received: usize, ahead: usize) -> Moment {
        let wait = self.make * received as f64 + self.send * ahead as f64;
        Moment { mono: start.mono + wait, wall: start.wall + wait }
    }

    fn learn(&mut self, start: Mono, ready: Mono, sent: Mono, received: usize, answers: usize) {
        follow(&mut self.make, (ready - start) / received as f64);
        follow(&mut self.send, (sent - ready) / answers as f64);
    }
}

/// Down at once, up slowly: what took longer was held up, and the next one will not be.
fn follow(pace: &mut Seconds, seen: Seconds) {
    let seen = seen.max(Seconds::ZERO).min(Pace::SLOWEST);
    *pace = if seen < *pace { seen } else { *pace + (seen - *pace) * Pace::GAIN };
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use timefleet_agent::access::Access;
    use timefleet_agent::config::{AccessRule, ClientLog, Subnet};
    use timefleet_agent::packet::Header;
    use timefleet_agent::reference::Reference;
    use timefleet_agent::server::{Face, Line};
    use timefleet_agent::time::Wall;

    use super::*;

    fn service() -> Service {
        let everybody = AccessRule { allow: true, all: false, subnet: Subnet::Any };
        Service {
            gate: Access::new(&[everybody]).gate().into(),
            keys: Default::default(),
            limit: None,
            precision: -25,
            face: Face::of(&Reference::Unsynchronised),
            line: Line { at: Wall(0), offset: Seconds::ZERO, rate: 0.0 },
            smoothing: None,
        }
    }

    #[test]
    fn a_batch_is_answered_unless_it_is_no_longer_true() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = server.local_addr().unwrap();
        let fd = OwnedFd::from(server);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(place).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (service, clients) = (service(), Clients::new(ClientLog::default(), 1));
        let mut serving = Server::new(Clock::new());
        for is_true in [false, true] {
            for number in 0..5 {
                let nonce = NtpTimestamp(number * 2 + 1 + u64::from(is_true));
                client.send(&Header::request(4, 6, nonce).to_bytes()).unwrap();
            }
            // On loopback they are all there before the last send returns.
            let received = serving.receive(&fd, Wait::ForOne).unwrap();
            assert_eq!(received, 5);
            serving.answer(&fd, received, &service, &clients, || is_true).unwrap();
        }
        for number in 0..5 {
            let mut bytes = [0; 100];
            assert_eq!(client.recv(&mut bytes).unwrap(), 48);
            assert_eq!(bytes[24..32], (number * 2 + 2_u64).to_be_bytes());
        }
    }

    #[test]
    fn the_last_of_a_batch_leaves_later_than_the_first() {
        let mut pace = Pace::default();
        let at = |micros: u64| Mono(micros * 1_000);
        let start = Moment { mono: at(0), wall: Wall(0) };
        assert_eq!(pace.leaving(start, 10, 9), start);
        for _ in 0..20_000 {
            pace.learn(at(0), at(10), at(30), 10, 10);
        }
        let leaving = |ahead: usize| pace.leaving(start, 10, ahead).wall.0;
        assert!((leaving(0) - 10_000).abs() < 100, "{}", leaving(0));
        assert!((leaving(9) - 28_000).abs() < 100, "{}", leaving(9));
        // Whoever was interrupted is hardly slower for it.
        let before = pace;
        let mut after = pace;
        after.learn(at(0), at(10), at(900_000), 10, 10);
        assert!((after.send - before.send).0 < 1e-8, "{after:?}");
    }
}
