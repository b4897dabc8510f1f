//! The normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Density at `x`.
pub(super) fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / TAU.sqrt()
}

/// Probability of a value between `low` and `high`, precise in the tails, too.
pub(super) fn mass(low: f64, high: f64) -> f64 {
    let tail = |x: f64| 0.5 * libm::erfc(x * FRAC_1_SQRT_2);
    if low > 0.0 { tail(low) - tail(high) } else { tail(-high) - tail(-low) }
}
