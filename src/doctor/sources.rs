//! What can be wrong between a host and the sources it is told to follow.

use std::collections::BTreeMap;
use std::net::IpAddr;

use timefleet_agent::report::{HostReport, Source};
use timefleet_agent::time::Seconds;

use super::Diagnosis;
use super::ward::{Patient, Ward};
use crate::inventory::host::{Host, UpstreamFrom};
use crate::report::Ending;
use crate::report::quantity::{count, span};
use crate::report::verdict::ClockState;

/// chrony.conf(5): the default of `maxdistance`.
const DEFAULT_MAX_DISTANCE: Seconds = Seconds(3.0);
/// What helps with a Windows server, which reports a root dispersion of several seconds (chrony's FAQ).
const GENEROUS_MAX_DISTANCE: f64 = 16.0;

/// Why a host that follows nothing follows none of its sources.
pub(super) fn complaints(patient: &Patient<'_>, report: &HostReport, ward: &Ward<'_>) -> Vec<Diagnosis> {
    let mut found: Vec<_> = unresolved(patient.host, report).into_iter().collect();
    let mut waiting = Vec::new();
    for source in report.sources.iter().filter(|source| source.address.is_some()) {
        let name = ward.name_of(source);
        match trouble(patient.host, source) {
            Trouble::Falseticker => found.push(falseticker(&name)),
            Trouble::Jittery => found.push(jittery(&name)),
            Trouble::TooFar(distance) => found.push(too_far(patient.host, source, &name, distance)),
            Trouble::NoAnswer => found.push(no_answer(patient.host, source, &name, ward)),
            Trouble::Unsynchronised => found.push(unsynchronised(&name, ward.behind(source))),
            Trouble::Waiting => waiting.push(name),
        }
    }
    if found.is_empty() && !waiting.is_empty() {
        found.push(still_waiting(patient.host, &waiting));
    }
    found
}

/// Sources that the majority disagrees with: worth a word even where the clock is well.
pub(super) fn falsetickers(report: &HostReport, ward: &Ward<'_>) -> Vec<Diagnosis> {
    let wrong = report.sources.iter().filter(|source| is_falseticker(source));
    wrong.map(|source| falseticker(&ward.name_of(source))).collect()
}

enum Trouble {
    Falseticker,
    Jittery,
    TooFar(Seconds),
    NoAnswer,
    Unsynchronised,
    Waiting,
}

/// The letters are those of chronyc's `sources` and `selectdata` (chronyc(1)).
fn trouble(host: &Host, source: &Source) -> Trouble {
    let distance = root_distance(source);
    if is_falseticker(source) {
        Trouble::Falseticker
    } else if source.reason == Some('d') || (source.reach > 0 && distance.0 > max_distance(host).0) {
        Trouble::TooFar(distance)
    } else if source.state == '~' || source.reason == Some('~') {
        Trouble::Jittery
    } else if source.reach == 0 {
        Trouble::NoAnswer
    } else if source.stratum == 0 || source.reason == Some('s') {
        Trouble::Unsynchronised
    } else {
        Trouble::Waiting
    }
}

fn is_falseticker(source: &Source) -> bool {
    source.state == 'x' || source.reason == Some('x')
}

/// What the source says of its own distance from the truth; its samples' error bound where it was not asked.
fn root_distance(source: &Source) -> Seconds {
    match (source.root_delay, source.root_dispersion) {
        (Some(delay), Some(dispersion)) => delay / 2.0 + dispersion,
        (None, Some(dispersion)) => dispersion,
        _ => source.error_bound,
    }
}

fn max_distance(host: &Host) -> Seconds {
    host.time.maxdistance.as_ref().map_or(DEFAULT_MAX_DISTANCE, |given| given.value)
}

