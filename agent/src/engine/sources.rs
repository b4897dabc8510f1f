//! The list of sources: made from the configuration, changed by chronyc while running.

use std::net::{IpAddr, SocketAddr};

use super::action::{Action, Level};
use super::names::{Name, family_of};
use super::{Engine, Source};
use crate::association::Association;
use crate::config::{Upstream, UpstreamKind};
use crate::reference::Reference;
use crate::select::Verdict;
use crate::time::{Moment, Seconds};

/// Which line, of a file or of chronyc's, a place in the list of sources comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineId(u64);

/// Sources start a little apart from each other, so that a fleet that boots together does not ask together.
const START_SPREAD: Seconds = Seconds(0.2);
/// More sources than this are not taken: each costs a place in every report and memory for its samples.
const MOST_SOURCES: usize = 1024;

/// Why a source is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddError {
    #[error("is listed twice: one source has one vote")]
    AlreadyThere,
    #[error("is not used: only the other address family is allowed here")]
    WrongFamily,
    #[error("is one source too many")]
    TooMany,
}

impl Engine {
    /// Adds a configured line; what cannot be added is told in the log.
    pub(super) fn add_upstream(&mut self, upstream: Upstream, now: Moment) {
        let name = upstream.name.clone();
        if let Err(error) = self.try_add_upstream(upstream, now) {
            self.log(Level::Warning, format!("{name} {error}"));
        }
    }

    /// Literal addresses are sources at once, names are places to be filled.
    pub(super) fn try_add_upstream(&mut self, upstream: Upstream, now: Moment) -> Result<LineId, AddError> {
        let Ok(address) = upstream.name.parse::<IpAddr>() else {
            return self.add_name(upstream, now);
        };
        if self.has_address(address) {
            return Err(AddError::AlreadyThere);
        }
        let wanted = upstream.family.or(self.family);
        if wanted.is_some_and(|family| family != family_of(address)) {
            return Err(AddError::WrongFamily);
        }
        if self.sources.len() >= MOST_SOURCES {
            return Err(AddError::TooMany);
        }
        let line = self.new_line();
        self.sources.push(Source::new(upstream, 0, line));
        self.fill(self.sources.len() - 1, address, now);
        Ok(line)
    }

    fn add_name(&mut self, upstream: Upstream, now: Moment) -> Result<LineId, AddError> {
        let places = match upstream.kind {
            UpstreamKind::Server => 1,
            UpstreamKind::Pool { max_sources } => max_sources.max(1),
        };
        if self.sources.len() + places as usize > MOST_SOURCES {
            return Err(AddError::TooMany);
        }
        let line = self.new_line();
        for _ in 0..places {
            self.last_source_id += 1;
            self.sources.push(Source::new(upstream.clone(), self.last_source_id, line));
        }
        self.names.push(Name::new(line, upstream, now.mono));
        Ok(line)
    }

    fn new_line(&mut self) -> LineId {
        self.last_line += 1;
        LineId(self.last_line)
    }

    /// Gives a place in the list an address, be it its first or another one.
    pub(super) fn fill(&mut self, place: usize, address: IpAddr, now: Moment) {
        let first_poll = now.mono + START_SPREAD * self.luck.fraction();
        let Some(source) = self.sources.get_mut(place) else { return };
        let upstream = source.upstream.clone();
        let address = SocketAddr::new(address, upstream.port);
        let old = source.association.replace(Association::new(upstream, address, first_poll));
        source.verdict = Verdict::TooFewSamples;
        source.bad_since = None;
        self.close(old.as_ref());
        self.take_up(place);
    }

    fn close(&mut self, association: Option<&Association>) {
        if let Some(exchange) = association.and_then(Association::exchange) {
            self.actions.push_back(Action::Close { exchange });
        }
    }

    /// One address is one source, whatever its port: one host has one vote.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.sources
            .iter()
            .filter_map(|source| source.association.as_ref())
            .any(|a| a.address.ip() == address)
    }

    /// Takes one source out of the list; the ones behind it move up.
    pub(super) fn delete_source(&mut self, place: usize, now: Moment) {
        if place >= self.sources.len() {
            return;
        }
        let gone = self.sources.remove(place);
        self.close(gone.association.as_ref());
        self.names.retain(|name| self.sources.iter().any(|source| source.line == name.line));
        let moved = |index: usize| match index.cmp(&place) {
            std::cmp::Ordering::Less => Some(index),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(index - 1),
        };
        self.selected = self.selected.and_then(moved);
        self.combined =
            self.combined.iter().filter_map(|(index, weight)| Some((moved(*index)?, *weight))).collect();
        // A source that is gone is no news that was told.
        self.announced = match self.announced {
            Some(Some(index)) => moved(index).map(Some),
            other => other,
        };
        self.reselect(now);
    }

    /// The files of sources were read, at the start or because of [`Action::ReloadSources`]: what is new in them is
    /// added, what is gone from them is removed, and everything else goes on as it was.
    pub fn handle_file_sources(&mut self, now: Moment, lines: Vec<Upstream>) {
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.file_lines).into_iter().partition(|(known, _)| lines.contains(known));
        for (_, line) in gone {
            while let Some(place) = self.sources.iter().position(|source| source.line == line) {
                self.delete_source(place, now);
            }
        }
        self.file_lines = kept;
        for upstream in lines {
            if self.file_lines.iter().any(|(known, _)| *known == upstream) {
                continue;
            }
            match self.try_add_upstream(upstream.clone(), now) {
                Ok(line) => self.file_lines.push((upstream, line)),
                Err(error) => self.log(Level::Warning, format!("{} {error}", upstream.name)),
            }
        }
        self.look_up(now);
    }

    /// Forgets what was measured of every source, and what was made of it (RESET_SOURCES): the frequency stays.
    pub(super) fn reset_sources(&mut self, now: Moment) {
        self.log(Level::Info, "all measurements are forgotten on request".to_owned());
        self.reference = Reference::Unsynchronised;
        self.selected = None;
        self.has_begun = false;
        self.forget_samples(now);
        self.reselect(now);
    }
}
