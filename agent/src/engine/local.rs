//! The host's own clock as a reference, when that is wanted and nothing better is there.

use super::Engine;
use super::action::Level;
use crate::config::Local;
use crate::reference::Reference;
use crate::time::{Moment, Mono, Seconds};

/// In local mode the reference time is refreshed this often, so that clients see a living server.
const LOCAL_REFRESH: Seconds = Seconds(64.0);

/// What stands between the host's own clock and its being served.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standby {
    /// When the local reference is refreshed.
    refresh: Mono,
    /// Since when nothing is followed.
    lost_since: Option<Mono>,
    /// A root distance below `activate` was reached.
    is_activated: bool,
    /// The clock says a time at which the agent did not exist yet.
    is_too_early: bool,
}

impl Standby {
    /// `activate`: the own clock is served only where it once was as good as that.
    fn is_allowed(&self, local: &Local) -> bool {
        !self.is_too_early && (local.activate <= Seconds::ZERO || self.is_activated)
    }
}

impl Engine {
    /// Falls back to the host's own clock when that is wanted and nothing better is there.
    pub(super) fn refresh_reference(&mut self, now: Moment) {
        let Some(local) = self.config.local else { return };
        self.look_at_standby(now, &local);
        if self.next_refresh().is_none_or(|due| due > now.mono) {
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
        self.standby.refresh = now.mono + LOCAL_REFRESH;
    }

    fn look_at_standby(&mut self, now: Moment, local: &Local) {
        match &self.reference {
            Reference::Unsynchronised => {
                self.standby.lost_since.get_or_insert(now.mono);
            }
            Reference::Source(source) => {
                self.standby.lost_since = None;
                self.standby.is_activated |=
                    source.root_delay / 2.0 + source.root_dispersion < local.activate;
            }
            Reference::Local { .. } => {}
        }
        let is_too_early = self.ntp_time(now.wall) < self.built;
        if is_too_early && !self.standby.is_too_early {
            let text = "the clock says a time before this agent was built: it is not served, whatever 'local' says, \
                        until it was set";
            self.log(Level::Warning, text.to_owned());
            if matches!(self.reference, Reference::Local { .. }) {
                self.reference = Reference::Unsynchronised;
            }
        }
        self.standby.is_too_early = is_too_early;
    }

    /// When [`Engine::refresh_reference`] has something to do; `None` = not before something else happens.
    pub(super) fn next_refresh(&self) -> Option<Mono> {
        let local = self.config.local.filter(|local| self.standby.is_allowed(local))?;
        Some(match &self.reference {
            Reference::Unsynchronised => self.standby.lost_since.unwrap_or_default() + local.wait_unsynced,
            Reference::Local { .. } => self.standby.refresh,
            Reference::Source(source) => {
                let room = local.distance - source.root_delay / 2.0 - source.root_dispersion;
                let after = (room / source.dispersion_rate.max(1e-9)).max(Seconds::ZERO).min(Seconds(1e9));
                source.at + (after + Seconds(0.001)).max(local.wait_synced)
            }
        })
    }
}