/// Names without an address. With some resolved, the unresolved rest (spare places of a pool) is no news.
fn unresolved(host: &Host, report: &HostReport) -> Option<Diagnosis> {
    let mut names: Vec<_> = report
        .sources
        .iter()
        .filter(|source| source.address.is_none())
        .map(|source| source.name.as_str())
        .collect();
    if names.is_empty() {
        let resolved = |name: &&str| report.sources.iter().any(|source| source.name == *name);
        let given = host.time.upstreams.iter().filter_map(|upstream| name(&upstream.from));
        names.extend(given.filter(|name| !resolved(name)));
    }
    names.sort_unstable();
    names.dedup();
    let unknown = report.activity.map_or(0, |activity| activity.unresolved);
    let subject = match (names.as_slice(), unknown) {
        (_, 0) if report.sources.iter().all(|source| source.address.is_some()) => return None,
        ([], number) => {
            format!("{} with unknown address: their names do not resolve", count(number as usize, "source"))
        }
        ([name], _) => format!("{name} has no address: the name does not resolve"),
        (names, _) => format!("{} have no address: the names do not resolve", names.join(", ")),
    };
    let ipv4_only = &host.time.ipv4_only;
    let cure = if ipv4_only.value {
        "check the name and the resolver on the host (`getent ahostsv4 NAME`), or name the upstream by its address"
    } else {
        "if IPv6 is disabled on the host set `ipv4_only: true`; else check the name and the resolver there \
         (`getent ahosts NAME`), or name the upstream by its address"
    };
    let upstream = host.time.upstreams.iter().find_map(|upstream| upstream.place.as_ref());
    Some(
        Diagnosis::new("unresolved", format!("{subject} on the host"), cure)
            .at(upstream.unwrap_or(&host.place)),
    )
}

/// The clock is well, but one of its sources is only a name: the redundancy that was meant is not there.
pub(super) fn without_address(host: &Host, report: &HostReport) -> Option<Diagnosis> {
    let has_address = |name: &str| report.sources.iter().any(|one| one.name == name && one.address.is_some());
    let source =
        report.sources.iter().find(|source| source.address.is_none() && !has_address(&source.name))?;
    let written = host.time.upstreams.iter().find(|upstream| name(&upstream.from) == Some(&source.name));
    let place = written.and_then(|upstream| upstream.place.as_ref()).unwrap_or(&host.place);
    Some(
        Diagnosis::new(
            "upstream-without-address",
            format!(
                "{} has no address on the host: its name has not resolved so far; others are followed",
                source.name
            ),
            "check the name and the resolver on the host (`getent ahosts NAME`), or take the upstream away",
        )
        .at(place),
    )
}

/// A name that the host itself has to resolve.
fn name(upstream: &UpstreamFrom) -> Option<&str> {
    match upstream {
        UpstreamFrom::Server(name) | UpstreamFrom::Pool(name) if name.parse::<IpAddr>().is_err() => {
            Some(name)
        }
        UpstreamFrom::Server(_) | UpstreamFrom::Pool(_) | UpstreamFrom::Group(_) => None,
    }
}

fn falseticker(name: &str) -> Diagnosis {
    Diagnosis::new(
        "falseticker",
        format!("{name} is a falseticker: its time disagrees with the majority of the sources"),
        format!(
            "compare it with the others (`chronyc sources -v`), then repair or remove {name}; with at least \
                 four upstreams one wrong clock is outvoted"
        ),
    )
}

fn jittery(name: &str) -> Diagnosis {
    Diagnosis::new(
        "jittery",
        format!("{name} answers, but its time varies too much to be used"),
        "look for a congested network or a virtual machine in between, or use a nearer upstream",
    )
}

fn too_far(host: &Host, source: &Source, name: &str, distance: Seconds) -> Diagnosis {
    let limit = max_distance(host);
    let enough = (distance.0 * 1.2).max(GENEROUS_MAX_DISTANCE).ceil();
    let said = match source.root_dispersion {
        Some(dispersion) => format!("it reports a root dispersion of {}", span(dispersion)),
        None => format!("its root distance is {}", span(distance)),
    };
    let place = host.time.maxdistance.as_ref().and_then(|given| given.place.as_ref()).unwrap_or(&host.place);
    Diagnosis::new(
        "maxdistance",
        format!(
            "{name} answers but is never selected: {said}, too much for the maxdistance of {}",
            span(limit)
        ),
        format!("set `maxdistance: {enough:.1}` (Windows servers need it), or use a better upstream"),
    )
    .at(place)
}

