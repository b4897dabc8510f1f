//! What came of each host, beside what the inventory wished: the rows of the fleet report.

use timefleet_agent::host::message::Outcome;
use timefleet_agent::host::plan::Step;
use timefleet_agent::report::{HostReport, Source};
use timefleet_agent::time::Seconds;

use super::{Broken, End, Ended};
use crate::doctor::{Patient, Ward, diagnose};
use crate::inventory::host::{Host, Role};
use crate::report::verdict::ClockState;
use crate::report::{Ending, HostResult};

/// The steps of a conversation in which the host itself was never spoken to.
const OUTSIDE: [&str; 3] = ["connect", "host key", "login"];

/// One row for every host. `hosts` and `ended` have the same order; `waves` hold their indices.
pub(crate) fn results(hosts: &[&Host], waves: &[Vec<usize>], ended: Vec<Ended>) -> Vec<HostResult> {
    let mut rows: Vec<HostResult> = hosts.iter().zip(ended).map(|(host, ended)| row(host, ended)).collect();
    for (number, wave) in waves.iter().enumerate() {
        for &index in wave {
            if let Some(row) = rows.get_mut(index) {
                row.wave = number + 1;
            }
        }
    }
    let ward = Ward::new(hosts.iter().zip(&rows).map(|(host, row)| patient(host, row)));
    let learnt: Vec<_> = hosts
        .iter()
        .zip(&rows)
        .map(|(host, row)| {
            let report = row.report.as_ref();
            let source = report.and_then(followed).map(|source| ward.name_of(source));
            (source, report.and_then(|report| asked_by(report, &ward)), diagnose(&patient(host, row), &ward))
        })
        .collect();
    for (row, (source, asked_by, diagnoses)) in rows.iter_mut().zip(learnt) {
        (row.source, row.asked_by, row.diagnoses) = (source, asked_by, diagnoses);
    }
    rows
}

fn patient<'a>(host: &'a Host, row: &'a HostResult) -> Patient<'a> {
    Patient { host, ending: &row.ending, state: row.state, report: row.report.as_ref() }
}

fn row(host: &Host, ended: Ended) -> HostResult {
    let (connections, channels, uploaded_bytes) = match &ended.end {
        End::Talked(talk) => (talk.connections, talk.channels, talk.uploaded.unwrap_or(0)),
        End::Broke(_) | End::NotStarted => (0, 0, 0),
    };
    let (ending, steps, report) = ending(ended.end);
    let bound = host.time.bound.value;
    let state = report.as_ref().map_or(ClockState::Unknown, |report| ClockState::of(report, bound));
    let tracking = report.as_ref().and_then(|report| report.tracking.as_ref());
    HostResult {
        name: host.name.clone(),
        address: host.address.value.clone(),
        role: match host.role.value {
            Role::Server => "server".to_owned(),
            Role::Client => "client".to_owned(),
        },
        wave: 0,
        ending,
        steps,
        uploaded_bytes,
        connections,
        channels,
        elapsed: Seconds(ended.elapsed.as_secs_f64()),
        state,
        source: None,
        error_bound: tracking
            .filter(|tracking| tracking.is_synchronised())
            .map(|tracking| tracking.error_bound()),
        bound,
        asked_by: None,
        diagnoses: Vec::new(),
        report,
    }
}

fn ending(end: End) -> (Ending, Vec<Step>, Option<HostReport>) {
    match end {
        End::NotStarted => (Ending::NotStarted, Vec::new(), None),
        End::Broke(Broken { step, cause, hint }) => {
            let ending = if OUTSIDE.contains(&step.as_str()) {
                Ending::Unreachable { step, cause, hint }
            } else {
                Ending::Failed { step, cause, hint }
            };
            (ending, Vec::new(), None)
        }
        End::Talked(talk) => match talk.outcome {
            Outcome::Done { steps, report } => (Ending::Done, steps, report),
            Outcome::Refused { rivals, message } => {
                (Ending::Refused { rivals, cause: message }, Vec::new(), None)
            }
            Outcome::Failed { step, cause, hint, done, report } => {
                (Ending::Failed { step, cause, hint }, done, report)
            }
        },
    }
}

fn followed(report: &HostReport) -> Option<&Source> {
    report.sources.iter().find(|source| source.state == '*')
}

fn asked_by(report: &HostReport, ward: &Ward<'_>) -> Option<Vec<String>> {
    let clients = report.clients.as_ref()?.iter().filter(|client| client.ntp_hits > 0);
    let name = |address: String| match ward.at(&address) {
        Some(patient) => patient.host.name.clone(),
        None => address,
    };
    let mut names: Vec<String> = clients.map(|client| name(client.address.to_string())).collect();
    names.sort_unstable();
    Some(names)
}
