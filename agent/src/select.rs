//! Which sources tell the truth, which of them is followed, and why each of the others is not.

use crate::packet::RefId;
use crate::time::Seconds;

/// One source as the selection sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The source's own reference ID (its address), for the orphan election.
    pub id: RefId,
    /// The address at which this host talks to the source, as reference ID.
    pub own_id: Option<RefId>,
    /// `noselect`.
    pub no_select: bool,
    /// `prefer`.
    pub prefer: bool,
    /// `trust`.
    pub trust: bool,
    /// `require`.
    pub require: bool,
    /// Answered at least one of the last eight requests.
    pub reachable: bool,
    /// The last reply said that the source itself is not synchronised.
    pub unsynchronised: bool,
    /// There are enough samples for a say.
    pub has_enough_samples: bool,
    /// What the samples say; `None` without samples.
    pub view: Option<View>,
}

/// What a source's samples say now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The source's time minus the system clock.
    pub offset: Seconds,
    /// Error bound of that offset: the interval is offset plus or minus this.
    pub root_distance: Seconds,
    /// The same when its newest sample was taken: sources are held against each other by this, or the one that was asked
    /// last would always be the best.
    pub fresh_distance: Seconds,
    /// Standard deviation of the samples.
    pub jitter: Seconds,
    /// The source's stratum.
    pub stratum: u8,
}

/// The configuration's say in the selection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// `minsources`.
    pub min_sources: u32,
    /// `maxdistance`.
    pub max_distance: Seconds,
    /// `maxjitter`.
    pub max_jitter: Seconds,
    /// `reselectdist`.
    pub reselect_distance: Seconds,
    /// `stratumweight`.
    pub stratum_weight: Seconds,
    /// `combinelimit`: sources up to this many times as distant as the best are combined with it.
    pub combine_limit: f64,
    /// `local stratum N orphan`: stratum from which on sources are taken for orphans.
    pub orphan_stratum: Option<u8>,
}

/// What became of a source, by the letters of chronyc's `selectdata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `N`: option noselect.
    NoSelect,
    /// `s`: not synchronised.
    Unsynchronised,
    /// `M`: too few measurements.
    TooFewSamples,
    /// `d`: root distance above maxdistance.
    Distant,
    /// `~`: jitter above maxjitter.
    Jittery,
    /// `S`: no answer to the last eight requests.
    Unreachable,
    /// `O`: an orphan.
    Orphan,
    /// `T`: does not agree with the trusted sources.
    Untrusted,
    /// `x`: falseticker.
    Falseticker,
    /// `W`: more selectable sources are needed.
    Waiting,
    /// `P`: another one is preferred.
    NotPreferred,
    /// `D`: too distant to be combined with the best.
    NotCombined,
    /// `+`: combined with the best.
    Combined,
    /// `*`: the best.
    Selected,
}

impl Verdict {
    /// Letter of `selectdata`.
    pub fn letter(self) -> char {
        match self {
            Self::NoSelect => 'N',
            Self::Unsynchronised => 's',
            Self::TooFewSamples => 'M',
            Self::Distant => 'd',
            Self::Jittery => '~',
            Self::Unreachable => 'S',
            Self::Orphan => 'O',
            Self::Untrusted => 'T',
            Self::Falseticker => 'x',
            Self::Waiting => 'W',
            Self::NotPreferred => 'P',
            Self::NotCombined => 'D',
            Self::Combined => '+',
            Self::Selected => '*',
        }
    }

    /// In words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoSelect => "has the option noselect",
            Self::Unsynchronised => "is not synchronised",
            Self::TooFewSamples => "has too few measurements",
            Self::Distant => "has a root distance above maxdistance",
            Self::Jittery => "has a jitter above maxjitter",
            Self::Unreachable => "did not answer the last eight requests",
            Self::Orphan => "is an orphan at or above our own local stratum",
            Self::Untrusted => "does not agree with the trusted sources",
            Self::Falseticker => "is a falseticker",
            Self::Waiting => "waits for more selectable sources (minsources, require)",
            Self::NotPreferred => "is not preferred",
            Self::NotCombined => "is too distant to be combined",
            Self::Combined => "is combined",
            Self::Selected => "is selected",
        }
    }
}

