//! Datagrams to the client's sockets, from the address that was asked.

use std::net::SocketAddr;

use timefleet_agent::config::Family;
use timefleet_agent::engine::{Action, Correction, Engine, ExchangeId, Stamp, StampedBy};
use timefleet_agent::keys::Keys;
use timefleet_agent::packet::{Packet, Trailer};
use timefleet_agent::report::ClockControl;
use timefleet_agent::time::{Moment, Ppm, Seconds};

use super::{START, engine, known_keys, later, pieces};

const ORIGIN: usize = 24;
const TRANSMIT: usize = 40;
const SOURCES: &str = "server 192.0.2.1 minpoll -2 maxpoll 0 iburst\nserver 192.0.2.2 minpoll -2 maxpoll 0 key 2\n\
                       server 192.0.2.3 minpoll -2 maxpoll 0 offset 0.5\nmakestep 1 -1\nmaxchange 1e5 1 3\nport 0";
/// What the first byte of a piece asks for: whoever attacks on the path can do this much, and a source itself all.
const KNOWS_ORIGIN: u8 = 1;
const KNOWS_KEY: u8 = 2;
const TELLS_TIME: u8 = 4;

/// A client whose sources answer anything. What it does to its clock are finite numbers, and it is still there at the end.
pub(crate) fn replies(data: &[u8]) {
    let mut client = Client {
        engine: engine(SOURCES, ClockControl::Steered),
        keys: known_keys(),
        now: START,
        asked: Vec::new(),
    };
    for piece in pieces(data) {
        client.turn();
        let Some((wish, bytes)) = piece.split_first() else { continue };
        client.hear(*wish, bytes);
    }
    client.turn();
    client.engine.handle_shutdown(client.now);
    client.turn();
}

/// A request that is under way.
struct Asked {
    exchange: ExchangeId,
    to: SocketAddr,
    bytes: Vec<u8>,
}

struct Client {
    engine: Engine,
    keys: Keys,
    now: Moment,
    asked: Vec<Asked>,
}

impl Client {
    /// Time passes until something is due, and everything is done that the engine wants.
    fn turn(&mut self) {
        self.now = later(self.now, Seconds(0.05));
        if self.engine.poll_timeout().is_some_and(|due| due <= self.now.mono) {
            self.engine.handle_timeout(self.now);
        }
        // Whatever was heard, it does not keep the daemon busy for ever.
        for _ in 0..1000 {
            let Some(action) = self.engine.poll_action() else { return };
            self.act(action);
        }
        panic!("there is always something more to do");
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send { exchange, to, bytes } => {
                let stamp = Stamp { wall: self.now.wall, by: StampedBy::Kernel };
                self.engine.handle_sent(exchange, stamp);
                self.asked.push(Asked { exchange, to, bytes });
            }
            Action::Close { exchange } => self.asked.retain(|asked| asked.exchange != exchange),
            Action::Correct(wish) => {
                let Correction { frequency, step, max_error, estimated_error, .. } = wish;
                let numbers = [frequency.0, step.unwrap_or_default().0, max_error.0, estimated_error.0];
                assert!(numbers.iter().all(|number| number.is_finite()), "{wish:?}");
                self.now.wall = self.now.wall + step.unwrap_or_default();
                // As far as a kernel goes.
                let frequency = Ppm(frequency.0.clamp(-1e5, 1e5));
                self.engine.handle_corrected(self.now, Ok(Correction { frequency, ..wish }));
            }
            Action::SaveDrift(drift) => {
                assert!(drift.frequency.0.is_finite() && drift.skew.0.is_finite(), "{drift:?}");
            }
            Action::Resolve { lookup, family, .. } => {
                assert_ne!(family, Some(Family::V6), "there are no names");
                self.engine.handle_resolved(self.now, lookup, Err("nobody knows it".to_owned()));
            }
            _ => {}
        }
    }

    fn hear(&mut self, wish: u8, bytes: &[u8]) {
        let Some(asked) = self.asked.get(usize::from(wish >> 4) % self.asked.len().max(1)) else { return };
        let mut reply = bytes.to_vec();
        if let Some(origin) = reply.get_mut(ORIGIN..ORIGIN + 8).filter(|_| wish & KNOWS_ORIGIN != 0) {
            origin.copy_from_slice(&asked.bytes[TRANSMIT..TRANSMIT + 8]);
        }
        if wish & TELLS_TIME != 0 && reply.len() >= 48 {
            // About now: the first half of each stamp is believable, the rest stays as it came.
            let seconds = ((self.now.wall.0 / 1_000_000_000 + 2_208_988_800) as u32).to_be_bytes();
            for at in [16, 32, TRANSMIT] {
                reply[at..at + 4].copy_from_slice(&seconds);
            }
        }
        if wish & KNOWS_KEY != 0
            && let Ok(Packet { header, trailer: Trailer::Mac { at, .. } }) = Packet::parse(&reply)
        {
            // Signed as it should be, where that fits.
            let mut signed = reply.clone();
            signed.resize(128, 0);
            if let Some(length) = self.keys.sign(2, header.version, &mut signed, at) {
                signed.truncate(length);
                reply = signed;
            }
        }
        let (exchange, from) = (asked.exchange, asked.to);
        let received = Stamp { wall: self.now.wall, by: StampedBy::Kernel };
        self.engine.handle_reply(self.now, exchange, from, None, received, &reply);
    }
}
