//! What chronyc changes while the daemon runs, from the words of the protocol to the engine's own.

use super::Engine;
use super::action::Level;
use super::sources::AddError;
use crate::association::Association;
use crate::chronyc::desk::SourceOption;
use crate::chronyc::wire::{AddSource, Status};
use crate::config::{Family, Local, Upstream, UpstreamKind};
use crate::reference::Reference;
use crate::time::{Moment, Ppm, Seconds};

/// Shortest and longest polling interval that may be asked for, log2 seconds (chrony.conf(5), minpoll and maxpoll).
const POLLS: std::ops::RangeInclusive<i32> = -7..=24;
/// ADD_SOURCE's number for `server`.
const SERVER: u32 = 1;
/// ADD_SOURCE's number for `pool`.
const POOL: u32 = 3;
/// What chronyc sends as `asymmetry` and `maxdelayquant` when nobody asked for them.
const ESTIMATED_ASYMMETRY: f64 = 1.0;
const OFF: f64 = 0.0;
/// The same for `maxunreach`: chronyc 4.3 has no such option, later ones send their default.
const USUAL_UNREACH: [u32; 2] = [0, 100_000];

/// Why a source that chronyc describes cannot be one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("it asks for '{0}', which the agent does not have")]
    Unsupported(&'static str),
    #[error("its {0} is out of range")]
    OutOfRange(&'static str),
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unsupported(_) => Self::Failed,
            Refusal::OutOfRange(_) => Self::Invalid,
        }
    }
}

impl From<AddError> for Status {
    fn from(error: AddError) -> Self {
        match error {
            AddError::AlreadyThere => Self::SourceAlreadyKnown,
            AddError::WrongFamily => Self::InvalidFamily,
            AddError::TooMany => Self::TooManySources,
        }
    }
}

impl Engine {
    /// ADD_SOURCE. `name` is the source's, already checked.
    pub(super) fn add_described(&mut self, source: &AddSource, name: &str, now: Moment) -> Status {
        let upstream = match upstream_of(source, name, &self.config) {
            Ok(upstream) => upstream,
            Err(refusal) => {
                self.log(Level::Warning, format!("source {name} is not added: {refusal}"));
                return refusal.into();
            }
        };
        match self.try_add_upstream(upstream, now) {
            Ok(_) => {
                self.log(Level::Info, format!("source {name} is added on request"));
                self.look_up(now);
                Status::Success
            }
            Err(error) => error.into(),
        }
    }

    /// A new value of an option of one source.
    pub(super) fn set_option(&mut self, place: usize, option: SourceOption, now: Moment) {
        let Some(source) = self.sources.get_mut(place) else { return };
        change(&mut source.upstream, option);
        if let Some(association) = &mut source.association {
            change(&mut association.upstream, option);
            let (min, max) = (association.upstream.min_poll, association.upstream.max_poll);
            association.poll = association.poll.clamp(min, max.max(min));
            // Samples that were corrected by the old offset are no measure of what the new one says.
            if matches!(option, SourceOption::Offset(_)) {
                association.reset_samples(now.mono);
            }
        }
        if matches!(option, SourceOption::Selection { .. } | SourceOption::Offset(_)) {
            self.reselect(now);
        }
    }

    /// LOCAL; `None` = off: a clock that nothing vouches for any more is not served.
    pub(super) fn set_local(&mut self, local: Option<Local>, now: Moment) {
        self.config.local = local;
        if matches!(self.reference, Reference::Local { .. }) {
            self.reference = Reference::Unsynchronised;
        }
        self.refresh_reference(now);
        self.reselect(now);
    }

    /// MODIFY_MAXUPDATESKEW.
    pub(super) fn set_max_update_skew(&mut self, skew: Ppm) {
        self.config.max_update_skew = skew;
    }

    /// RESELECTDISTANCE.
    pub(super) fn set_reselect_distance(&mut self, distance: Seconds, now: Moment) {
        self.config.reselect_distance = distance;
        self.reselect(now);
    }

    /// ONLINE and OFFLINE for one place in the list; one without an address will be so when it has one.
    pub(super) fn switch(&mut self, place: usize, online: bool, now: Moment) {
        let Some(source) = self.sources.get_mut(place) else { return };
        source.upstream.offline = !online;
        match &mut source.association {
            Some(association) if online => association.go_online(now.mono),
            Some(association) => association.online = false,
            None => {}
        }
    }

    /// ONOFFLINE: every address that could be asked, for the daemon to find out whether there is a route to it.
    pub(super) fn look_for_routes(&mut self) {
        let addresses: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| source.association.as_ref())
            .map(|association| association.address)
            .collect();
        for to in addresses {
            self.actions.push_back(super::Action::LookForRoute { to });
        }
    }

    /// The answer to [`super::Action::LookForRoute`]: sources without a route are offline until they have one.
    pub fn handle_route(&mut self, now: Moment, to: std::net::SocketAddr, there_is_one: bool) {
        let is_meant = |association: &Association| association.address == to;
        let place = self.sources.iter().position(|it| it.association.as_ref().is_some_and(is_meant));
        if let Some(place) = place {
            self.switch(place, there_is_one, now);
        }
    }
}

