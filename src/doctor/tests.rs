//! Every story here happened to somebody: the first three are an operator's notebook.

use timefleet_agent::report::{Activity, Source};
use timefleet_agent::time::Seconds;

use super::*;
use crate::inventory::host::{Local, Sourced};
use crate::inventory::{self, InputFile};
use crate::report::example::{following_report, silent_source, source, unsynchronised_report};

const PLANT: &str = "\
fleet: plant-7
groups:
  servers:
    role: server
    time: { allow: [10.20.0.0/16] }
    hosts:
      ntp-a: { address: 10.20.0.11 }
  clients:
    role: client
    time:
      upstreams: [{ group: servers, iburst: true }]
    hosts:
      web1: { address: 10.20.1.1 }
";

fn named(name: &str) -> Host {
    let file = InputFile { name: "plant.yaml".to_owned(), text: PLANT.to_owned() };
    inventory::load(&[file], None).unwrap().host(name).unwrap().clone()
}

fn client() -> Host {
    named("web1")
}

fn server() -> Host {
    named("ntp-a")
}

/// A line of the inventory that is not in [`PLANT`].
fn place(line: u32) -> Place {
    Place { line, ..client().place }
}

/// A host whose conversation went well.
fn well<'a>(host: &'a Host, report: &'a HostReport) -> Patient<'a> {
    Patient {
        host,
        ending: &Ending::Done,
        state: ClockState::of(report, host.time.bound.value),
        report: Some(report),
    }
}

/// `rule | cause | cure | place`, a line for each diagnosis.
fn said(patient: &Patient<'_>, others: &[Patient<'_>]) -> Vec<String> {
    let ward = Ward::new(others.iter().copied().chain([*patient]));
    let line = |one: Diagnosis| {
        format!(
            "{} | {} | {} | {}",
            one.rule,
            one.cause,
            one.cure,
            one.place.unwrap_or_else(|| "-".to_owned())
        )
    };
    diagnose(patient, &ward).into_iter().map(line).collect()
}

#[test]
fn the_isolated_server_without_local_answers_as_not_synchronised() {
    let (client, server) = (client(), server());
    let server_report = unsynchronised_report(vec![]);
    // As chronyd shows it: an answer that cannot be used does not count as reached.
    let client_report = unsynchronised_report(vec![silent_source("10.20.0.11", "10.20.0.11")]);
    let (server, client) = (well(&server, &server_report), well(&client, &client_report));
    assert_eq!(
        said(&client, &[server]),
        [
            "source-not-synchronised | ntp-a answers as not synchronised (stratum 0), so it cannot be followed: it \
             follows nothing and has no `local` | give the `time` of ntp-a `local: { stratum: 10, orphan: true, \
             distance: 0.1 }`, or cure its upstreams | plant.yaml:7:7"
        ]
    );
    assert_eq!(
        said(&server, &[client]),
        [
            "isolated-without-local | it has no upstream and no `local`, so it answers as not synchronised and nobody \
             can follow it | give its `time` either `upstreams` or `local: { stratum: 10, orphan: true, distance: 0.1 }` \
             | plant.yaml:7:7"
        ]
    );
}

#[test]
fn a_stranger_that_answers_as_not_synchronised_is_told_from_one_that_is_silent() {
    let client = client();
    let answers = Source { reach: 0o17, ..silent_source("ntp.example.org", "192.0.2.1") };
    let report = unsynchronised_report(vec![answers, silent_source("gone.example.org", "192.0.2.2")]);
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "source-not-synchronised | ntp.example.org answers as not synchronised (stratum 0), so it cannot be followed \
             | give ntp.example.org a source, or, at an isolated site, `local stratum 10 orphan distance 0.1` | -",
            "no-answer | gone.example.org gives no usable answer (reach 0) | is UDP port 123 open on the way, does \
             gone.example.org allow this host, and is it itself synchronised? `chronyc ntpdata gone.example.org` on the \
             host shows the last answer | -"
        ]
    );
}

