//! Luck by seed.

/// A small generator of its own (splitmix64): the bytes of a seed stay the same whatever else changes.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ bits >> 31
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    /// One of the seeds, with a few changes; sometimes nothing but luck.
    pub(crate) fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(6) {
            let (at, length) = (self.below(bytes.len()), bytes.len());
            match self.below(8) {
                0 if length > 0 => bytes[at] ^= 1 << self.below(8),
                1 if length > 0 => bytes[at] = self.roll() as u8,
                2 if length > 0 => bytes[at] = [0, 0x7F, 0x80, 0xFF, b' ', b'\n', b'9', b'-'][self.below(8)],
                3 => bytes.truncate(at),
                4 => bytes.insert(at, self.roll() as u8),
                5 if length > 0 => drop(bytes.remove(at)),
                6 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                _ => {
                    let end = (at + self.below(40)).min(length);
                    let piece = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at.min(end)..at.min(end), piece);
                }
            }
        }
        bytes
    }
}
