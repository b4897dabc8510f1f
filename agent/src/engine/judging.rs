//! Which sources tell the truth, which of them is followed, and who is told.

use super::action::Level;
use super::options::{Kinds, Options};
use super::{Engine, Source, names};
use crate::association::Association;
use crate::oscillator::Free;
use crate::packet::RefId;
use crate::select::{self, Candidate, View};
use crate::time::{Moment, Seconds};

/// A source that was asked this often without becoming selectable is worth a warning.
const TRIED: u32 = 4;

impl Engine {
    /// A source as the selection sees it.
    fn candidate(&self, source: &Source, kinds: Kinds, now: Moment) -> Option<Candidate> {
        let association = source.association.as_ref()?;
        let free = self.oscillator.free(now.wall);
        let lead = self.oscillator.lead(now.wall);
        let Options { no_select, prefer, trust, require } = self.options(&association.upstream, kinds);
        let view =
            association.estimate().zip(association.history().newest()).map(|(estimate, newest)| View {
                offset: estimate.offset(free) - lead,
                root_distance: self.root_distance(source, now).unwrap_or_default(),
                fresh_distance: distance_at(association, newest.at).unwrap_or_default(),
                jitter: estimate.std_dev,
                stratum: newest.stratum,
            });
        Some(Candidate {
            id: RefId::of_address(association.address.ip()),
            own_id: association.reply.and_then(|reply| reply.local).map(RefId::of_address),
            no_select,
            prefer,
            trust,
            require,
            reachable: association.is_reachable(source.is_followed()),
            unsynchronised: source.is_unsynchronised(),
            has_enough_samples: association.has_enough_samples(),
            view,
        })
    }

    /// Error bound of what a source says now: half its root delay, its root dispersion, and what came since.
    pub(super) fn root_distance(&self, source: &Source, now: Moment) -> Option<Seconds> {
        let association = source.association.as_ref()?;
        let free = self.oscillator.free(now.wall);
        let age = (free - association.history().newest()?.at).max(Seconds::ZERO);
        Some(distance_at(association, free)? + age * self.config.max_clock_error.ratio())
    }

    /// Judges all sources again.
    pub(super) fn reselect(&mut self, now: Moment) {
        let settings = select::Settings {
            min_sources: self.config.min_sources,
            max_distance: self.config.max_distance,
            max_jitter: self.config.max_jitter,
            reselect_distance: self.config.reselect_distance,
            stratum_weight: self.config.stratum_weight,
            combine_limit: self.config.combine_limit,
            orphan_stratum: self.config.local.filter(|local| local.orphan).map(|local| local.stratum),
        };
        let kinds = self.kinds();
        let known: Vec<(usize, Candidate)> = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(i, source)| Some((i, self.candidate(source, kinds, now)?)))
            .collect();
        let candidates: Vec<Candidate> = known.iter().map(|(_, candidate)| *candidate).collect();
        let previous = self.selected.and_then(|index| known.iter().position(|(i, _)| *i == index));
        let selection = select::select(&candidates, &settings, previous);
        let source_of = |position: usize| known.get(position).map(|(index, _)| *index);
        for (position, verdict) in selection.verdicts.iter().enumerate() {
            if let Some(source) = source_of(position).and_then(|index| self.sources.get_mut(index)) {
                source.verdict = *verdict;
                source.judged_at = now.mono;
                source.bad_since = names::is_bad(*verdict).then(|| source.bad_since.unwrap_or(now.mono));
            }
        }
        self.selected = selection.best.and_then(source_of);
        self.combined =
            selection.combined.iter().filter_map(|(p, weight)| Some((source_of(*p)?, *weight))).collect();
        self.record_selection(now);
        let tried = |source: &Source| source.association.as_ref().is_some_and(|a| a.counters.sent > TRIED);
        let is_news = self.selected.is_some() || self.announced.is_some() || self.sources.iter().all(tried);
        if is_news && self.announced != Some(self.selected) {
            self.announced = Some(self.selected);
            self.announce(self.selected);
        }
    }

    fn announce(&mut self, selected: Option<usize>) {
        let address = |index: usize| {
            self.sources.get(index).and_then(|s| s.association.as_ref()).map(|a| a.address.ip())
        };
        match selected.and_then(address) {
            Some(address) => self.log(Level::Info, format!("selected source {address}")),
            None => {
                let reasons: Vec<String> =
                    self.sources.iter().map(|s| format!("{} {}", s.display_name(), s.reason())).collect();
                self.log(Level::Warning, format!("no selectable source: {}", reasons.join(", ")));
            }
        }
    }

    /// A source gave a new sample: judge, and let the clock follow if the sample was the selected source's.
    pub(super) fn take_sample(&mut self, now: Moment, index: usize) {
        self.record_statistics(now, index);
        self.reselect(now);
        if self.has_begun && self.selected == Some(index) {
            self.update_clock(now, index);
        }
        self.begin(now);
    }

    /// The first update waits until every source that answers has had its burst: the first to speak may be the liar.
    pub(super) fn begin(&mut self, now: Moment) {
        let gathers = |source: &Source| source.association.as_ref().is_some_and(Association::is_gathering);
        let Some(best) = self.selected.filter(|_| !self.has_begun) else { return };
        if !self.sources.iter().any(gathers) {
            self.has_begun = true;
            self.update_clock(now, best);
        }
    }
}

/// The same without what the clock itself may be wrong by.
fn distance_at(association: &Association, free: Free) -> Option<Seconds> {
    let newest = association.history().newest()?;
    let shortest = association.history().min_delay()?;
    let known = (newest.root_delay + shortest) / 2.0 + newest.root_dispersion + newest.dispersion;
    Some(known + association.estimate()?.offset_deviation(free))
}