#[test]
fn sources_with_unknown_address_lead_to_ipv4_only() {
    let mut client = client();
    let mut report = unsynchronised_report(vec![]);
    report.activity =
        Some(Activity { online: 1, offline: 0, burst_online: 0, burst_offline: 0, unresolved: 8 });
    client.time.local =
        Some(Sourced::default(Local { stratum: 10, orphan: false, distance: None, activate: None }));
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "unresolved | 8 sources with unknown address: their names do not resolve on the host | if IPv6 is disabled on the host \
             set `ipv4_only: true`; else check the name and the resolver there (`getent ahosts NAME`), or name the \
             upstream by its address | plant.yaml:11:21"
        ]
    );
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let mut client = client();
    client.time.ipv4_only = Sourced::default(true);
    let nowhere = Source { address: None, ..silent_source("ntp.invalid", "192.0.2.1") };
    let report = unsynchronised_report(vec![nowhere]);
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "unresolved | ntp.invalid has no address: the name does not resolve on the host | check the name and the resolver on \
             the host (`getent ahostsv4 NAME`), or name the upstream by its address | plant.yaml:11:21"
        ]
    );
}

#[test]
fn a_windows_server_needs_a_larger_maxdistance() {
    let mut client = client();
    client.time.maxdistance = Some(Sourced::written(Seconds(3.0), place(22)));
    let windows = Source {
        state: '?',
        reason: Some('d'),
        stratum: 2,
        root_delay: Some(Seconds(0.03)),
        root_dispersion: Some(Seconds(7.6)),
        ..source("dc1.corp", "10.20.9.1")
    };
    let report = unsynchronised_report(vec![windows.clone()]);
    let cure = "maxdistance | dc1.corp answers but is never selected: it reports a root dispersion of 7.6 s, too much for \
                the maxdistance of 3 s | set `maxdistance: 16.0` (Windows servers need it), or use a better upstream | \
                plant.yaml:22:7";
    assert_eq!(said(&well(&client, &report), &[]), [cure]);
    // A daemon that does not tell selectdata's letter: the figures say the same.
    let report = unsynchronised_report(vec![Source { reason: None, ..windows }]);
    assert_eq!(said(&well(&client, &report), &[]), [cure]);
}

#[test]
fn a_server_that_does_not_allow_the_client_is_found_out() {
    let (mut client, mut server) = (client(), server());
    client.address = Sourced::default("192.168.7.7".to_owned());
    let server_report = following_report();
    let report = unsynchronised_report(vec![silent_source("10.20.0.11", "10.20.0.11")]);
    assert_eq!(
        said(&well(&client, &report), &[well(&server, &server_report)]),
        [
            "not-allowed | ntp-a gives no answer (reach 0): its `allow` does not admit 192.168.7.7 | add a range with \
             192.168.7.7 to the `allow` of ntp-a | plant.yaml:5:21"
        ]
    );
    server.time.allow.push(Sourced::default("0.0.0.0/0".parse().unwrap()));
    assert_eq!(
        said(&well(&client, &report), &[well(&server, &server_report)]),
        [
            "no-answer | ntp-a gives no answer (reach 0), though its clock is well and it allows this host | open UDP \
             port 123 from this host to ntp-a in the firewalls between | -"
        ]
    );
}

#[test]
fn a_server_whose_clock_is_not_well_is_not_called_well() {
    let (client, mut server) = (client(), server());
    let report = unsynchronised_report(vec![silent_source("10.20.0.11", "10.20.0.11")]);
    let mut server_report = following_report();
    server.time.bound = Sourced::default(Seconds(1e-6));
    assert_eq!(
        said(&well(&client, &report), &[well(&server, &server_report)]),
        [
            "no-answer | ntp-a gives no answer (reach 0), though it serves a clock (out of bounds, but that does not \
             silence it) and it allows this host | open UDP port 123 from this host to ntp-a in the firewalls between | -"
        ]
    );
    // Its service runs, but says nothing.
    server_report.tracking = None;
    assert_eq!(
        said(&well(&client, &report), &[well(&server, &server_report)]),
        [
            "server-unknown | ntp-a gives no answer (reach 0), and nothing is known of its own clock | cure ntp-a first: \
             it does not answer either | -"
        ]
    );
}

#[test]
fn one_name_that_does_not_resolve_is_told_beside_sources_that_do_well() {
    let client = client();
    let mut report = following_report();
    let spare = Source { address: None, ..silent_source("pool.example", "10.0.0.1") };
    report.sources.extend([source("pool.example", "10.0.0.1"), spare.clone()]);
    assert_eq!(said(&well(&client, &report), &[]), [""; 0], "spare places of a pool are no news");
    report.sources.push(Source { name: "nope.invalid".to_owned(), ..spare });
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "upstream-without-address | nope.invalid has no address on the host: its name has not resolved so far; \
             others are followed | check the name and the resolver on the host (`getent ahosts NAME`), or take the \
             upstream away | plant.yaml:13:7"
        ]
    );
}