/// A daemon counts only usable answers: an unsynchronised server shows reach 0 just as an unreachable one does.
fn no_answer(host: &Host, source: &Source, name: &str, ward: &Ward<'_>) -> Diagnosis {
    let Some(server) = ward.behind(source) else {
        return Diagnosis::new(
            "no-answer",
            format!("{name} gives no usable answer (reach 0)"),
            format!(
                "is UDP port 123 open on the way, does {name} allow this host, and is it itself synchronised? \
                     `chronyc ntpdata {name}` on the host shows the last answer"
            ),
        );
    };
    if matches!(server.ending, Ending::Failed { .. } | Ending::Unreachable { .. } | Ending::Refused { .. }) {
        return Diagnosis::new(
            "server-failed",
            format!("{name} gives no usable answer (reach 0), and the run failed there"),
            format!("cure {name} first"),
        );
    }
    match server.state {
        ClockState::Stopped => Diagnosis::new(
            "server-stopped",
            format!("{name} gives no answer (reach 0): its time service does not run"),
            format!("cure {name} first"),
        ),
        ClockState::Unsynchronised => unsynchronised(name, Some(server)),
        ClockState::Unknown => Diagnosis::new(
            "server-unknown",
            format!("{name} gives no answer (reach 0), and nothing is known of its own clock"),
            format!("cure {name} first: it does not answer either"),
        ),
        _ if !may_ask(host, server.host) => not_allowed(host, name, server.host),
        state => firewall(name, server.host, state),
    }
}

/// The server runs and allows the host: only the way between is left.
fn firewall(name: &str, server: &Host, state: ClockState) -> Diagnosis {
    let clock = match state {
        ClockState::OutOfBounds => "it serves a clock (out of bounds, but that does not silence it)",
        _ => "its clock is well",
    };
    Diagnosis::new(
        "no-answer",
        format!("{name} gives no answer (reach 0), though {clock} and it allows this host"),
        format!("open UDP port {} from this host to {name} in the firewalls between", server.time.port.value),
    )
}

fn may_ask(client: &Host, server: &Host) -> bool {
    // A name says nothing of the address that the server will see; do not accuse the wrong one.
    let Ok(address) = client.address.value.parse::<IpAddr>() else { return true };
    let longest = |nets: &[crate::inventory::host::Sourced<ipnet::IpNet>]| {
        nets.iter().filter(|net| net.value.contains(&address)).map(|net| net.value.prefix_len()).max()
    };
    // Default deny; the more specific rule wins, as in chrony.conf(5).
    longest(&server.time.allow) > longest(&server.time.deny)
}

fn not_allowed(client: &Host, name: &str, server: &Host) -> Diagnosis {
    let address = &client.address.value;
    let place = server.time.allow.iter().find_map(|net| net.place.as_ref()).unwrap_or(&server.place);
    Diagnosis::new(
        "not-allowed",
        format!("{name} gives no answer (reach 0): its `allow` does not admit {address}"),
        format!("add a range with {address} to the `allow` of {name}"),
    )
    .at(place)
}

fn unsynchronised(name: &str, server: Option<&Patient<'_>>) -> Diagnosis {
    let cause = format!("{name} answers as not synchronised (stratum 0), so it cannot be followed");
    let Some(server) = server else {
        return Diagnosis::new(
            "source-not-synchronised",
            cause,
            format!("give {name} a source, or, at an isolated site, `local stratum 10 orphan distance 0.1`"),
        );
    };
    match &server.host.time.local {
        None => Diagnosis::new(
            "source-not-synchronised",
            format!("{cause}: it follows nothing and has no `local`"),
            format!("give the `time` of {name} `local: {{ stratum: 10, orphan: true, distance: 0.1 }}`, or cure its \
                     upstreams"),
        )
        .at(&server.host.place),
        Some(_) => {
            Diagnosis::new("source-not-synchronised", cause, format!("its `local` is not active yet: cure {name} first"))
        }
    }
}

fn still_waiting(host: &Host, names: &[String]) -> Diagnosis {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counted.entry(name).or_default() += 1;
    }
    let verb = if counted.len() == 1 { "answers" } else { "answer" };
    let who = counted.into_keys().collect::<Vec<_>>().join(", ");
    match &host.time.minsources {
        Some(needed) if (names.len() as u64) < u64::from(needed.value) => Diagnosis::new(
            "minsources",
            format!("only {} of the {} sources that `minsources` asks for: {who}", names.len(), needed.value),
            "add upstreams, or lower `minsources`",
        )
        .at(needed.place.as_ref().unwrap_or(&host.place)),
        _ => Diagnosis::new(
            "waiting",
            format!("{who} {verb}, but there are not enough good measurements yet"),
            "`iburst: true` on the upstream makes the first ones quick; or wait longer: `--wait 2m`",
        ),
    }
}
