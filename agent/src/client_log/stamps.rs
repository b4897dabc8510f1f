//! Timestamps of answers that may be asked for again: what a server needs for the interleaved mode (RFC 9769).
//!
//! A client in that mode names, instead of a transmit timestamp of its own, the receive timestamp of an earlier answer,
//! and gets the time at which that answer really left. The pairs are a table in sets of [`WAYS`], found by the receive
//! timestamp; where a set is full the oldest pair makes room.

use crate::time::NtpTimestamp;

/// Pairs in one set.
const WAYS: usize = 8;

/// When an answered request came and when its answer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// As the answer said it.
    pub receive: NtpTimestamp,
    /// The best that is known.
    pub transmit: NtpTimestamp,
    /// The kernel saw the answer leave.
    pub by_kernel: bool,
}

impl Pair {
    const NONE: Self = Self { receive: NtpTimestamp::ZERO, transmit: NtpTimestamp::ZERO, by_kernel: false };

    fn is_free(&self) -> bool {
        self.receive.is_zero()
    }
}

/// The pairs that are held.
#[derive(Clone, Debug)]
pub(super) struct Stamps {
    /// Empty until the first client wants it; else a power of two.
    pairs: Vec<Pair>,
    most: usize,
}

impl Stamps {
    pub(super) fn new(most: usize) -> Self {
        Self { pairs: Vec::new(), most }
    }

    /// What is held under this receive timestamp.
    pub(super) fn find(&self, receive: NtpTimestamp) -> Option<Pair> {
        self.set(receive).iter().copied().find(|pair| pair.receive == receive && !pair.is_free())
    }

    /// Holds a pair; returns the receive timestamp that the answer must say: another one, by the least that can be
    /// told apart, where this one is held already.
    pub(super) fn hold(&mut self, mut pair: Pair) -> NtpTimestamp {
        while pair.receive.is_zero() || self.find(pair.receive).is_some() {
            pair.receive = NtpTimestamp(pair.receive.0.wrapping_add(1));
        }
        if self.pairs.is_empty() {
            self.pairs = vec![Pair::NONE; WAYS.min(self.most)];
        }
        while !self.set(pair.receive).iter().any(Pair::is_free) && self.pairs.len() < self.most {
            self.double();
        }
        self.place(pair);
        pair.receive
    }

    /// The kernel saw the answer leave.
    pub(super) fn improve(&mut self, receive: NtpTimestamp, transmit: NtpTimestamp) {
        let range = self.range(receive);
        let set = self.pairs.get_mut(range).unwrap_or_default();
        if let Some(pair) = set.iter_mut().find(|pair| pair.receive == receive && !pair.is_free()) {
            *pair = Pair { transmit, by_kernel: true, ..*pair };
        }
    }

    /// The clock jumped: what was said before would be wrong now.
    pub(super) fn forget(&mut self) {
        self.pairs.clear();
    }

    pub(super) fn held(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| !pair.is_free())
    }

    /// Into a free place of the set or over its oldest pair.
    fn place(&mut self, pair: Pair) {
        let range = self.range(pair.receive);
        let set = self.pairs.get_mut(range).unwrap_or_default();
        let age = |held: &Pair| {
            if held.is_free() { i64::MAX } else { pair.receive.0.wrapping_sub(held.receive.0).cast_signed() }
        };
        if let Some(oldest) = set.iter_mut().max_by_key(|held| age(held)) {
            *oldest = pair;
        }
    }

    fn double(&mut self) {
        let twice = vec![Pair::NONE; (self.pairs.len() * 2).min(self.most)];
        for pair in std::mem::replace(&mut self.pairs, twice).into_iter().filter(|pair| !pair.is_free()) {
            self.place(pair);
        }
    }

    fn set(&self, receive: NtpTimestamp) -> &[Pair] {
        self.pairs.get(self.range(receive)).unwrap_or_default()
    }

    fn range(&self, receive: NtpTimestamp) -> std::ops::Range<usize> {
        let sets = (self.pairs.len() / WAYS).max(1);
        let hash = receive.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let first = (hash as usize & (sets - 1)) * WAYS;
        first..(first + WAYS).min(self.pairs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(receive: u64) -> Pair {
        Pair {
            receive: NtpTimestamp(receive),
            transmit: NtpTimestamp(receive.wrapping_add(5)),
            by_kernel: false,
        }
    }

    #[test]
    fn a_pair_is_found_by_its_receive_timestamp_and_improved_by_the_kernel() {
        let mut stamps = Stamps::new(64);
        assert_eq!(stamps.find(NtpTimestamp(7)), None);
        assert_eq!(stamps.hold(pair(7)), NtpTimestamp(7));
        assert_eq!(stamps.find(NtpTimestamp(7)), Some(pair(7)));
        stamps.improve(NtpTimestamp(7), NtpTimestamp(11));
        stamps.improve(NtpTimestamp(8), NtpTimestamp(99));
        let better = Pair { transmit: NtpTimestamp(11), by_kernel: true, ..pair(7) };
        assert_eq!(stamps.find(NtpTimestamp(7)), Some(better));
        stamps.forget();
        assert_eq!(stamps.find(NtpTimestamp(7)), None);
        assert_eq!(Stamps::new(0).hold(pair(7)), NtpTimestamp(7));
    }

    #[test]
    fn two_requests_of_one_moment_are_told_apart() {
        let mut stamps = Stamps::new(64);
        assert_eq!([pair(7), pair(7), pair(8), pair(0)].map(|pair| stamps.hold(pair).0), [7, 8, 9, 1]);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let mut stamps = Stamps::new(256);
        // Through the end of an era.
        let start = u64::MAX - (5_000 << 32);
        for second in 0..10_000_u64 {
            stamps.hold(pair(start.wrapping_add(second << 32).max(1)));
        }
        assert_eq!((stamps.pairs.len(), stamps.held().count()), (256, 256));
        let newest = start.wrapping_add(9_999 << 32);
        let found = |second: u64| stamps.find(NtpTimestamp(newest.wrapping_sub(second << 32))).is_some();
        assert!((0..64).all(found), "the last ones are known");
        assert!(!(2_000..9_000).any(found), "old ones are not");
    }
}
