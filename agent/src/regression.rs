//! The straight line through times that a person enters: weighted least squares with a prior on the slope.
//!
//! The prior (what is known of the oscillator's frequency before the first point) lets points within seconds of each
//! other give a usable offset without an absurd frequency; with more of them it fades away by itself.

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Abscissa, seconds (relative to wherever the caller wants the intercept).
    pub at: f64,
    /// Ordinate, seconds.
    pub value: f64,
    /// Standard deviation of the ordinate, seconds; larger than zero.
    pub deviation: f64,
}

/// What is known of the slope beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlopePrior {
    /// Expected slope.
    pub mean: f64,
    /// Its standard deviation; larger than zero.
    pub deviation: f64,
}

/// A fitted line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Value at abscissa zero.
    pub intercept: f64,
    /// Slope.
    pub slope: f64,
    /// Variance of the intercept.
    pub intercept_variance: f64,
    /// Variance of the slope.
    pub slope_variance: f64,
    /// Their covariance.
    pub covariance: f64,
}

impl Line {
    /// Value at another abscissa.
    pub fn value(&self, at: f64) -> f64 {
        self.intercept + self.slope * at
    }
}

/// Fits a line; `None` without points.
pub fn fit(points: &[Point], prior: SlopePrior) -> Option<Line> {
    if points.is_empty() {
        return None;
    }
    let prior_weight = prior.deviation.powi(-2);
    let (mut w, mut wt, mut wv, mut wtt, mut wtv) = (0.0, 0.0, 0.0, prior_weight, prior_weight * prior.mean);
    for point in points {
        let weight = point.deviation.powi(-2);
        w += weight;
        wt += weight * point.at;
        wv += weight * point.value;
        wtt += weight * point.at * point.at;
        wtv += weight * point.at * point.value;
    }
    let determinant = w * wtt - wt * wt;
    if !(determinant.is_finite() && determinant > 0.0) {
        return None;
    }
    let intercept = (wtt * wv - wt * wtv) / determinant;
    let slope = (w * wtv - wt * wv) / determinant;
    Some(Line {
        intercept,
        slope,
        intercept_variance: wtt / determinant,
        slope_variance: w / determinant,
        covariance: -wt / determinant,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: SlopePrior = SlopePrior { mean: 0.0, deviation: 1.0 };

    fn points(values: &[(f64, f64)]) -> Vec<Point> {
        values.iter().map(|&(at, value)| Point { at, value, deviation: 1e-3 }).collect()
    }

    #[test]
    fn a_straight_line_is_found() {
        let line = fit(&points(&[(-2.0, 1.0), (-1.0, 1.1), (0.0, 1.2), (1.0, 1.3)]), LOOSE).unwrap();
        assert!((line.intercept - 1.2).abs() < 1e-6, "{line:?}");
        assert!((line.slope - 0.1).abs() < 1e-6, "{line:?}");
    }

    #[test]
    fn one_sample_leaves_the_slope_to_the_prior() {
        let line = fit(&points(&[(0.0, 5.0)]), SlopePrior { mean: 1e-5, deviation: 1e-6 }).unwrap();
        assert!((line.intercept - 5.0).abs() < 1e-12);
        assert!((line.slope - 1e-5).abs() < 1e-12);
        assert!((line.slope_variance.sqrt() - 1e-6).abs() < 1e-12);
    }
}
