//! A host name or an address, as `server`, `pool` and `address` take it: exactly what the agent's parser takes, too.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// DNS: the longest name, the longest label (RFC 1035).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What is compared when names and addresses are: however an address is spelled, whatever the case of a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HostName<'a> {
    /// Written as numbers.
    Address(IpAddr),
    /// In lower case, without the dot at its end.
    Name(Cow<'a, str>),
}

impl<'a> HostName<'a> {
    /// Of any text; what is no name at all is still equal to itself.
    pub(crate) fn of(text: &'a str) -> Self {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::Address(address);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let has_upper = name.bytes().any(|byte| byte.is_ascii_uppercase());
        Self::Name(if has_upper { name.to_ascii_lowercase().into() } else { name.into() })
    }

    /// The same, on its own.
    pub(crate) fn into_owned(self) -> HostName<'static> {
        match self {
            Self::Address(address) => HostName::Address(address),
            Self::Name(name) => HostName::Name(Cow::Owned(name.into_owned())),
        }
    }
}

/// Why a text is neither a host name nor an address. The words go behind the text itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameFault {
    /// Characters that no name has.
    #[error("is no host name and no address")]
    Neither,
    /// An interface behind an address.
    #[error("has a zone, which means something on one machine only")]
    Zone,
    /// Digits and dots.
    #[error("is no IPv4 address: four numbers from 0 to 255{}", if .plain.is_some() { " without zeros in front" } else { "" })]
    Four {
        /// The address that it would be without zeros in front.
        plain: Option<Ipv4Addr>,
    },
    /// A name or an address, and a port behind it.
    #[error("has a port at its end")]
    Port {
        /// What is before the port, without brackets.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// Colons.
    #[error("is no IPv6 address")]
    Six {
        /// The address between brackets.
        bare: Option<String>,
    },
    /// `n..m`, `.n`.
    #[error("has an empty label: two dots in a row, or one at its beginning")]
    EmptyLabel,
    /// More than DNS can hold.
    #[error("has a label of {0} characters: {LONGEST_LABEL} are the most")]
    LongLabel(usize),
    /// `n.-m`.
    #[error("has a label that begins with `-`")]
    Hyphen,
    /// More than DNS can hold.
    #[error("has {0} characters: {LONGEST} are the most")]
    Long(usize),
}

impl NameFault {
    /// What to write instead; `port_key` says how a port is written there.
    pub(crate) fn help(&self, port_key: impl Fn(u16) -> String) -> Option<String> {
        match self {
            Self::Four { plain: Some(plain) } => Some(format!("write `{plain}`")),
            Self::Port { host, port } => {
                Some(format!("the port goes into `{}`, and `{host}` stays here", port_key(*port)))
            }
            Self::Six { bare: Some(bare) } => {
                Some(format!("write \"{bare}\": brackets are for addresses with a port"))
            }
            Self::Zone => Some("write an address that others can reach, or a name".to_owned()),
            _ => None,
        }
    }
}

/// What is wrong with a name, if anything is.
pub(crate) fn fault(text: &str) -> Option<NameFault> {
    if text.parse::<IpAddr>().is_ok() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some(NameFault::Four { plain: without_zeros(text) });
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.bytes().all(known) {
        return Some(beside_names(text));
    }
    if text.len() > LONGEST {
        return Some(NameFault::Long(text.len()));
    }
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    labels().find_map(|label| match label.len() {
        0 => Some(NameFault::EmptyLabel),
        1..=LONGEST_LABEL => label.starts_with('-').then_some(NameFault::Hyphen),
        length => Some(NameFault::LongLabel(length)),
    })
}

/// Of a text with characters that are in no name: what was meant.
fn beside_names(text: &str) -> NameFault {
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    if zone.is_some() && fault(address).is_none() {
        return NameFault::Zone;
    }
    let known =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'[' | b']');
    if !text.contains(':') || !text.bytes().all(known) {
        return NameFault::Neither;
    }
    let bare = |text: &str| text.strip_prefix('[')?.strip_suffix(']').map(str::to_owned);
    let with_port = text.rsplit_once(':').and_then(|(host, port)| {
        let host = bare(host).unwrap_or_else(|| host.to_owned());
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (fault(&host).is_none()).then_some(NameFault::Port { host, port })
    });
    with_port.unwrap_or_else(|| NameFault::Six { bare: bare(text).filter(|bare| fault(bare).is_none()) })
}

