//! From the samples of one source to offset and frequency, with their uncertainty.
//!
//! The oscillator's frequency walks at random, nobody knows how fast; the samples' errors come from queues, nobody
//! knows whose. So several hypotheses of both look at all samples, each with a Kalman filter of its own, and have a say
//! by how well they foretold them.

mod belief;
mod normal;
mod queues;

use self::belief::{Belief, Evidence};
use self::queues::Queues;
use crate::history::Sample;
use crate::regression::SlopePrior;
use crate::time::Seconds;

/// How fast the frequency walks: standard deviation of its change in each second.
const WANDERS: [f64; 9] = [1e-10, 3e-10, 1e-9, 3e-9, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6];

/// Quartz that nothing disturbs wanders about so much; each step above is less likely by this (a logarithm).
pub(crate) const USUAL_WANDER: usize = 2;
const WANDER_PREJUDICE: f64 = 1.0;
/// What is so much less likely than the best (a logarithm) has no say.
const HOPELESS: f64 = 12.0;

/// Round trips whose excess is so many times the median's are no measure of the queues.
const FAR: f64 = 4.0;
/// From the median distance between a sample and its neighbours' middle to the standard deviation of a sample: the
/// median of a normal distribution's size, and the error of the middle.
const BEND_TO_DEVIATION: f64 = 1.0 / (0.6745 * 1.2247);

/// Where errors come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noise {
    /// From queues, of which the request's way has this part.
    Queues(f64),
    /// From something that the round trip does not show, too, in units of the usual excess.
    Hidden(f64),
}

impl Noise {
    /// The part of all queueing that is on the requests' way.
    fn share(self) -> f64 {
        match self {
            Self::Queues(share) => share,
            Self::Hidden(_) => 0.5,
        }
    }
}

/// What errors may come from, each with the logarithm of how probable it is before the first sample.
const NOISES: [(Noise, f64); 16] = [
    (Noise::Queues(0.5), 0.0),
    (Noise::Hidden(0.3), -1.0),
    (Noise::Hidden(1.0), -1.0),
    (Noise::Hidden(3.0), -2.0),
    (Noise::Queues(0.0), -3.0),
    (Noise::Queues(0.015), -3.0),
    (Noise::Queues(0.04), -3.0),
    (Noise::Queues(0.09), -3.0),
    (Noise::Queues(0.18), -3.0),
    (Noise::Queues(0.3), -3.0),
    (Noise::Queues(0.7), -3.0),
    (Noise::Queues(0.82), -3.0),
    (Noise::Queues(0.91), -3.0),
    (Noise::Queues(0.96), -3.0),
    (Noise::Queues(0.985), -3.0),
    (Noise::Queues(1.0), -3.0),
];

/// What all samples say together, at the newest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    pub(crate) offset: f64,
    pub(crate) slope: f64,
    pub(crate) offset_variance: f64,
    pub(crate) covariance: f64,
    pub(crate) slope_variance: f64,
    /// Variance of the frequency's change per second.
    pub(crate) wander: f64,
    /// Standard error of a usual sample.
    pub(crate) noise: f64,
    /// From -0.5 (all queues are on the requests' way) to 0.5 (on the replies').
    pub(crate) asymmetry: f64,
    /// The last samples in a row that fit nothing of what came before.
    pub(crate) strays: usize,
    /// The likeliest wander, for the next call.
    pub(crate) likely: usize,
}

/// A sample as the hypotheses see it.
struct Reading {
    /// Seconds since the sample before.
    after: f64,
    offset: f64,
    /// Round trip above the shortest one.
    excess: f64,
    /// Error of the clocks' readings.
    reading: f64,
}

/// One hypothesis when it has seen all samples.
struct Judgement {
    /// Logarithm of how probable it is now.
    score: f64,
    belief: Belief,
    /// Which of [`WANDERS`], and its square.
    wander: usize,
    wander_variance: f64,
    /// As in [`Fit`].
    noise: f64,
    asymmetry: f64,
    /// The last samples in a row that fit nothing of what came before.
    strays: usize,
}

/// What the samples say together; `None` without any. `shortest` is the shortest possible round trip where it is known,
/// `likely` what the last call found.
pub(crate) fn fit(
    samples: &[&Sample],
    shortest: Option<Seconds>,
    prior: SlopePrior,
    likely: usize,
) -> Option<Fit> {
    let readings = read(samples, shortest)?;
    let scale = Scale::of(&readings, shortest.is_some());
    // Each noise is first judged with the likeliest wander of last time; what is hopeless then is not pursued.
    let hypotheses: Vec<Hypothesis> = NOISES
        .into_iter()
        .map(|(noise, prejudice)| Hypothesis::new(&readings, noise, prejudice, scale))
        .collect();
    let first: Vec<Judgement> =
        hypotheses.iter().map(|hypothesis| hypothesis.judge(&readings, likely, prior)).collect();
    let best = first.iter().map(|judgement| judgement.score).fold(f64::NEG_INFINITY, f64::max);
    let mut judgements = Vec::with_capacity(WANDERS.len() * NOISES.len());
    for (hypothesis, judgement) in hypotheses.iter().zip(first) {
        if judgement.score > best - HOPELESS {
            let others = (0..WANDERS.len()).filter(|wander| *wander != likely);
            judgements.extend(others.map(|wander| hypothesis.judge(&readings, wander, prior)));
        }
        judgements.push(judgement);
    }
    average(&judgements)
}

