//! What is served: kept up to date for whoever answers, and answered from.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Engine;
use super::desk::whole_seconds;
use crate::association::Stamp;
use crate::chronyc::wire;
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
            face: Face::of(&self.served_reference()),
            line: self.line(),
            smoothing: self.smoothing.clone(),
        };
        match &self.service {
            Some(service) if **service == fresh => Arc::clone(service),
            stale => {
                let jump = stale
                    .as_ref()
                    .map_or(Seconds::ZERO, |stale| fresh.served_time(now) - stale.served_time(now));
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

    /// SERVER_STATS.
    pub(super) fn server_stats(&self) -> wire::ServerStats {
        let (totals, served, held) =
            (self.clients.totals(), self.clients.served(), self.clients.held_stamps());
        wire::ServerStats {
            ntp_hits: totals.ntp_hits,
            cmd_hits: totals.command_hits,
            ntp_drops: totals.ntp_drops,
            cmd_drops: totals.command_drops,
            log_drops: totals.records_lost,
            daemon_rx: Some(served.daemon_received),
            daemon_tx: Some(served.daemon_sent),
            kernel_rx: Some(served.kernel_received),
            kernel_tx: Some(served.kernel_sent),
            ntp_auth_hits: served.authenticated,
            ntp_interleaved_hits: served.interleaved,
            timestamps_held: held.pairs,
            timestamp_span: u64::from(whole_seconds(held.span)),
            hw_rx: Some(0),
            hw_tx: Some(0),
            ..wire::ServerStats::default()
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronyc::wire::{Request, Time};
    use crate::config;
    use crate::engine::{Setup, Transport};
    use crate::keys::Keys;
    use crate::report::ClockControl;
    use crate::time::{Mono, Ppm};

    const START: Wall = Wall(1_800_000_000_000_000_000);

    fn at(seconds: f64) -> Moment {
        Moment { mono: Mono(0) + Seconds(seconds), wall: START + Seconds(seconds) }
    }

    fn engine(configuration: &str) -> Engine {
        let setup = Setup {
            config: config::parse("test", configuration).unwrap(),
            family: None,
            control: ClockControl::LeftAlone { reason: "told so by -x".to_owned() },
            kernel_frequency: Ppm::ZERO,
            drift: None,
            keys: Keys::default(),
            seed: [7; 32],
            precision: -25,
            built: Wall(0),
        };
        Engine::new(setup, at(0.0))
    }

    fn order(engine: &mut Engine, now: Moment, request: &Request) {
        assert!(engine.handle_command(now, Transport::Unix, &request.encode(7, 0)).is_some());
    }

    #[test]
    fn there_is_another_service_when_smoothing_changes_and_only_then() {
        let mut engine = engine("local stratum 8\nmanual\nsmoothtime 400 0.01\nallow");
        let asleep = engine.service(at(1.0));
        assert!(Arc::ptr_eq(&asleep, &engine.service(at(2.0))));
        order(&mut engine, at(2.0), &Request::SmoothTime(1));
        let active = engine.service(at(2.0));
        assert!(!Arc::ptr_eq(&asleep, &active));
        let entered = Time { seconds: (at(12.0).wall.0 / 1_000_000_000) as u64, nanos: 0 };
        order(&mut engine, at(2.0), &Request::SetTime(entered));
        let smoothed = engine.service(at(2.0));
        assert!(!Arc::ptr_eq(&active, &smoothed));
        // Nobody notices at once; the same service tells the corrected time more and more.
        assert!((smoothed.served_time(at(2.0)) - at(2.0).wall).abs() < Seconds(1e-6));
        assert!(Arc::ptr_eq(&smoothed, &engine.service(at(102.0))));
        let after = smoothed.served_time(at(102.0)) - at(102.0).wall;
        assert!((after.0 - 100.0 * 100.0 * 0.01e-6 / 2.0).abs() < 1e-6, "{after}");
        order(&mut engine, at(102.0), &Request::SmoothTime(0));
        let reset = engine.service(at(102.0));
        assert!(!Arc::ptr_eq(&smoothed, &reset));
        assert!(((reset.served_time(at(102.0)) - at(102.0).wall).0 - 10.0).abs() < 1.0);
    }
}