/// The result of a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// For each candidate, in order.
    pub verdicts: Vec<Verdict>,
    /// The best source.
    pub best: Option<usize>,
    /// Sources to combine, the best among them, with weights that add up to one.
    pub combined: Vec<(usize, f64)>,
}

/// Selects. `previous` is the source followed so far: it stays unless another is better by more than `reselectdist`.
pub fn select(candidates: &[Candidate], settings: &Settings, previous: Option<usize>) -> Selection {
    let mut verdicts: Vec<Verdict> =
        candidates.iter().map(|candidate| precheck(candidate, settings)).collect();
    let none = |verdicts| Selection { verdicts, best: None, combined: Vec::new() };
    if !verdicts.contains(&Verdict::Combined) {
        return elect_orphan(candidates, &mut verdicts, settings)
            .map(|best| Selection {
                verdicts: verdicts.clone(),
                best: Some(best),
                combined: vec![(best, 1.0)],
            })
            .unwrap_or_else(|| none(verdicts));
    }
    mark_falsetickers(candidates, &mut verdicts);
    let truechimers: Vec<usize> = indices(&verdicts, Verdict::Combined);
    if truechimers.is_empty() {
        return none(verdicts);
    }
    let required = candidates.iter().any(|candidate| candidate.require);
    let has_required = truechimers.iter().any(|&i| candidates.get(i).is_some_and(|c| c.require));
    if truechimers.len() < settings.min_sources.max(1) as usize || (required && !has_required) {
        mark(&mut verdicts, &truechimers, Verdict::Waiting);
        return none(verdicts);
    }
    choose(candidates, settings, previous, truechimers, verdicts)
}

/// A candidate that may be used is `Combined` for the time being.
fn precheck(candidate: &Candidate, settings: &Settings) -> Verdict {
    if candidate.no_select {
        return Verdict::NoSelect;
    }
    if candidate.unsynchronised {
        return Verdict::Unsynchronised;
    }
    let Some(view) = candidate.view else { return Verdict::TooFewSamples };
    if !candidate.has_enough_samples {
        Verdict::TooFewSamples
    } else if !candidate.reachable {
        Verdict::Unreachable
    } else if settings.orphan_stratum.is_some_and(|stratum| view.stratum >= stratum) {
        Verdict::Orphan
    } else if view.root_distance > settings.max_distance {
        Verdict::Distant
    } else if view.jitter > settings.max_jitter {
        Verdict::Jittery
    } else {
        Verdict::Combined
    }
}

/// Among servers with the same `local stratum N orphan` the one with the smallest reference ID leads.
fn elect_orphan(candidates: &[Candidate], verdicts: &mut [Verdict], settings: &Settings) -> Option<usize> {
    let stratum = settings.orphan_stratum?;
    let (leader, _) = candidates
        .iter()
        .enumerate()
        .filter(|(i, candidate)| {
            verdicts.get(*i) == Some(&Verdict::Orphan)
                && candidate.view.is_some_and(|view| {
                    view.stratum == stratum && view.root_distance <= settings.max_distance
                })
                && candidate.own_id.is_some_and(|own| candidate.id < own)
        })
        .min_by_key(|(_, candidate)| candidate.id)?;
    mark(verdicts, &[leader], Verdict::Selected);
    Some(leader)
}

/// Finds the point that most intervals contain; sources whose interval does not contain it are falsetickers, all are
/// when no majority agrees (RFC 5905 section 11.2.1). Trusted sources alone decide where there are any.
fn mark_falsetickers(candidates: &[Candidate], verdicts: &mut [Verdict]) {
    let usable = indices(verdicts, Verdict::Combined);
    let trusted: Vec<usize> =
        usable.iter().copied().filter(|&i| candidates.get(i).is_some_and(|c| c.trust)).collect();
    let voters = if trusted.is_empty() { &usable } else { &trusted };
    let interval = |i: usize| {
        let view = candidates.get(i)?.view?;
        Some((view.offset.0 - view.root_distance.0, view.offset.0 + view.root_distance.0))
    };
    let intervals: Vec<(f64, f64)> = voters.iter().filter_map(|&i| interval(i)).collect();
    let Some((low, high)) = most_agreed(&intervals) else {
        mark(verdicts, &usable, Verdict::Falseticker);
        return;
    };
    for &i in &usable {
        let agrees = interval(i).is_some_and(|(from, to)| from <= high && to >= low);
        if !agrees {
            let verdict = if trusted.is_empty() || trusted.contains(&i) {
                Verdict::Falseticker
            } else {
                Verdict::Untrusted
            };
            mark(verdicts, &[i], verdict);
        }
    }
}

