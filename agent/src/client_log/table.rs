//! Records by address, in bounded memory and constant time.
//!
//! The table is cut into sets of [`WAYS`] records; an address can only be in the two sets that its hash names, and is
//! put into the emptier one, which fills all sets evenly. While the table is smaller than its limit two full sets make
//! it double; at the limit a newcomer replaces the record that was idle longest in one of its sets, either as likely.
//!
//! What is compared on the way to a record lies apart from the records, a few bytes for each, so that a look at two sets
//! touches four lines of the processor's cache and not as many as there are records.

use super::record::{Key, Record, Tick};

/// Records in one set.
pub(super) const WAYS: usize = 16;

/// The mark of a free place.
const FREE: u8 = 0;

#[derive(Clone, Debug)]
pub(super) struct Table {
    /// A power of two of them, at least [`WAYS`]; none = the log is off.
    records: Vec<Record>,
    /// A byte of each record's hash, never [`FREE`].
    marks: Vec<[u8; WAYS]>,
    /// The tick of each record's last request, as far as it goes into 32 bits.
    seen: Vec<[u32; WAYS]>,
    most: usize,
    seed: u64,
    lost: u64,
}

/// Where an address can be.
#[derive(Clone, Copy)]
struct Home {
    sets: [usize; 2],
    mark: u8,
}

impl Table {
    pub(super) fn new(most: usize, seed: u64) -> Self {
        let mut table =
            Self { records: Vec::new(), marks: Vec::new(), seen: Vec::new(), most, seed, lost: 0 };
        table.make(WAYS.min(most));
        table
    }

    /// How many records there can be.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// How many records were lost to make room for others.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// All places, also free ones.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(super) fn records_mut(&mut self) -> &mut [Record] {
        &mut self.records
    }

    /// The record of an address, if there is one.
    pub(super) fn find(&self, address: Key) -> Option<&Record> {
        self.records.get(self.search(address, self.home(address))?)
    }

    /// The record of an address that asks now, new if need be; `None` = the log is off.
    pub(super) fn of(&mut self, address: Key, now: Tick) -> Option<&mut Record> {
        if address == Key::NOBODY || self.records.is_empty() {
            return None;
        }
        let place = loop {
            let home = self.home(address);
            if let Some(place) = self.search(address, home) {
                break place;
            }
            if let Some(place) = self.free_place(home) {
                break self.put(place, home.mark, Record::of(address));
            }
            if self.records.len() >= self.most {
                self.lost += 1;
                break self.put(self.idle_longest(home, now), home.mark, Record::of(address));
            }
            self.double();
        };
        *self.seen.get_mut(place / WAYS)?.get_mut(place % WAYS)? = now.0 as u32;
        self.records.get_mut(place)
    }

    fn home(&self, address: Key) -> Home {
        let sets = self.marks.len().max(1);
        let hash = address.hash(self.seed);
        let set = |hash: u64| hash as usize & (sets - 1);
        Home { sets: [set(hash), set(hash >> 32)], mark: (hash >> 24) as u8 | 1 }
    }

    fn search(&self, address: Key, home: Home) -> Option<usize> {
        home.sets.into_iter().find_map(|set| {
            let mut alike = matches(self.marks.get(set)?, home.mark);
            while let Some(way) = first(alike) {
                let place = set * WAYS + way;
                if self.records.get(place)?.address == address {
                    return Some(place);
                }
                alike &= alike - 1;
            }
            None
        })
    }

    /// A free place in the emptier one of two sets.
    fn free_place(&self, home: Home) -> Option<usize> {
        let [one, other] = home.sets.map(|set| self.marks.get(set).map_or(0, |marks| matches(marks, FREE)));
        let [set, second] = home.sets;
        let (set, free) = if one.count_ones() >= other.count_ones() { (set, one) } else { (second, other) };
        first(free).map(|way| set * WAYS + way)
    }

    fn idle_longest(&self, home: Home, now: Tick) -> usize {
        // Half of all marks have this bit.
        let [one, other] = home.sets;
        let set = if home.mark & 2 == 0 { one } else { other };
        let seen = self.seen.get(set).map_or(&[0; WAYS], |seen| seen);
        // Both in one number: the time, and behind it the place.
        let longest = seen.iter().enumerate().fold(0, |longest, (way, seen)| {
            longest.max((u64::from((now.0 as u32).wrapping_sub(*seen)) << 32) | way as u64)
        });
        set * WAYS + longest as u32 as usize
    }

    fn put(&mut self, place: usize, mark: u8, record: Record) -> usize {
        if let Some(old) = self.records.get_mut(place) {
            *old = record;
        }
        if let Some(old) = self.marks.get_mut(place / WAYS).and_then(|marks| marks.get_mut(place % WAYS)) {
            *old = mark;
        }
        place
    }

    fn make(&mut self, places: usize) {
        self.records = vec![Record::EMPTY; places];
        self.marks = vec![[FREE; WAYS]; places / WAYS];
        self.seen = vec![[0; WAYS]; places / WAYS];
    }

    /// Twice the table, everybody in a new place. Half of it is empty then, so there is room.
    fn double(&mut self) {
        let (records, seen) = (std::mem::take(&mut self.records), std::mem::take(&mut self.seen));
        self.make(records.len() * 2);
        for (record, seen) in records.into_iter().zip(seen.into_iter().flatten()) {
            if record.is_empty() {
                continue;
            }
            let home = self.home(record.address);
            let Some(place) = self.free_place(home) else {
                // Never seen, but nothing forbids thirty-three addresses from sharing both sets.
                self.lost += 1;
                continue;
            };
            self.put(place, home.mark, record);
            if let Some(new) = self.seen.get_mut(place / WAYS).and_then(|set| set.get_mut(place % WAYS)) {
                *new = seen;
            }
        }
    }
}

/// The top bit of each byte that is this mark: all of a set are compared at once.
fn matches(marks: &[u8; WAYS], mark: u8) -> u128 {
    const LOW: u128 = u128::from_ne_bytes([0x7F; WAYS]);
    let different = u128::from_le_bytes(*marks) ^ u128::from_ne_bytes([mark; WAYS]);
    // A byte's low bits carry into its top bit unless they are all zero, and never into the next byte.
    !(((different & LOW) + LOW) | different | LOW)
}

/// The first place of which there is a bit.
fn first(bits: u128) -> Option<usize> {
    (bits != 0).then(|| bits.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_where_they_are_and_nowhere_else() {
        let mut marks = [1_u8; WAYS];
        (marks[0], marks[3], marks[15]) = (0x80, 0, 0x81);
        for mark in [0, 1, 0x7F, 0x80, 0x81, 0xFF] {
            let found: Vec<usize> =
                (0..WAYS).filter(|way| matches(&marks, mark) >> (way * 8) & 0x80 != 0).collect();
            let there: Vec<usize> = (0..WAYS).filter(|way| marks[*way] == mark).collect();
            assert_eq!(found, there, "{mark}");
            assert_eq!(matches(&marks, mark).count_ones() as usize, there.len());
            assert_eq!(first(matches(&marks, mark)), there.first().copied());
        }
    }
}
