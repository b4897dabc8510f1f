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

#[cfg(test)]
mod tests {
    use crate::inventory::{InputFile, Problem, load};

    /// The time of one server, in a file whose line 6 says it.
    fn problems(time: &str) -> Vec<String> {
        let text = format!(
            "fleet: x\ngroups:\n  g:\n    role: server\n    time:\n      {time}\n    hosts: {{ a: }}\n"
        );
        let problems = load(&[InputFile { name: "f.yaml".to_owned(), text }], None).unwrap_err();
        let said = |problem: &Problem| {
            let help = problem.help.as_deref().map(|help| format!(" | {help}")).unwrap_or_default();
            problem.headline() + &help
        };
        problems.iter().map(said).collect()
    }

    #[test]
    fn options_out_of_their_range_say_the_range() {
        for (options, column, message) in [
            ("key: 0", 37, "`time.upstreams.key` must be a whole number from 1 to 4294967295, not `0`"),
            ("version: 5", 41, "`time.upstreams.version` must be a whole number from 1 to 4, not `5`"),
            ("presend: 25", 41, "`time.upstreams.presend` must be a whole number from -7 to 24, not `25`"),
            ("filter: 65", 40, "`time.upstreams.filter` must be a whole number from 1 to 64, not `65`"),
            (
                "offset: 2e6",
                40,
                "`time.upstreams.offset` must be a number of seconds from -1000000 to 1000000, not `2e6`",
            ),
            (
                "maxdelay: -1",
                42,
                "`time.upstreams.maxdelay` must be a number of seconds from 0 to 1000, not `-1`",
            ),
        ] {
            let said = problems(&format!("upstreams: [{{ server: s, {options} }}]"));
            assert_eq!(said, [format!("f.yaml:6:{column}: error[value-out-of-range]: {message}")]);
        }
        assert_eq!(
            problems("upstreams: [{ pool: s, maxsources: 17 }]"),
            [
                "f.yaml:6:42: error[value-out-of-range]: `time.upstreams.maxsources` must be a whole number from 1 to 16, not `17`"
            ]
        );
        assert_eq!(
            problems("upstreams: [{ server: s, xleave: yes }]"),
            [
                "f.yaml:6:40: error: `time.upstreams.xleave` must be `true` or `false`, not `yes` | write `true`"
            ]
        );
    }

    #[test]
    fn maxsources_is_of_pools_only() {
        assert_eq!(
            problems("upstreams: [{ server: s, maxsources: 2 }]"),
            [
                "f.yaml:6:19: error: `maxsources` belongs to `pool`: a server is one source | take it away, or name a \
              pool"
            ]
        );
    }

    #[test]
    fn a_misspelt_option_is_found() {
        assert_eq!(
            problems("upstreams: [{ server: s, xleaf: true }]"),
            ["f.yaml:6:32: error: unknown key `xleaf` in an upstream | did you mean `xleave`?"]
        );
    }

    #[test]
    fn waits_of_a_local_clock_and_the_key_file() {
        assert_eq!(
            problems("local: { waitsynced: -1 }"),
            [
                "f.yaml:6:28: error[value-out-of-range]: `time.local.waitsynced` must be a number of seconds from 0 to 1000000000, not `-1`"
            ]
        );
        for path in ["keys", "/etc/", "'/etc/my keys'"] {
            assert_eq!(
                problems(&format!("{{ local: true, keyfile: {path} }}")),
                [
                    "f.yaml:6:31: error: `time.keyfile` must be the path of a file that begins with `/` or `~/` | it is a \
                  path on the host, without blanks"
                ]
            );
        }
    }
}
