//! What is served: kept up to date for whoever answers, and answered from.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Engine;
use crate::association::Stamp;
use crate::clients::Clients;
use crate::server::{Asked, Face, LONGEST_ANSWER, Line, Service};
use crate::time::{Moment, Seconds, Wall};

/// When the time that is served moves by more than this at once, the timestamps of earlier answers are worth nothing.
const JUMP: Seconds = Seconds(0.001);

impl Engine {
    /// What is served now. Threads may answer from it until there is another one.
    pub fn service(&mut self, now: Moment) -> Arc<Service> {
        let fresh = Service {
            gate: Arc::clone(&self.gate),
            keys: Arc::clone(&self.keys),
            limit: self.config.rate_limit,
            precision: self.precision,
            face: Face::of(&self.reference),
            line: self.line(),
        };
        match &self.service {
            Some(service) if **service == fresh => Arc::clone(service),
            stale => {
                let jump = stale.as_ref().map_or(Seconds::ZERO, |stale| {
                    fresh.line.true_time(now.wall) - stale.line.true_time(now.wall)
                });
                if jump.abs() > JUMP {
                    self.clients.forget_stamps();
                }
                Arc::clone(self.service.insert(Arc::new(fresh)))
            }
        }
    }

    /// Who asks; shared with whoever answers.
    pub fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients)
    }

    /// A datagram came to the server's socket. `now` is read just before this call, since it becomes the transmit
    /// time. Returns the number of bytes of the answer written to `answer`; `None` = no answer.
    pub fn handle_request(
        &mut self,
        now: Moment,
        from: SocketAddr,
        received: Stamp,
        bytes: &[u8],
        answer: &mut [u8; LONGEST_ANSWER],
    ) -> Option<usize> {
        let service = self.service(now);
        let asked = Asked { from: from.ip(), received, bytes };
        service.answer(&self.clients, now, &asked, answer).map(|answered| answered.length)
    }

    /// [`Engine::ntp_time`] as a line over the kernel's clock.
    fn line(&self) -> Line {
        let Some(model) = self.model else { return Line { at: Wall(0), offset: Seconds::ZERO, rate: 0.0 } };
        // Only a correction moves this point, so that the same line is always said in the same words.
        let at = self.oscillator.anchor();
        let applied = self.oscillator.applied().ratio();
        Line { at, offset: self.correction(at), rate: (model.slope - applied) / (1.0 + applied) }
    }
}