#[test]
fn a_client_of_a_server_that_is_down_is_sent_there() {
    let (client, server) = (client(), server());
    let ending = Ending::Unreachable { step: "connect".into(), cause: "no answer".into(), hint: None };
    let down = Patient { host: &server, ending: &ending, state: ClockState::Unknown, report: None };
    let report = unsynchronised_report(vec![silent_source("10.20.0.11", "10.20.0.11")]);
    assert_eq!(
        said(&well(&client, &report), &[down]),
        [
            "server-failed | ntp-a gives no usable answer (reach 0), and the run failed there | cure ntp-a first | -"
        ]
    );
    assert_eq!(said(&down, &[]), Vec::<String>::new());
}

#[test]
fn a_falseticker_is_told_even_when_the_clock_is_well() {
    let client = client();
    let mut report = following_report();
    report.sources.push(Source { state: 'x', ..source("bad.example.org", "192.0.2.3") });
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "falseticker | bad.example.org is a falseticker: its time disagrees with the majority of the sources | compare \
             it with the others (`chronyc sources -v`), then repair or remove bad.example.org; with at least four \
             upstreams one wrong clock is outvoted | -"
        ]
    );
}

#[test]
fn a_clock_that_nobody_steers_is_told_only_where_it_should_be_steered() {
    let mut client = client();
    let mut report = following_report();
    report.running.as_mut().unwrap().clock = ClockControl::LeftAlone { reason: "no CAP_SYS_TIME".to_owned() };
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "clock-left-alone | the agent watches but does not steer the clock: no CAP_SYS_TIME | give the host \
             CAP_SYS_TIME (a container shares its machine's clock: put the machine into the inventory instead), or say \
             `time: { control_clock: false }` | plant.yaml:13:7"
        ]
    );
    client.time.control_clock = Sourced::default(false);
    assert_eq!(said(&well(&client, &report), &[]), Vec::<String>::new());
}

#[test]
fn a_rival_daemon_needs_a_decision() {
    let client = client();
    let ending =
        Ending::Refused { rivals: vec!["chrony.service".into()], cause: "chrony.service runs".into() };
    let refused = Patient { host: &client, ending: &ending, state: ClockState::Unknown, report: None };
    let line = "rival | chrony.service keeps the time of this host, and two daemons would fight over its clock | set \
                `take_over: true` for this host to have it stopped and disabled, or leave the host out | plant.yaml:13:7";
    assert_eq!(said(&refused, &[]), [line]);
    let mut report = following_report();
    report.drift = vec![Drift::Rival { unit: "chrony.service".into() }];
    assert_eq!(said(&well(&client, &report), &[]), [line]);
}

#[test]
fn a_stopped_service_says_where_its_last_words_are() {
    let mut client = client();
    let mut report = following_report();
    (report.service.active, report.tracking) = (false, None);
    assert_eq!(
        said(&well(&client, &report), &[]),
        ["stopped | timefleet-agent.service does not run | `timefleet apply` starts it; `journalctl -u \
             timefleet-agent.service` on the host says why | -"]
    );
    client.agent.service = Sourced::default(Service::Process);
    report.service.name = "/home/ops/timefleet/run/agent.pid".into();
    assert_eq!(
        said(&well(&client, &report), &[]),
        ["stopped | the agent does not run | `timefleet apply` starts it; ~/timefleet/run/agent.log on the \
             host says why | -"]
    );
}

#[test]
fn a_clock_out_of_bounds_says_what_the_error_is_made_of() {
    let mut client = client();
    client.time.bound = Sourced::written(Seconds(0.001), place(23));
    let mut report = following_report();
    report.tracking.as_mut().unwrap().root_dispersion = Seconds(0.25);
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "out-of-bounds | the clock may be wrong by 250 ms, more than the bound of 1 ms; most of it is root \
             dispersion, 250 ms | use upstreams that are nearer and better synchronised, or accept more with \
             `time.bound` | plant.yaml:23:7"
        ]
    );
}

#[test]
fn one_good_source_where_three_are_asked_for_waits_for_minsources() {
    let mut client = client();
    client.time.minsources = Some(Sourced::written(3, place(24)));
    let report = unsynchronised_report(vec![Source { state: '?', ..source("10.20.0.11", "10.20.0.11") }]);
    assert_eq!(
        said(&well(&client, &report), &[]),
        [
            "minsources | only 1 of the 3 sources that `minsources` asks for: 10.20.0.11 | add upstreams, or lower \
             `minsources` | plant.yaml:24:7"
        ]
    );
}
