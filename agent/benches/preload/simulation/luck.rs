//! Randomness of the simulated world. Every oscillator and every direction of a link has a stream of its own, so that
//! two daemons under the same seed meet the same weather however often they ask.

/// A stream of random numbers (splitmix64): fast and good enough for weather.
#[derive(Clone, Debug)]
pub(crate) struct Luck {
    state: u64,
}

impl Luck {
    /// The stream of this seed for this purpose.
    pub(crate) fn new(seed: u64, purpose: &str, which: usize) -> Self {
        let mut luck = Self { state: seed };
        for byte in purpose.bytes().map(u64::from).chain([which as u64]) {
            luck.state = luck.bits() ^ byte;
        }
        luck
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Uniform, above 0 and at most 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with a mean of 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.fraction().ln()
    }

    /// Normal with a variance of 1 (Box and Muller; the second one is thrown away).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.fraction()).cos()
    }
}