/// Where errors may come from, with what each sample says then.
struct Hypothesis {
    prejudice: f64,
    evidence: Vec<Evidence>,
    noise: f64,
    asymmetry: f64,
}

impl Hypothesis {
    fn new(readings: &[Reading], noise: Noise, prejudice: f64, scale: Scale) -> Self {
        let evidence = evidence(readings, noise, scale);
        let usual = median(evidence.iter().map(Evidence::variance)).sqrt();
        Self { prejudice, evidence, noise: usual, asymmetry: 0.5 - noise.share() }
    }

    fn judge(&self, readings: &[Reading], wander: usize, prior: SlopePrior) -> Judgement {
        let deviation = WANDERS.get(wander).copied().unwrap_or_default();
        let mut judgement = Judgement {
            score: self.prejudice - WANDER_PREJUDICE * wander.saturating_sub(USUAL_WANDER) as f64,
            belief: Belief::before(prior),
            wander,
            wander_variance: deviation * deviation,
            noise: self.noise,
            asymmetry: self.asymmetry,
            strays: 0,
        };
        for (reading, evidence) in readings.iter().zip(&self.evidence) {
            judgement.learn(reading.after, *evidence);
        }
        judgement
    }
}

impl Judgement {
    fn learn(&mut self, after: f64, evidence: Evidence) {
        self.belief.pass(after, self.wander_variance);
        let (logarithm, is_stray) = self.belief.learn(evidence);
        self.score += logarithm;
        self.strays = if is_stray { self.strays + 1 } else { 0 };
    }
}

fn average(judgements: &[Judgement]) -> Option<Fit> {
    let best = judgements.iter().max_by(|one, other| one.score.total_cmp(&other.score))?;
    let weigh = |judgement: &Judgement| (judgement.score - best.score).exp();
    let sum: f64 = judgements.iter().map(weigh).sum();
    if !sum.is_finite() {
        return None;
    }
    let mean = |value: &dyn Fn(&Judgement) -> f64| {
        judgements.iter().map(|judgement| weigh(judgement) * value(judgement)).sum::<f64>() / sum
    };
    let offset = mean(&|j| j.belief.offset);
    let slope = mean(&|j| j.belief.frequency);
    Some(Fit {
        offset,
        slope,
        offset_variance: mean(&|j| j.belief.offset_variance + (j.belief.offset - offset).powi(2)),
        covariance: mean(&|j| {
            j.belief.covariance + (j.belief.offset - offset) * (j.belief.frequency - slope)
        }),
        slope_variance: mean(&|j| j.belief.frequency_variance + (j.belief.frequency - slope).powi(2)),
        wander: mean(&|j| j.wander_variance.ln()).exp(),
        likely: best.wander,
        noise: mean(&|j| j.noise),
        asymmetry: mean(&|j| j.asymmetry),
        strays: best.strays,
    })
}

fn read(samples: &[&Sample], shortest: Option<Seconds>) -> Option<Vec<Reading>> {
    let mut last = samples.first()?.at;
    let seen = samples.iter().map(|sample| sample.delay).reduce(Seconds::min)?;
    let shortest = shortest.unwrap_or(seen);
    let reading = |sample: &&Sample| {
        let after = (sample.at - last).0;
        last = sample.at;
        Reading {
            after,
            offset: sample.offset.0,
            excess: (sample.delay - shortest).max(Seconds::ZERO).0,
            reading: sample.dispersion.0.max(1e-9),
        }
    };
    Some(samples.iter().map(reading).collect())
}

/// How large errors are, whatever they come from.
#[derive(Clone, Copy)]
struct Scale {
    /// Mean excess of the round trips, but for the few that are far beyond the rest.
    excess: f64,
    /// The excesses are above the shortest possible round trip, not above the shortest seen.
    shortest_is_known: bool,
    /// How far a sample is from between its neighbours.
    scatter: f64,
}

impl Scale {
    fn of(readings: &[Reading], shortest_is_known: bool) -> Self {
        let usual = median(readings.iter().map(|reading| reading.excess));
        let kept = readings.iter().map(|reading| reading.excess.min(FAR * usual));
        let excess = kept.sum::<f64>() / readings.len().max(1) as f64;
        let bend = |three: &[Reading]| match three {
            [before, here, after] => {
                let share = here.after / (here.after + after.after).max(1e-9);
                (here.offset - before.offset - share * (after.offset - before.offset)).abs()
            }
            _ => 0.0,
        };
        Self { excess, shortest_is_known, scatter: median(readings.windows(3).map(bend)) * BEND_TO_DEVIATION }
    }
}

/// The middle one; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn evidence(readings: &[Reading], noise: Noise, scale: Scale) -> Vec<Evidence> {
    let share = noise.share();
    let queues = if scale.shortest_is_known {
        Queues::known(share, scale.excess)
    } else {
        Queues::new(share, readings.len(), scale.excess)
    };
    let hidden = scale.excess.max(scale.scatter);
    let of = |reading: &Reading| {
        let excess = reading.excess + queues.hidden;
        match noise {
            Noise::Queues(_) => queues.evidence(reading.offset, excess, reading.reading),
            Noise::Hidden(part) => Evidence::Normal {
                center: reading.offset,
                variance: excess * excess / 12.0 + (part * hidden).powi(2) + reading.reading.powi(2),
            },
        }
    };
    readings.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
