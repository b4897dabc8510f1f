//! The host's own clock as a reference, when that is wanted and nothing better is there.

use super::Engine;
use super::action::Level;
use crate::reference::Reference;
use crate::time::{Moment, Mono, Seconds};

/// In local mode the reference time is refreshed this often, so that clients see a living server.
const LOCAL_REFRESH: Seconds = Seconds(64.0);

impl Engine {
    /// Falls back to the host's own clock when that is wanted and nothing better is there.
    pub(super) fn refresh_reference(&mut self, now: Moment) {
        let Some(local) = self.config.local else { return };
        let lost = match self.reference {
            Reference::Unsynchronised => true,
            Reference::Source(_) => self.reference.root_distance(now.mono) > local.distance,
            Reference::Local { .. } => self.local_refresh <= now.mono,
        };
        if !lost {
            return;
        }
        if !matches!(self.reference, Reference::Local { .. }) {
            self.log(Level::Info, format!("no source: serving the local clock as stratum {}", local.stratum));
        }
        self.reference = Reference::Local {
            stratum: local.stratum,
            reference_time: self.ntp_time(now.wall),
            leap: self.reference.leap_second(),
        };
        self.local_refresh = now.mono + LOCAL_REFRESH;
    }

    /// When [`Engine::refresh_reference`] has something to do.
    pub(super) fn next_refresh(&self) -> Option<Mono> {
        let local = self.config.local?;
        Some(match &self.reference {
            Reference::Unsynchronised => Mono(0),
            Reference::Local { .. } => self.local_refresh,
            Reference::Source(source) => {
                let room = local.distance - source.root_delay / 2.0 - source.root_dispersion;
                let after = (room / source.dispersion_rate.max(1e-9)).max(Seconds::ZERO).min(Seconds(1e9));
                source.at + after + Seconds(0.001)
            }
        })
    }
}