/// The region that the largest number of intervals share; `None` when that number is not a majority.
fn most_agreed(intervals: &[(f64, f64)]) -> Option<(f64, f64)> {
    let mut edges: Vec<(f64, i32)> =
        intervals.iter().flat_map(|&(low, high)| [(low, 1), (high, -1)]).collect();
    // At the same place an interval begins before another ends: touching counts as agreeing.
    edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let (mut depth, mut deepest, mut region) = (0, 0, None);
    for (i, &(edge, change)) in edges.iter().enumerate() {
        depth += change;
        if depth > deepest {
            deepest = depth;
            region = edges.get(i + 1).map(|&(next, _)| (edge, next));
        }
    }
    (deepest as usize * 2 > intervals.len()).then_some(region).flatten()
}

fn choose(
    candidates: &[Candidate],
    settings: &Settings,
    previous: Option<usize>,
    truechimers: Vec<usize>,
    mut verdicts: Vec<Verdict>,
) -> Selection {
    let preferred: Vec<usize> =
        truechimers.iter().copied().filter(|&i| candidates.get(i).is_some_and(|c| c.prefer)).collect();
    let field = if preferred.is_empty() {
        truechimers
    } else {
        mark(&mut verdicts, &truechimers, Verdict::NotPreferred);
        preferred
    };
    let view = |i: usize| candidates.get(i).and_then(|candidate| candidate.view);
    let lowest = field.iter().filter_map(|&i| view(i)).map(|v| v.stratum).min().unwrap_or(0);
    let distance = |i: usize| {
        view(i).map_or(f64::INFINITY, |v| {
            v.fresh_distance.0 + settings.stratum_weight.0 * f64::from(v.stratum - lowest)
        })
    };
    let Some(nearest) = field.iter().copied().min_by(|&a, &b| distance(a).total_cmp(&distance(b))) else {
        return Selection { verdicts, best: None, combined: Vec::new() };
    };
    let best = previous
        .filter(|p| field.contains(p) && distance(*p) <= distance(nearest) + settings.reselect_distance.0)
        .unwrap_or(nearest);
    let (near, far): (Vec<usize>, Vec<usize>) = field
        .iter()
        .copied()
        .partition(|&i| i == best || distance(i) <= distance(best) * settings.combine_limit);
    mark(&mut verdicts, &far, Verdict::NotCombined);
    mark(&mut verdicts, &near, Verdict::Combined);
    mark(&mut verdicts, &[best], Verdict::Selected);
    let weight = |i: usize| distance(i).max(1e-9).powi(-2);
    let total: f64 = near.iter().map(|&i| weight(i)).sum();
    let combined = near.iter().map(|&i| (i, weight(i) / total)).collect();
    Selection { verdicts, best: Some(best), combined }
}

fn indices(verdicts: &[Verdict], wanted: Verdict) -> Vec<usize> {
    verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == wanted).map(|(i, _)| i).collect()
}

