//! Symptoms in, cause and cure out: what a host says of itself, read beside what the inventory says of it.
//!
//! Pure. The rules are those an operator learns the hard way; each is tested with literal words below.

mod sources;
mod ward;

pub(crate) use ward::{Patient, Ward};

use serde::{Deserialize, Serialize};
use timefleet_agent::report::{ClockControl, Drift, HostReport};

use crate::inventory::host::{Host, Place, Role, Service};
use crate::report::Ending;
use crate::report::quantity::span;
use crate::report::verdict::ClockState;

/// What is wrong with a host, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Diagnosis {
    /// Stable name of the rule, for programs: `source-not-synchronised`, `rival`, …
    pub(crate) rule: String,
    /// Symptom and cause in one line.
    pub(crate) cause: String,
    /// What to do next.
    pub(crate) cure: String,
    /// `file:line:column` of the inventory where the cure belongs, where that is known.
    pub(crate) place: Option<String>,
}

impl Diagnosis {
    fn new(rule: &str, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), cause: cause.into(), cure: cure.into(), place: None }
    }

    fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.to_string());
        self
    }
}

/// What is wrong with this host. Empty = nothing that the doctor knows of.
pub(crate) fn diagnose(patient: &Patient<'_>, ward: &Ward<'_>) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if let Ending::Refused { rivals, .. } = patient.ending {
        found.extend(rivals.iter().map(|unit| rival(patient.host, unit)));
    }
    let Some(report) = patient.report else { return found };
    found.extend(report.drift.iter().filter_map(|drift| match drift {
        Drift::Rival { unit } => Some(rival(patient.host, unit)),
        _ => None,
    }));
    found.extend(clock_left_alone(patient.host, report));
    match patient.state {
        // The step that failed says more than that its service does not run.
        ClockState::Stopped | ClockState::Unknown if matches!(patient.ending, Ending::Failed { .. }) => {}
        ClockState::Stopped => found.push(stopped(patient.host, report)),
        ClockState::Unknown => found.push(silent(report)),
        ClockState::Unsynchronised => {
            found.extend(sources::complaints(patient, report, ward));
            found.extend(no_source(patient.host, report));
        }
        ClockState::OutOfBounds => {
            found.extend(out_of_bounds(patient.host, report));
            found.extend(sources::falsetickers(report, ward));
            found.extend(sources::without_address(patient.host, report));
        }
        ClockState::Synced | ClockState::Local => {
            found.extend(sources::falsetickers(report, ward));
            found.extend(sources::without_address(patient.host, report));
        }
    }
    found.dedup();
    found
}

/// Another daemon wants the same clock.
fn rival(host: &Host, unit: &str) -> Diagnosis {
    Diagnosis::new(
        "rival",
        format!("{unit} keeps the time of this host, and two daemons would fight over its clock"),
        "set `take_over: true` for this host to have it stopped and disabled, or leave the host out",
    )
    .at(host.take_over.place.as_ref().unwrap_or(&host.place))
}

fn clock_left_alone(host: &Host, report: &HostReport) -> Option<Diagnosis> {
    let ClockControl::LeftAlone { reason } = &report.running.as_ref()?.clock else { return None };
    let wanted = &host.time.control_clock;
    wanted.value.then(|| {
        Diagnosis::new(
            "clock-left-alone",
            format!("the agent watches but does not steer the clock: {reason}"),
            "give the host CAP_SYS_TIME (a container shares its machine's clock: put the machine into the \
             inventory instead), or say `time: { control_clock: false }`",
        )
        .at(wanted.place.as_ref().unwrap_or(&host.place))
    })
}

fn stopped(host: &Host, report: &HostReport) -> Diagnosis {
    let (cause, look) = match host.agent.service.value {
        Service::Systemd => {
            let unit = match report.service.name.as_str() {
                "" => "the time service",
                name => name,
            };
            (format!("{unit} does not run"), format!("`journalctl -u {unit}` on the host says why"))
        }
        Service::Process => (
            "the agent does not run".to_owned(),
            format!("{}/run/agent.log on the host says why", host.agent.home.value),
        ),
    };
    Diagnosis::new("stopped", cause, format!("`timefleet apply` starts it; {look}"))
}

fn silent(report: &HostReport) -> Diagnosis {
    let cause = match report.unanswered.first() {
        Some(why) => format!("{} runs, but does not say how the clock is: {why}", report.service.name),
        None => format!("{} runs, but does not say how the clock is", report.service.name),
    };
    Diagnosis::new("silent", cause, "look into the service's log on the host, then restart the service there")
}

/// Nothing to follow and not told to serve its own time: an isolated server as it comes out of the box.
fn no_source(host: &Host, report: &HostReport) -> Option<Diagnosis> {
    if !report.sources.is_empty() || host.time.local.is_some() {
        return None;
    }
    Some(match host.role.value {
        Role::Server => Diagnosis::new(
            "isolated-without-local",
            "it has no upstream and no `local`, so it answers as not synchronised and nobody can follow it",
            "give its `time` either `upstreams` or `local: { stratum: 10, orphan: true, distance: 0.1 }`",
        )
        .at(&host.place),
        Role::Client => Diagnosis::new(
            "no-upstream",
            "it has no upstream to follow",
            "give its `time` `upstreams`, for instance `[{ group: servers, iburst: true }]`",
        )
        .at(&host.place),
    })
}

fn out_of_bounds(host: &Host, report: &HostReport) -> Option<Diagnosis> {
    let tracking = report.tracking.as_ref()?;
    let parts = [
        ("offset", tracking.correction.abs()),
        ("root dispersion", tracking.root_dispersion),
        ("root delay / 2", tracking.root_delay / 2.0),
    ];
    let (most, size) = parts.into_iter().max_by(|one, other| one.1.0.total_cmp(&other.1.0))?;
    let bound = &host.time.bound;
    let cure = match most {
        "offset" => {
            "let it correct the clock for longer, or allow a step: `makestep: { threshold: 1.0, limit: 3 }`"
        }
        _ => "use upstreams that are nearer and better synchronised, or accept more with `time.bound`",
    };
    Some(
        Diagnosis::new(
            "out-of-bounds",
            format!(
                "the clock may be wrong by {}, more than the bound of {}; most of it is {most}, {}",
                span(tracking.error_bound()),
                span(bound.value),
                span(size)
            ),
            cure,
        )
        .at(bound.place.as_ref().unwrap_or(&host.place)),
    )
}

#[cfg(test)]
mod tests;
