//! The rules of [`super::Access`] laid out for quick looks: one line of addresses for each family, cut into stretches.

use std::net::IpAddr;

use super::Prefixes;

/// Who may ask, for many questions a second. It does not change; a changed table makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    v4: Vec<(u32, bool)>,
    v6: Vec<(u128, bool)>,
}

impl Gate {
    pub(super) fn new(v4: &Prefixes, v6: &Prefixes) -> Self {
        Self {
            v4: stretches(v4)
                .into_iter()
                .filter_map(|(first, allow)| Some((u32::try_from(first).ok()?, allow)))
                .collect(),
            v6: stretches(v6),
        }
    }

    /// May this host ask?
    pub fn allows(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => verdict(&self.v4, address.to_bits()),
            IpAddr::V6(address) => verdict(&self.v6, address.to_bits()),
        }
    }
}

/// The first stretch begins at zero, so there is always one at or before an address.
fn verdict<T: Copy + PartialOrd>(stretches: &[(T, bool)], address: T) -> bool {
    let after = stretches.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|last| stretches.get(last)).is_some_and(|(_, allow)| *allow)
}

/// First address and verdict of every stretch. Subnets nest: one that begins inside another ends inside it.
fn stretches(prefixes: &Prefixes) -> Vec<(u128, bool)> {
    let mut line = Line { stretches: vec![(0, false)], around: Vec::new() };
    for ((first, length), allow) in &prefixes.rules {
        line.leave(|last| last < *first);
        line.begin(*first, *allow);
        line.around.push((first | !prefixes.mask(*length), *allow));
    }
    line.leave(|_| true);
    line.stretches
}

/// A walk from the first address to the last.
struct Line {
    stretches: Vec<(u128, bool)>,
    /// Subnets around the place that the walk has reached, the innermost last: last address and verdict.
    around: Vec<(u128, bool)>,
}

impl Line {
    fn begin(&mut self, first: u128, allow: bool) {
        self.stretches.pop_if(|(same, _)| *same == first);
        if self.stretches.last().is_none_or(|(_, before)| *before != allow) {
            self.stretches.push((first, allow));
        }
    }

    /// Walks out of the innermost subnets whose last address is behind.
    fn leave(&mut self, is_behind: impl Fn(u128) -> bool) {
        while let Some((last, _)) = self.around.pop_if(|(last, _)| is_behind(*last)) {
            if let Some(next) = last.checked_add(1) {
                let allow = self.around.last().is_some_and(|(_, allow)| *allow);
                self.begin(next, allow);
            }
        }
    }
}
