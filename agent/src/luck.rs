//! Randomness as an argument: an unpredictable stream from a seed that the daemon draws from the system.

use sha2::{Digest, Sha256};

/// A stream of random numbers; the same seed gives the same stream.
///
/// Every source sees the transmit timestamps that come from here, so none may be able to compute the ones sent to
/// others: a hash of seed and counter, not a fast generator whose output gives its state away.
#[derive(Clone, Debug)]
pub struct Luck {
    seed: [u8; 32],
    counter: u64,
}

impl Luck {
    /// Starts a stream.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.counter += 1;
        let digest =
            Sha256::new().chain_update(self.seed).chain_update(self.counter.to_be_bytes()).finalize();
        digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }

    /// Uniform in 0..1.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_fill_the_unit_interval() {
        let mut luck = Luck::new([7; 32]);
        let mean =
            (0..1000).map(|_| luck.fraction()).inspect(|f| assert!((0.0..1.0).contains(f))).sum::<f64>()
                / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
    }
}