/// `10.0.0.01`: some programs read such numbers as octal.
fn without_zeros(text: &str) -> Option<Ipv4Addr> {
    let numbers: Option<Vec<u8>> = text.split('.').map(|number| number.parse().ok()).collect();
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(numbers?).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timefleet_agent::config;

    use super::*;

    fn told(text: &str) -> String {
        let fault = fault(text).unwrap();
        let help = fault.help(|port| format!("port: {port}")).map(|help| format!(" | {help}"));
        format!("`{text}` {fault}{}", help.unwrap_or_default())
    }

    #[test]
    fn a_wrong_name_says_what_is_wrong_with_it() {
        for line in [
            "`10.0.0.777` is no IPv4 address: four numbers from 0 to 255",
            "`999` is no IPv4 address: four numbers from 0 to 255",
            "`10.1` is no IPv4 address: four numbers from 0 to 255",
            "`10.0.0.01` is no IPv4 address: four numbers from 0 to 255 without zeros in front | write `10.0.0.1`",
            "`ntp.example:123` has a port at its end | the port goes into `port: 123`, and `ntp.example` stays here",
            "`10.0.0.1:123` has a port at its end | the port goes into `port: 123`, and `10.0.0.1` stays here",
            "`[fd00::1]:123` has a port at its end | the port goes into `port: 123`, and `fd00::1` stays here",
            "`[fd00::1]` is no IPv6 address | write \"fd00::1\": brackets are for addresses with a port",
            "`10.0.0.777:123` is no IPv6 address",
            "`ntp.example:99999` is no IPv6 address",
            "`2001:db8::zz` is no IPv6 address",
            "`n..m` has an empty label: two dots in a row, or one at its beginning",
            "`.n` has an empty label: two dots in a row, or one at its beginning",
            "`n.-m` has a label that begins with `-`",
            "`fe80::1%eth0` has a zone, which means something on one machine only | write an address that others can reach, or a name",
            "`a b` is no host name and no address",
            "`https://n` is no host name and no address",
        ] {
            assert_eq!(told(line.split('`').nth(1).unwrap()), line);
        }
        let long = "n".repeat(64);
        assert_eq!(fault(&long).unwrap().to_string(), "has a label of 64 characters: 63 are the most");
        let long = format!("{}n", "n.".repeat(127));
        assert_eq!(fault(&long).unwrap().to_string(), "has 255 characters: 253 are the most");
        for right in ["a", "_ntp.a_b", "2001:DB8::1", "::", "ntp.example.", "a-", "0x10", "1e5"] {
            assert_eq!(fault(right), None, "{right}");
        }
    }

    #[test]
    fn addresses_are_equal_however_they_are_spelled_and_names_in_any_case() {
        for (one, other) in [
            ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"),
            ("NTP.Example", "ntp.example"),
            ("ntp.example.", "ntp.example"),
            ("::ffff:10.0.0.1", "::FFFF:a00:1"),
        ] {
            assert_eq!(HostName::of(one), HostName::of(other), "{one}");
        }
        assert_ne!(HostName::of("10.0.0.1"), HostName::of("10.0.0.2"));
        assert_ne!(HostName::of("ntp1"), HostName::of("ntp2"));
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9.]{1,16}",
            "([0-9]{1,3}\\.){3}[0-9]{1,3}(:[0-9]{1,5})?",
            "[0-9a-fA-F:]{1,20}",
            "[0-9a-f:.%]{1,20}",
            "[A-Za-z0-9_.-]{1,12}",
            "\\PC{1,8}",
            ("[a-z-]{62,65}", "(\\.[a-z]{0,64}){0,5}").prop_map(|(one, more)| one + &more),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn what_the_agent_takes_is_taken_and_nothing_else(text in texts()) {
            // What is no single word, or begins another line, is no name in either.
            let one_word = text.split_whitespace().eq([text.as_str()]);
            for line in ["server", "pool"] {
                let agent = one_word && config::parse("x", &format!("{line} {text}")).is_ok();
                prop_assert_eq!(agent, fault(&text).is_none(), "{}", text);
            }
        }
    }
}
