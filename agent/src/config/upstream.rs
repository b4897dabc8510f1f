//! `server` and `pool` lines.

use std::net::IpAddr;

use super::directive::unless_a_slip;
use super::line::{Line, Word, Wrong};
use super::{Family, Upstream, UpstreamKind, suggestion};
use crate::time::Seconds;

const POLL: std::ops::RangeInclusive<i8> = -7..=24;

/// Options that the agent knows, for "did you mean".
const OPTIONS: &[&str] = &[
    "asymmetry",
    "auto_offline",
    "burst",
    "copy",
    "filter",
    "iburst",
    "ipv4",
    "ipv6",
    "key",
    "maxdelay",
    "maxdelaydevratio",
    "maxdelayquant",
    "maxdelayratio",
    "maxpoll",
    "maxsamples",
    "maxsources",
    "maxunreach",
    "mindelay",
    "minpoll",
    "minsamples",
    "minstratum",
    "noselect",
    "offline",
    "offset",
    "polltarget",
    "port",
    "prefer",
    "presend",
    "require",
    "trust",
    "version",
    "xleave",
];

/// Options of chrony.conf(5) that the agent does not have, and why.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("certset", "NTS is not implemented"),
    (
        "extfield",
        "its fields are experiments that only the same version of chronyd understands; requests carry no extension fields",
    ),
    ("nts", "NTS is not implemented"),
    ("ntsport", "NTS is not implemented"),
];

/// One line, and what the file's `minsamples` and `maxsamples` must not override.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) upstream: Upstream,
    pub(super) own_min_samples: bool,
    pub(super) own_max_samples: bool,
}

/// The words after `server` or `pool`.
pub(super) fn read(line: &mut Line<'_>, kind: UpstreamKind) -> Result<Draft, Wrong> {
    let name = line.need("the name or address of an NTP server")?;
    check_name(name)?;
    let upstream = Upstream::new(name.text, kind);
    let mut draft = Draft { upstream, own_min_samples: false, own_max_samples: false };
    let mut polls = Polls::default();
    while let Some(option) = line.next() {
        read_option(&mut draft, &mut polls, line, option)?;
    }
    polls.settle(&mut draft.upstream)?;
    Ok(draft)
}

/// `minpoll` and `maxpoll` as written: each may pull the other along, both may contradict each other.
#[derive(Default)]
struct Polls<'a> {
    min: Option<i8>,
    max: Option<(i8, Word<'a>)>,
}

impl Polls<'_> {
    fn settle(self, upstream: &mut Upstream) -> Result<(), Wrong> {
        match (self.min, self.max) {
            (Some(min), Some((max, word))) if min > max => {
                return Err(word.wrong(format!("maxpoll {max} is below minpoll {min} on the same line")));
            }
            (min, max) => {
                let max = max.map(|(max, _)| max);
                upstream.min_poll = min.unwrap_or(upstream.min_poll.min(max.unwrap_or(i8::MAX)));
                upstream.max_poll = max.unwrap_or(upstream.max_poll.max(upstream.min_poll));
            }
        }
        Ok(())
    }
}

fn read_option<'a>(
    draft: &mut Draft,
    polls: &mut Polls<'a>,
    line: &mut Line<'a>,
    option: Word<'a>,
) -> Result<(), Wrong> {
    let upstream = &mut draft.upstream;
    match option.lower().as_str() {
        "iburst" => upstream.iburst = true,
        "prefer" => upstream.prefer = true,
        "trust" => upstream.trust = true,
        "require" => upstream.require = true,
        "noselect" => upstream.no_select = true,
        "offline" => upstream.offline = true,
        "auto_offline" => upstream.auto_offline = true,
        "burst" => upstream.burst = true,
        "xleave" => upstream.interleaved = true,
        "copy" => upstream.copy = true,
        "filter" => {
            let polls = line.integer("filter", 1..=Upstream::MAX_FILTER).map_err(Wrong::for_the_agent)?;
            upstream.filter = Some(polls);
        }
        "presend" => upstream.presend = Some(line.integer("presend", POLL)?),
        "ipv4" => set_family(upstream, option, Family::V4)?,
        "ipv6" => set_family(upstream, option, Family::V6)?,
        "port" => upstream.port = line.integer("port", 1..=u16::MAX)?,
        "minpoll" => polls.min = Some(line.integer("minpoll", POLL)?),
        "maxpoll" => polls.max = Some((line.integer("maxpoll", POLL)?, option)),
        "minstratum" => upstream.min_stratum = line.integer("minstratum", 0..=15)?,
        "polltarget" => upstream.poll_target = line.integer("polltarget", 1..=1000)?,
        "minsamples" => {
            upstream.min_samples = min_samples(line)?;
            draft.own_min_samples = true;
        }
        "maxsamples" => {
            upstream.max_samples = max_samples(line)?;
            draft.own_max_samples = true;
        }
        "offset" => upstream.offset = Seconds(line.number("offset", "seconds", -1e6..=1e6)?),
        "version" => upstream.version = Some(line.integer("version", 1..=4)?),
        "key" => upstream.key = Some(line.integer("key", 1..=u32::MAX)?),
        "maxsources" => match &mut upstream.kind {
            UpstreamKind::Pool { max_sources } => *max_sources = line.integer("maxsources", 1..=16)?,
            UpstreamKind::Server => {
                return Err(option.wrong("'maxsources' belongs to 'pool'; a 'server' is one source"));
            }
        },
        _ if read_delay_option(upstream, line, option)? => {}
        _ => return Err(unknown(option)),
    }
    Ok(())
}

