//! Inventories in, files of a host out.

use std::path::Path;

use timefleet_agent::config;

use super::*;
use crate::inventory::{InputFile, load};

fn inventory(text: &str) -> Inventory {
    load(&[InputFile { name: "fleet.yaml".to_owned(), text: text.to_owned() }], Some(Path::new("/home/me")))
        .unwrap()
}

fn rendered(text: &str, host: &str) -> Result<Desired, RenderError> {
    let inventory = inventory(text);
    render(&inventory, inventory.host(host).unwrap())
}

#[test]
fn a_server_and_a_client_of_the_issues_inventory() {
    let text = include_str!("../../inventories/two-tier.yaml");
    let server = rendered(text, "ntp-a").unwrap();
    assert_eq!(
        server.config,
        "\
# Managed by timefleet, do not edit: changes are found by audit.
# Fleet plant-7, host ntp-a.

pool ntp1.aliyun.com iburst
pool ntp2.aliyun.com iburst
driftfile /var/lib/timefleet/drift
makestep 1 3
rtcsync
allow 10.20.0.0/16
allow ::/0
local stratum 10 orphan distance 0.1
bindcmdaddress /run/chrony/chronyd.sock
"
    );
    assert_eq!((server.serves, server.take_over, server.bound.0), (true, false, 3.0));
    let client = rendered(text, "web07").unwrap();
    assert_eq!(
        client.config,
        "\
# Managed by timefleet, do not edit: changes are found by audit.
# Fleet plant-7, host web07.

server 10.20.0.11 iburst
server 10.20.0.12 iburst
driftfile /var/lib/timefleet/drift
makestep 1 3
rtcsync
maxdistance 16
port 0
bindcmdaddress /run/chrony/chronyd.sock
"
    );
    assert_eq!((client.serves, client.bound.0), (false, 16.0));
    let Daemon::AgentSystemd { unit, unit_file, flags, .. } = client.daemon else { panic!("{client:?}") };
    assert_eq!(flags, ["-4"]);
    assert_eq!(unit_file, "/etc/systemd/system/timefleet-agent.service");
    assert!(unit.starts_with(
        "# Managed by timefleet, do not edit: changes are found by audit.\n# Fleet plant-7, host web07.\n\n[Unit]\n"
    ));
    let exec = "\nExecStart=!/opt/timefleet/bin/timefleet-agent -u timefleet -f /etc/timefleet/agent.conf -4\nExecReload=";
    assert!(unit.contains(exec) && unit.contains("\nUser=timefleet\n"), "{unit}");
    assert!(unit.contains("\nCapabilityBoundingSet=CAP_SYS_TIME CAP_NET_BIND_SERVICE CAP_SET"), "{unit}");
    let watching = rendered(&text.replace("ipv4_only: true", "control_clock: false"), "web07").unwrap();
    let Daemon::AgentSystemd { unit, .. } = watching.daemon else { panic!("{watching:?}") };
    assert!(unit.contains("\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SET"), "{unit}");
}

#[test]
fn a_plain_process_keeps_everything_under_its_home() {
    let text = include_str!("../../inventories/lab.yaml");
    let client = rendered(text, "client2").unwrap();
    assert_eq!(
        client.config,
        "\
# Managed by timefleet, do not edit: changes are found by audit.
# Fleet lab, host client2.

server 127.77.0.11 port 11123 iburst
driftfile ~/timefleet/state/drift
makestep 1 3
port 0
cmdport 11323
bindcmdaddress ~/timefleet/run/chronyd.sock
pidfile ~/timefleet/run/agent.pid
bindacqaddress 127.77.0.22
bindcmdaddress 127.77.0.22
"
    );
    let Daemon::AgentProcess { layout, flags } = client.daemon else { panic!("{client:?}") };
    assert_eq!(flags, ["-x"]);
    assert_eq!(
        (layout.bin_dir.as_str(), layout.config.as_str()),
        ("~/timefleet/bin", "~/timefleet/agent.conf")
    );
}

#[test]
fn chronyd_gets_a_file_and_its_own_directives() {
    let node = rendered(include_str!("../../inventories/chronyd.yaml"), "node03").unwrap();
    assert_eq!(node.daemon, Daemon::Chronyd);
    assert_eq!(
        node.config,
        "\
# Managed by timefleet, do not edit: changes are found by audit.
# Fleet datacentre, host node03.

server 10.20.0.11 iburst
server 10.20.0.12 iburst
server 10.20.0.13 iburst
driftfile /var/lib/chrony/chrony.drift
makestep 1 3
rtcsync
port 0
hwtimestamp *
"
    );
}

/// One server `a` with these `time` keys.
fn with_time(time: &str) -> String {
    format!("fleet: x\ngroups:\n  g:\n    role: server\n    time:\n      {time}\n    hosts: {{ a: }}\n")
}

#[test]
fn numbers_survive() {
    for (written, line) in [
        ("maxdistance: 0.5", "maxdistance 0.5"),
        ("maxdistance: 16.0", "maxdistance 16"),
        ("maxdistance: 0.000001", "maxdistance 0.000001"),
        ("maxdistance: 1e-5", "maxdistance 0.00001"),
        ("maxdistance: 0.30000000000000004", "maxdistance 0.30000000000000004"),
        ("makestep: { threshold: 1e6, limit: -1 }", "makestep 1000000 -1"),
        ("local: { distance: 0.1 }", "local stratum 10 distance 0.1"),
        ("local: true", "local stratum 10"),
        ("cmdport: 0", "cmdport 0"),
        ("ratelimit: true", "ratelimit interval 3 burst 8 leak 2"),
        ("ratelimit: { interval: -4, kod: 2 }", "ratelimit interval -4 burst 8 leak 2 kod 2"),
        ("port: 11123", "port 11123"),
    ] {
        let config = rendered(&with_time(written), "a").unwrap().config;
        assert!(config.lines().any(|have| have == line), "{written}: {config}");
    }
    let config = rendered(&with_time("{ makestep: false, control_clock: false }"), "a").unwrap().config;
    assert!(!config.contains("makestep") && !config.contains("rtcsync"), "{config}");
}

#[test]
fn an_extra_line_that_the_agent_cannot_read_names_its_place() {
    let error = rendered(&with_time("extra: ['dscp 46', 'bindaddress']"), "a").unwrap_err();
    let RenderError::Extra { host, place, message } = &error else { panic!("{error:?}") };
    assert_eq!((host.as_str(), place.to_string().as_str()), ("a", "fleet.yaml:6:26"));
    assert!(message.contains("bindaddress"), "{message}");

    let error = rendered(&with_time("extra: ['clientloglimit 1000', 'maxdistance 5']"), "a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "fleet.yaml:6:38: a: this extra line contradicts `time.maxdistance`: use that key instead"
    );
}

#[test]
fn extra_lines_may_add_sources_and_rules() {
    let text = with_time(
        "{ upstreams: [{ server: s }], allow: [10/8], extra: ['server t', 'deny 10.1', 'maxslewrate 500'] }",
    );
    let config = rendered(&text, "a").unwrap().config;
    let config = config::parse("agent.conf", &config).unwrap();
    assert_eq!(config.upstreams.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["s", "t"]);
    assert_eq!(config.access.len(), 2);
}

mod generated;
mod own_template;
