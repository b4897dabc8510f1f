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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conversation::Conversation;
    use crate::inventory::{self, InputFile};
    use crate::report::example::{following_report, local, source};

    const PLANT: &str = "\
fleet: plant-7
groups:
  servers:
    role: server
    time: { allow: [10.20.0.0/16], local: { stratum: 10 } }
    hosts:
      ntp-a: { address: 10.20.0.11 }
  clients:
    role: client
    time: { upstreams: [{ group: servers }], maxdistance: 2.0 }
    hosts:
      web1: { address: 10.20.1.1 }
      web2: { address: 10.20.1.2 }
";

    fn talked(outcome: Outcome) -> Ended {
        let talk = Conversation { outcome, uploaded: Some(1000), connections: 1, channels: 1 };
        Ended { end: End::Talked(Box::new(talk)), elapsed: Duration::from_millis(250) }
    }

    fn broke(step: &str) -> Ended {
        let broken = Broken { step: step.to_owned(), cause: "it broke".to_owned(), hint: None };
        Ended { end: End::Broke(broken), elapsed: Duration::ZERO }
    }

    fn rows(ended: [Ended; 3]) -> Vec<HostResult> {
        let file = InputFile { name: "plant.yaml".to_owned(), text: PLANT.to_owned() };
        let inventory = inventory::load(&[file], None).unwrap();
        let hosts: Vec<&Host> = inventory.hosts.iter().collect();
        results(&hosts, &[vec![0], vec![1, 2]], ended.into())
    }

    #[test]
    fn hosts_of_the_fleet_go_by_their_names() {
        let mut follower = following_report();
        follower.sources.insert(0, Source { state: '-', ..source("192.0.2.1", "192.0.2.1") });
        let [server, client, _] = <[HostResult; 3]>::try_from(rows([
            talked(Outcome::Done { steps: vec![], report: local("ntp-a").report }),
            talked(Outcome::Done { steps: vec![], report: Some(follower) }),
            broke("login"),
        ]))
        .unwrap();
        assert_eq!(server.state, ClockState::Local);
        assert_eq!(server.asked_by, Some(vec!["10.20.9.9".to_owned(), "web1".to_owned()]));
        assert_eq!((server.role.as_str(), server.wave), ("server", 1));
        assert_eq!(client.state, ClockState::Synced);
        assert_eq!(client.source, Some("ntp-a".to_owned()));
        assert_eq!((client.bound, client.wave), (Seconds(2.0), 2));
        assert_eq!((client.uploaded_bytes, client.elapsed), (1000, Seconds(0.25)));
    }

    #[test]
    fn no_connection_is_told_from_a_step_that_failed() {
        let rows = rows([
            broke("host key"),
            broke("bootstrap"),
            talked(Outcome::Failed {
                step: "write /etc/timefleet/agent.conf".to_owned(),
                cause: "disk full".to_owned(),
                hint: None,
                done: vec![Step::ReloadUnits],
                report: None,
            }),
        ]);
        let kinds: Vec<String> = rows
            .iter()
            .map(|row| serde_json::to_value(&row.ending).unwrap()["result"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["unreachable", "failed", "failed"]);
        // What was done before the failure is told.
        assert_eq!(rows[2].steps, [Step::ReloadUnits]);
    }
}
