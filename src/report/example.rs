//! Hosts as tests need them: one of every state, with literal figures.

use std::net::IpAddr;

use timefleet_agent::host::plan::Step;
use timefleet_agent::report::{
    Activity, Client, ClockControl, Drift, HostReport, Leap, Machine, Running, ServiceReport, Source,
    Tracking,
};
use timefleet_agent::time::{Ppm, Seconds};

use super::verdict::ClockState;
use super::{Command, Ending, FleetReport, HostResult};
use crate::doctor::Diagnosis;

const UNIT: &str = "timefleet-agent.service";
const CONFIG: &str = "/etc/timefleet/agent.conf";

/// A source that is followed.
pub(crate) fn source(name: &str, address: &str) -> Source {
    Source {
        name: name.to_owned(),
        address: Some(address.parse::<IpAddr>().unwrap()),
        state: '*',
        reason: None,
        stratum: 10,
        poll: 6,
        reach: 0o377,
        last_sample_age: Some(12),
        offset: Seconds(1.5e-6),
        error_bound: Seconds(420e-6),
        root_delay: Some(Seconds(0.0)),
        root_dispersion: Some(Seconds(0.0)),
    }
}

/// A source that has not answered.
pub(crate) fn silent_source(name: &str, address: &str) -> Source {
    Source {
        state: '?',
        stratum: 0,
        reach: 0,
        last_sample_age: None,
        root_delay: None,
        root_dispersion: None,
        ..source(name, address)
    }
}

/// What an agent says that follows ntp-a.
pub(crate) fn following_report() -> HostReport {
    HostReport {
        machine: Machine {
            hostname: "web1".into(),
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            kernel: "6.1.0-18-amd64".into(),
            arch: "x86_64".into(),
        },
        service: ServiceReport { name: UNIT.into(), active: true, enabled: Some(true), pid: Some(412) },
        running: Some(Running {
            pid: 412,
            version: "0.1.0".into(),
            agent_sha256: "ab".repeat(32),
            config_file: CONFIG.into(),
            config_sha256: "cd".repeat(32),
            args: vec!["-4".into(), "-f".into(), CONFIG.into()],
            clock: ClockControl::Steered,
        }),
        drift: vec![],
        tracking: Some(Tracking {
            ref_id: "0A14000B".into(),
            address: Some("10.20.0.11".parse().unwrap()),
            stratum: 11,
            leap: Leap::Normal,
            ref_time_unix: 1_795_000_000.0,
            correction: Seconds(-1.5e-6),
            last_offset: Seconds(2e-6),
            rms_offset: Seconds(3e-6),
            frequency: Ppm(-12.5),
            residual_frequency: Ppm(0.01),
            skew: Ppm(0.2),
            root_delay: Seconds(0.0004),
            root_dispersion: Seconds(0.0002),
            update_interval: Seconds(64.0),
        }),
        activity: Some(Activity { online: 1, offline: 0, burst_online: 0, burst_offline: 0, unresolved: 0 }),
        sources: vec![source("10.20.0.11", "10.20.0.11")],
        clients: None,
        unanswered: vec![],
    }
}

/// What an agent says that follows nothing.
pub(crate) fn unsynchronised_report(sources: Vec<Source>) -> HostReport {
    let mut report = following_report();
    report.tracking = report.tracking.map(|tracking| Tracking {
        ref_id: "00000000".into(),
        address: None,
        stratum: 0,
        leap: Leap::NotSynchronised,
        ref_time_unix: 0.0,
        correction: Seconds::ZERO,
        root_delay: Seconds(1.0),
        root_dispersion: Seconds(1.0),
        ..tracking
    });
    report.sources = sources;
    report
}

/// A client that follows ntp-a.
pub(crate) fn synced(name: &str) -> HostResult {
    HostResult {
        name: name.to_owned(),
        address: "10.20.1.1".into(),
        role: "client".into(),
        wave: 2,
        ending: Ending::Done,
        steps: vec![],
        uploaded_bytes: 0,
        connections: 1,
        channels: 1,
        elapsed: Seconds(0.25),
        state: ClockState::Synced,
        source: Some("ntp-a".into()),
        error_bound: Some(Seconds(401.5e-6)),
        bound: Seconds(3.0),
        asked_by: None,
        diagnoses: vec![],
        report: Some(following_report()),
    }
}

