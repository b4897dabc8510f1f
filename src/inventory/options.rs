//! What an upstream may say beyond its name, its port and its polling: each option under its name in chrony.conf(5).

use super::host::Options;
use super::reader::{Field, Reader};

/// Polling intervals that chrony.conf(5) takes, log2 seconds.
const POLL: (i8, i8) = (-7, 24);

/// The keys of [`Options`].
pub(super) const NAMES: [&str; 11] = [
    "xleave",
    "key",
    "trust",
    "require",
    "noselect",
    "maxsources",
    "offset",
    "presend",
    "version",
    "maxdelay",
    "filter",
];

impl<'a> Reader<'_, 'a> {
    /// Takes one of [`NAMES`].
    pub(super) fn upstream_option(&mut self, field: Field<'_, 'a>, options: &mut Options) {
        match field.name {
            "xleave" => options.xleave = self.bool(field).is_some_and(|given| given.value),
            "trust" => options.trust = self.bool(field).is_some_and(|given| given.value),
            "require" => options.require = self.bool(field).is_some_and(|given| given.value),
            "noselect" => options.noselect = self.bool(field).is_some_and(|given| given.value),
            "key" => options.key = self.whole(field, (1, u32::MAX)).map(|key| key.value),
            "maxsources" => options.maxsources = self.whole(field, (1, 16)).map(|count| count.value),
            "presend" => options.presend = self.whole(field, POLL).map(|poll| poll.value),
            "version" => options.version = self.whole(field, (1, 4)).map(|version| version.value),
            "filter" => options.filter = self.whole(field, (1, 64)).map(|polls| polls.value),
            "offset" => options.offset = self.seconds_within(field, (-1e6, 1e6)).map(|offset| offset.value),
            _ => options.maxdelay = self.seconds_within(field, (0.0, 1000.0)).map(|delay| delay.value),
        }
    }
}