/// Options about the path to the source; false = it is none of them.
fn read_delay_option(upstream: &mut Upstream, line: &mut Line<'_>, option: Word<'_>) -> Result<bool, Wrong> {
    match option.lower().as_str() {
        "maxdelay" => upstream.max_delay = Seconds(line.number("maxdelay", "seconds", 0.0..=1000.0)?),
        "maxdelayratio" => upstream.max_delay_ratio = line.number("maxdelayratio", "", 0.0..=1e6)?,
        "maxdelaydevratio" => {
            upstream.max_delay_dev_ratio = line.number("maxdelaydevratio", "", 0.0..=1e6)?;
        }
        "maxdelayquant" => {
            upstream.max_delay_quantile = Some(line.number("maxdelayquant", "", Upstream::QUANTILES)?);
        }
        "mindelay" => upstream.min_delay = Seconds(line.number("mindelay", "seconds", 0.0..=1000.0)?),
        "asymmetry" => upstream.asymmetry = Some(line.number("asymmetry", "", Upstream::ASYMMETRIES)?),
        "maxunreach" => upstream.max_unreach = Some(line.integer("maxunreach", 0..=1_000_000_000)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The argument of `minsamples`.
pub(super) fn min_samples(line: &mut Line<'_>) -> Result<u32, Wrong> {
    line.integer("minsamples", 1..=Upstream::MAX_SAMPLES).map_err(Wrong::for_the_agent)
}

/// The argument of `maxsamples`; 0 = no limit but the history's own.
pub(super) fn max_samples(line: &mut Line<'_>) -> Result<u32, Wrong> {
    let samples = line.integer("maxsamples", 0..=Upstream::MAX_SAMPLES).map_err(Wrong::for_the_agent)?;
    Ok(if samples == 0 { Upstream::MAX_SAMPLES } else { samples })
}

fn set_family(upstream: &mut Upstream, option: Word<'_>, family: Family) -> Result<(), Wrong> {
    if upstream.family.is_some_and(|other| other != family) {
        return Err(option.wrong("'ipv4' and 'ipv6' exclude each other; leave both out to use both"));
    }
    if upstream.name.parse::<IpAddr>().is_ok_and(|address| Family::of(address) != family) {
        return Err(option.wrong(format!("'{}' is not an {family} address", upstream.name)));
    }
    upstream.family = Some(family);
    Ok(())
}

fn unknown(option: Word<'_>) -> Wrong {
    let name = option.lower();
    if let Some((_, reason)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
        return option
            .wrong(format!("option '{name}' is not supported by the agent: {reason}"))
            .for_the_agent();
    }
    if name.starts_with(['!', ';', '#', '%']) {
        return option.wrong("a comment must stand on a line of its own");
    }
    let hint = suggestion::hint(&name, OPTIONS.iter().copied());
    unless_a_slip(option.wrong(format!("unknown option '{}'{hint}", option.text)), &hint)
}

/// A name that could be looked up, or a literal address.
fn check_name(word: Word<'_>) -> Result<(), Wrong> {
    let name = word.text;
    if name.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(word.wrong(format!("'{name}' is not an IPv4 address")));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !name.strip_suffix('.').unwrap_or(name).split('.').all(label) {
        return Err(word.wrong(format!("'{name}' is not a host name or an address")));
    }
    Ok(())
}
