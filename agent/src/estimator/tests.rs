use super::*;
use crate::luck::Luck;
use crate::oscillator::Free;
use crate::report::Leap;
use crate::time::Wall;

const PRIOR: SlopePrior = SlopePrior { mean: 0.0, deviation: 1e-4 };

/// A sample of a clock that is right: `there` and `back` are what it queued.
fn sample(at: f64, offset: f64, there: f64, back: f64) -> Sample {
    let measured = Seconds(offset + (there - back) / 2.0);
    Sample {
        at: Free(at),
        wall: Wall((at * 1e9) as i64),
        offset: measured,
        measured,
        delay: Seconds(2e-4 + there + back),
        dispersion: Seconds(1e-7),
        root_delay: Seconds::ZERO,
        root_dispersion: Seconds::ZERO,
        stratum: 1,
        leap: Leap::Normal,
    }
}

fn exponential(luck: &mut Luck, mean: f64) -> f64 {
    -mean * (1.0 - luck.fraction()).ln()
}

fn fit_all(samples: &[Sample]) -> Fit {
    fit(&samples.iter().collect::<Vec<_>>(), None, PRIOR, USUAL_WANDER).unwrap()
}

/// The square root of the mean square of what `error` says of runs with other luck.
fn rms(error: impl Fn(&mut Luck) -> f64) -> f64 {
    let runs = 40_u8;
    let squares = (0..runs).map(|seed| error(&mut Luck::new([seed; 32])).powi(2));
    (squares.sum::<f64>() / f64::from(runs)).sqrt()
}

#[test]
fn queues_alike_both_ways_leave_less_than_a_straight_line_would() {
    let error = rms(|luck| {
        let samples: Vec<Sample> = (0..20)
            .map(|n| sample(f64::from(n) * 64.0, 0.5, exponential(luck, 1e-4), exponential(luck, 1e-4)))
            .collect();
        fit_all(&samples).offset - 0.5
    });
    // The end of a line through 20 samples of 71 us each is good for 30 us.
    assert!(error < 2e-5, "{error}");
}

#[test]
fn what_it_says_of_its_own_error_is_true() {
    let ratio = rms(|luck| {
        let samples: Vec<Sample> = (0..30)
            .map(|n| sample(f64::from(n) * 64.0, 0.0, exponential(luck, 1e-3), exponential(luck, 1e-3)))
            .collect();
        let fit = fit_all(&samples);
        fit.offset / fit.offset_variance.sqrt()
    });
    assert!((0.4..1.6).contains(&ratio), "{ratio}");
}

#[test]
fn a_queue_on_one_way_only_is_recognised() {
    for (there, back, asymmetry) in [(1e-5, 2e-3, 0.45), (2e-3, 1e-5, -0.45), (1e-3, 1e-3, 0.0)] {
        let mut luck = Luck::new([7; 32]);
        let samples: Vec<Sample> = (0..40)
            .map(|n| {
                sample(f64::from(n) * 64.0, 0.0, exponential(&mut luck, there), exponential(&mut luck, back))
            })
            .collect();
        let fit = fit_all(&samples);
        assert!((fit.asymmetry - asymmetry).abs() < 0.1, "{there} {back}: {fit:?}");
        assert!(fit.offset.abs() < 2e-4, "{there} {back}: {fit:?}");
    }
}

#[test]
fn errors_that_no_round_trip_shows_are_seen_all_the_same() {
    let mut luck = Luck::new([8; 32]);
    let samples: Vec<Sample> =
        (0..40).map(|n| sample(f64::from(n) * 64.0, (luck.fraction() - 0.5) * 2e-3, 1e-6, 1e-6)).collect();
    let fit = fit_all(&samples);
    assert!((2e-4..2e-3).contains(&fit.noise), "{fit:?}");
    assert!(fit.offset.abs() < 4.0 * fit.offset_variance.sqrt(), "{fit:?}");
}

#[test]
fn one_sample_out_of_line_is_held_for_a_stray_one_and_says_nothing() {
    let mut luck = Luck::new([9; 32]);
    let mut samples: Vec<Sample> = (0..20)
        .map(|n| sample(f64::from(n) * 64.0, 0.0, exponential(&mut luck, 1e-4), exponential(&mut luck, 1e-4)))
        .collect();
    samples.push(sample(20.0 * 64.0, 0.05, 1e-4, 1e-4));
    let fit = fit_all(&samples);
    assert_eq!(fit.strays, 1);
    assert!(fit.offset.abs() < 1e-4, "{fit:?}");
}

#[test]
fn a_clock_that_wanders_is_told_from_one_that_does_not() {
    let wander = |step: f64| {
        let mut luck = Luck::new([10; 32]);
        let (mut offset, mut rate) = (0.0, 0.0);
        let samples: Vec<Sample> = (0..60)
            .map(|n| {
                rate += step * (luck.fraction() - 0.5);
                offset += rate * 64.0;
                sample(
                    f64::from(n) * 64.0,
                    offset,
                    exponential(&mut luck, 1e-5),
                    exponential(&mut luck, 1e-5),
                )
            })
            .collect();
        fit_all(&samples).wander.sqrt()
    };
    // A step that is uniform within plus or minus a half has a deviation of 0.29; every 64 s.
    let (calm, wild) = (wander(0.0), wander(1e-5));
    assert!(calm < 1e-9, "{calm}");
    assert!((1.2e-7..1.2e-6).contains(&wild), "{wild}");
}

#[test]
fn three_samples_within_seconds_leave_the_frequency_to_what_was_known() {
    let samples = [sample(0.0, 0.1, 5e-5, 1e-5), sample(2.0, 0.1, 1e-5, 6e-5), sample(4.0, 0.1, 3e-5, 3e-5)];
    let fit = fit_all(&samples);
    assert!((fit.offset - 0.1).abs() < 1e-4, "{fit:?}");
    assert!(fit.slope.abs() < 1e-4 && fit.slope_variance.sqrt() > 1e-6, "{fit:?}");
}