fn mark(verdicts: &mut [Verdict], which: &[usize], verdict: Verdict) {
    for &i in which {
        if let Some(place) = verdicts.get_mut(i) {
            *place = verdict;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        min_sources: 1,
        max_distance: Seconds(3.0),
        max_jitter: Seconds(1.0),
        reselect_distance: Seconds(1e-4),
        stratum_weight: Seconds(1e-3),
        combine_limit: 3.0,
        orphan_stratum: None,
    };

    fn source(offset: f64, distance: f64) -> Candidate {
        Candidate {
            id: RefId(1),
            own_id: Some(RefId(5)),
            no_select: false,
            prefer: false,
            trust: false,
            require: false,
            reachable: true,
            unsynchronised: false,
            has_enough_samples: true,
            view: Some(View {
                offset: Seconds(offset),
                root_distance: Seconds(distance),
                fresh_distance: Seconds(distance),
                jitter: Seconds(1e-5),
                stratum: 2,
            }),
        }
    }

    fn letters(candidates: &[Candidate], settings: &Settings) -> String {
        select(candidates, settings, None).verdicts.into_iter().map(Verdict::letter).collect()
    }

    #[test]
    fn the_liar_among_three_is_thrown_out() {
        assert_eq!(letters(&[source(0.0, 0.01), source(0.002, 0.01), source(5.0, 0.01)], &SETTINGS), "*+x");
    }

    #[test]
    fn two_that_disagree_are_both_distrusted() {
        assert_eq!(letters(&[source(0.0, 0.01), source(5.0, 0.01)], &SETTINGS), "xx");
    }

    #[test]
    fn a_windows_server_is_too_distant_until_maxdistance_is_raised() {
        assert_eq!(letters(&[source(0.0, 8.0)], &SETTINGS), "d");
        assert_eq!(letters(&[source(0.0, 8.0)], &Settings { max_distance: Seconds(16.0), ..SETTINGS }), "*");
    }

    #[test]
    fn options_have_their_say() {
        let prefer = Candidate { prefer: true, ..source(0.0, 0.02) };
        assert_eq!(letters(&[source(0.0, 0.01), prefer], &SETTINGS), "P*");
        let trusted = Candidate { trust: true, ..source(5.0, 0.01) };
        assert_eq!(letters(&[source(0.0, 0.01), source(0.0, 0.01), trusted], &SETTINGS), "TT*");
        let required = Candidate { require: true, has_enough_samples: false, ..source(0.0, 0.01) };
        assert_eq!(letters(&[source(0.0, 0.01), required], &SETTINGS), "WM");
        let unused = Candidate { no_select: true, ..source(0.0, 0.01) };
        assert_eq!(letters(&[unused], &SETTINGS), "N");
        assert_eq!(letters(&[source(0.0, 0.01)], &Settings { min_sources: 2, ..SETTINGS }), "W");
    }

    #[test]
    fn a_source_that_stopped_answering_is_no_source() {
        let silent = Candidate { reachable: false, ..source(0.0, 0.01) };
        assert_eq!(letters(&[silent], &SETTINGS), "S");
        assert_eq!(letters(&[silent, source(0.0, 0.02)], &SETTINGS), "S*");
    }

    #[test]
    fn among_orphans_the_smallest_reference_id_leads() {
        let settings = Settings { orphan_stratum: Some(10), ..SETTINGS };
        let orphan = |id: u32| {
            let mut candidate = source(0.0, 0.01);
            candidate.id = RefId(id);
            candidate.view = candidate.view.map(|view| View { stratum: 10, ..view });
            candidate
        };
        assert_eq!(letters(&[orphan(3), orphan(2), orphan(9)], &settings), "O*O");
        // We are the smallest ourselves: nobody is followed.
        assert_eq!(letters(&[orphan(7), orphan(9)], &settings), "OO");
        // A source of real time wins over any orphan.
        assert_eq!(letters(&[orphan(2), source(0.0, 0.01)], &settings), "O*");
    }

    #[test]
    fn the_followed_source_stays_unless_another_is_clearly_better() {
        let near = [source(0.0, 0.01005), source(0.0, 0.01)];
        assert_eq!(select(&near, &SETTINGS, Some(0)).best, Some(0));
        let far = [source(0.0, 0.02), source(0.0, 0.01)];
        assert_eq!(select(&far, &SETTINGS, Some(0)).best, Some(1));
    }

    #[test]
    fn the_followed_source_does_not_lose_its_place_by_waiting_for_its_next_poll() {
        let mut old = source(0.0, 0.01);
        old.view = old.view.map(|view| View { root_distance: Seconds(0.02), ..view });
        assert_eq!(select(&[old, source(0.0, 0.01)], &SETTINGS, Some(0)).best, Some(0));
    }
}