/// A server that serves its own time to two clients.
pub(crate) fn local(name: &str) -> HostResult {
    let mut report = following_report();
    report.machine.hostname = name.to_owned();
    report.tracking = report.tracking.map(|tracking| Tracking {
        ref_id: "7F7F0101".into(),
        address: None,
        stratum: 10,
        correction: Seconds::ZERO,
        root_delay: Seconds::ZERO,
        root_dispersion: Seconds::ZERO,
        ..tracking
    });
    report.sources = vec![];
    let client = |last: &str| Client {
        address: last.parse().unwrap(),
        ntp_hits: 8,
        ntp_drops: 0,
        ntp_interval: Some(1),
        last_ntp_age: Some(3),
    };
    report.clients = Some(vec![client("10.20.1.1"), client("10.20.9.9")]);
    HostResult {
        address: "10.20.0.11".into(),
        role: "server".into(),
        wave: 1,
        state: ClockState::Local,
        source: None,
        error_bound: Some(Seconds::ZERO),
        asked_by: Some(vec!["web1".into(), "10.20.9.9".into()]),
        report: Some(report),
        ..synced(name)
    }
}

/// A client whose only source is silent.
pub(crate) fn unsynchronised(name: &str) -> HostResult {
    HostResult {
        state: ClockState::Unsynchronised,
        source: None,
        error_bound: None,
        diagnoses: vec![Diagnosis {
            rule: "source-not-synchronised".into(),
            cause: "ntp-b answers as not synchronised (stratum 0), so it cannot be followed".into(),
            cure: "give the `time` of ntp-b `local: { stratum: 10, orphan: true, distance: 0.1 }`".into(),
            place: Some("plant.yaml:12:7".into()),
        }],
        report: Some(unsynchronised_report(vec![silent_source("10.20.0.12", "10.20.0.12")])),
        ..synced(name)
    }
}

/// A client whose file somebody edited.
pub(crate) fn edited(name: &str) -> HostResult {
    let mut host = synced(name);
    let diff =
        "--- on the host\n+++ in the inventory\n@@ -1 +1 @@\n-maxdistance 3\n+maxdistance 16\n".to_owned();
    if let Some(report) = &mut host.report {
        report.drift = vec![Drift::Changed { path: CONFIG.into(), diff }];
    }
    host
}

/// A host that is down.
pub(crate) fn unreachable(name: &str) -> HostResult {
    HostResult {
        ending: Ending::Unreachable {
            step: "connect".into(),
            cause: "no answer from 10.20.1.9 port 22 within 10 s".into(),
            hint: Some("is the host up, and does a firewall drop the port?".into()),
        },
        connections: 0,
        channels: 0,
        state: ClockState::Unknown,
        source: None,
        error_bound: None,
        report: None,
        ..synced(name)
    }
}

/// A host whose disk is full.
pub(crate) fn failed(name: &str) -> HostResult {
    HostResult {
        ending: Ending::Failed {
            step: format!("write {CONFIG}"),
            cause: "no space left on device".into(),
            hint: Some("free some space in /etc; the file there is as before".into()),
        },
        steps: vec![],
        ..unreachable(name)
    }
}

/// A host that was set up in this run.
pub(crate) fn set_up(name: &str) -> HostResult {
    HostResult {
        steps: vec![
            Step::Write { path: CONFIG.into(), mode: 0o644, diff: "@@ -0,0 +1 @@\n+port 0\n".into() },
            Step::Start { service: UNIT.into() },
        ],
        uploaded_bytes: 1_468_006,
        ..synced(name)
    }
}

/// A fleet with one host of most kinds.
pub(crate) fn troubled_fleet() -> FleetReport {
    let hosts = vec![
        local("ntp-a"),
        synced("web1"),
        edited("web2"),
        unsynchronised("web3"),
        unreachable("web4"),
        failed("db1"),
        set_up("db2"),
    ];
    let (started, ended) = ("2026-11-23T10:00:00Z".to_owned(), "2026-11-23T10:00:12.5Z".to_owned());
    FleetReport::new("plant-7".to_owned(), Command::Apply, started, ended, false, hosts)
}