/// Values out of range are ignored; a minimum above the maximum pulls that along, and the other way round.
fn change(upstream: &mut Upstream, option: SourceOption) {
    let poll = |poll: i32| POLLS.contains(&poll).then(|| i8::try_from(poll).ok()).flatten();
    match option {
        SourceOption::MinPoll(min) => {
            if let Some(min) = poll(min) {
                upstream.min_poll = min;
                upstream.max_poll = upstream.max_poll.max(min);
            }
        }
        SourceOption::MaxPoll(max) => {
            if let Some(max) = poll(max) {
                upstream.max_poll = max;
                upstream.min_poll = upstream.min_poll.min(max);
            }
        }
        SourceOption::MaxDelay(delay) => upstream.max_delay = delay,
        SourceOption::MaxDelayRatio(ratio) => upstream.max_delay_ratio = ratio,
        SourceOption::MaxDelayDevRatio(ratio) => upstream.max_delay_dev_ratio = ratio,
        SourceOption::MinStratum(stratum) => upstream.min_stratum = stratum.clamp(0, 255) as u8,
        SourceOption::PollTarget(target) => upstream.poll_target = target.max(1).unsigned_abs(),
        SourceOption::Offset(offset) => upstream.offset = offset,
        SourceOption::Selection { no_select, prefer, trust, require } => {
            upstream.no_select = no_select.unwrap_or(upstream.no_select);
            upstream.prefer = prefer.unwrap_or(upstream.prefer);
            upstream.trust = trust.unwrap_or(upstream.trust);
            upstream.require = require.unwrap_or(upstream.require);
        }
    }
}

/// A `server` or `pool` line from what chronyc sends.
fn upstream_of(source: &AddSource, name: &str, config: &crate::config::Config) -> Result<Upstream, Refusal> {
    check_supported(source)?;
    let has = |flag: u32| source.flags & flag != 0;
    let kind = match source.kind {
        POOL => UpstreamKind::Pool { max_sources: source.max_sources.clamp(1, 16) },
        _ => UpstreamKind::Server,
    };
    let poll = |value: i32, what| {
        i8::try_from(value).ok().filter(|_| POLLS.contains(&value)).ok_or(Refusal::OutOfRange(what))
    };
    let plain = Upstream::new(name, kind);
    let samples = |wish: i32, usual: u32| u32::try_from(wish).unwrap_or(usual);
    let max_samples = samples(source.max_samples, config.max_samples.unwrap_or(plain.max_samples));
    let min_samples = samples(source.min_samples, config.min_samples.unwrap_or(plain.min_samples));
    let min_poll = poll(source.min_poll, "minpoll")?;
    Ok(Upstream {
        port: u16::try_from(source.port).ok().filter(|port| *port > 0).ok_or(Refusal::OutOfRange("port"))?,
        min_poll,
        max_poll: poll(source.max_poll, "maxpoll")?.max(min_poll),
        iburst: has(AddSource::FLAG_IBURST),
        prefer: has(AddSource::FLAG_PREFER),
        trust: has(AddSource::FLAG_TRUST),
        require: has(AddSource::FLAG_REQUIRE),
        no_select: has(AddSource::FLAG_NO_SELECT),
        offline: !has(AddSource::FLAG_ONLINE),
        max_delay: source.max_delay,
        max_delay_ratio: source.max_delay_ratio,
        max_delay_dev_ratio: source.max_delay_dev_ratio,
        min_stratum: source.min_stratum.min(255) as u8,
        poll_target: source.poll_target.max(1),
        auto_offline: has(AddSource::FLAG_AUTO_OFFLINE),
        burst: has(AddSource::FLAG_BURST),
        interleaved: has(AddSource::FLAG_INTERLEAVED),
        copy: has(AddSource::FLAG_COPY),
        filter: match u32::try_from(source.filter).unwrap_or(0) {
            0 => None,
            polls @ 1..=Upstream::MAX_FILTER => Some(polls),
            _ => return Err(Refusal::OutOfRange("filter")),
        },
        presend: i8::try_from(source.presend).ok().filter(|poll| POLLS.contains(&i32::from(*poll))),
        max_delay_quantile: in_range(source.max_delay_quant, Upstream::QUANTILES, OFF, "maxdelayquant")?,
        min_delay: source.min_delay.max(Seconds::ZERO),
        asymmetry: in_range(source.asymmetry, Upstream::ASYMMETRIES, ESTIMATED_ASYMMETRY, "asymmetry")?,
        max_unreach: u32::try_from(source.max_unreach).ok().filter(|polls| !USUAL_UNREACH.contains(polls)),
        max_samples,
        min_samples: if max_samples == 0 { min_samples } else { min_samples.min(max_samples) },
        offset: source.offset,
        key: (source.key != 0).then_some(source.key),
        version: match source.version {
            0 => plain.version,
            version @ 1..=4 => Some(version as u8),
            _ => return Err(Refusal::OutOfRange("version")),
        },
        family: match (has(AddSource::FLAG_IPV4), has(AddSource::FLAG_IPV6)) {
            (true, false) => Some(Family::V4),
            (false, true) => Some(Family::V6),
            _ => None,
        },
        ..plain
    })
}

/// `None` when nobody asked for it: chronyc then sends `unused`.
fn in_range(
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    unused: f64,
    name: &'static str,
) -> Result<Option<f64>, Refusal> {
    if value == unused {
        Ok(None)
    } else if range.contains(&value) {
        Ok(Some(value))
    } else {
        Err(Refusal::OutOfRange(name))
    }
}

/// What a line of the configuration may not ask for, chronyc may not either.
fn check_supported(source: &AddSource) -> Result<(), Refusal> {
    let has = |flag: u32| source.flags & flag != 0;
    let wishes = [
        (!matches!(source.kind, SERVER | POOL), "peer"),
        (has(AddSource::FLAG_NTS), "nts"),
        (source.flags & AddSource::FLAGS_EXTENSION != 0, "extfield"),
    ];
    match wishes.iter().find(|(is_wanted, _)| *is_wanted) {
        Some((_, option)) => Err(Refusal::Unsupported(option)),
        None => Ok(()),
    }
}
