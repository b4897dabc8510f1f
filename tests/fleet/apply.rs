//! `timefleet apply`: hosts that agree on the time, and stay so.

use std::time::Duration;

use crate::Story;
use crate::command::wait_for;
use crate::host::Host;
use crate::orchard::{CONFIG, FleetReport, HOSTS, UNIT, as_found, footprint, inventory, managed};
use crate::site::Site;

pub(crate) const STORIES: &[Story] = &[
    ("apply: an isolated server and its clients agree on the time", they_agree),
    ("apply: a person reads it in one look", one_look),
    ("apply: a host keeps the time after a reboot", after_a_reboot),
    ("apply: the second one changes nothing", nothing_twice),
    ("apply: a changed wish changes only what it is about", only_the_change),
];

fn they_agree(site: &Site) {
    site.hosts().iter().for_each(as_found);
    let path = site.inventory(&inventory());
    let applied = site.timefleet(&["apply", &path, "--output", "json"]).ends(0);
    let report = FleetReport::of(&applied);
    assert_eq!(HOSTS.map(|host| report.clock(host)), ["local", "synced", "synced"], "{applied}");
    for host in HOSTS {
        // Debian's chronyd keeps the time until nothing is left to do but start the agent.
        let steps = report.steps(host);
        assert!(steps.starts_with(&["write", "write"]), "{applied}");
        assert!(steps.ends_with(&["stop_rival", "enable", "start"]), "{applied}");
    }
    for client in ["web1", "web2"] {
        let tracking = report.details(client).tracking.unwrap();
        assert_eq!(tracking.stratum, 11);
        assert_eq!(tracking.address.unwrap().to_string(), "10.20.0.11");
        // All hosts of the site have one and the same clock.
        assert!(tracking.correction.0.abs() < 0.001, "{tracking:?}");
    }
    let served = report.details("ntp-a").clients.unwrap();
    let mut served: Vec<String> = served.iter().map(|client| client.address.to_string()).collect();
    served.sort();
    assert_eq!(served, ["10.20.1.1", "10.20.1.2"]);
    for host in site.hosts() {
        assert_eq!(site.ssh(host, "systemctl is-active timefleet-agent").line(), "active");
        assert_eq!(host.must("systemctl is-enabled timefleet-agent"), "enabled");
        // Exactly one daemon, the one that the link names, and with the right file.
        assert_eq!(host.must("grep -lx chronyd /proc/[0-9]*/comm || true"), "");
        assert_eq!(host.must("stat -c %U:%a /etc/timefleet/agent.conf"), "root:644");
    }
}

fn one_look(site: &Site) {
    managed(site);
    let path = site.inventory(&inventory());
    let applied = site.timefleet(&["apply", &path]).ends(0);
    for (host, words) in [("ntp-a", ["local", "10"]), ("web1", ["synced", "11"]), ("web2", ["synced", "11"])]
    {
        let row = applied.line_about(host, words[0]);
        assert!(row.contains(words[1]), "no stratum in {row:?}");
    }
}

fn after_a_reboot(site: &Site) {
    let path = managed(site);
    for name in ["ntp-a", "web1"] {
        site.reboot(name);
        let host = site.host(name);
        assert_eq!(host.must("systemctl is-active timefleet-agent"), "active");
        host.run("systemctl is-active chrony").prints("inactive");
    }
    for (host, stratum) in [("ntp-a", "10"), ("web1", "11"), ("web2", "11")] {
        wait_for_stratum(site.host(host), stratum);
    }
    site.timefleet(&["audit", &path]).ends(0);
}

/// Waits until a host's daemon says that it follows something at this distance.
pub(crate) fn wait_for_stratum(host: &Host, stratum: &str) {
    wait_for(&format!("{}: stratum {stratum}", host.name), Duration::from_secs(60), || {
        let tracking = host.run("chronyc -n tracking");
        let there = tracking.stdout.contains(&format!("Stratum         : {stratum}\n"));
        if there && tracking.stdout.contains("Leap status     : Normal") {
            Ok(())
        } else {
            Err(tracking.to_string())
        }
    });
}

/// What a change of anything on a host would change: files with their times, the daemon's process, sessions of sshd.
fn trace(host: &Host) -> String {
    host.must(&format!(
        "stat -c '%n %i %y %z' /opt/timefleet/bin /opt/timefleet/bin/* /etc/timefleet {CONFIG} {UNIT}
         systemctl show timefleet-agent -p MainPID -p ActiveEnterTimestampMonotonic -p NRestarts"
    ))
}

fn sessions(host: &Host) -> [u32; 2] {
    let journal = host.must("journalctl --sync && journalctl --unit ssh --output cat");
    ["Accepted publickey for ops", "Starting session: "]
        .map(|words| journal.lines().filter(|line| line.starts_with(words)).count().try_into().unwrap())
}

fn nothing_twice(site: &Site) {
    let path = managed(site);
    let state = || site.hosts().iter().map(|host| (trace(host), footprint(host))).collect::<Vec<_>>();
    let before = (state(), site.hosts().iter().map(sessions).collect::<Vec<_>>());
    let again = site.timefleet(&["apply", &path]).ends(0);
    assert_eq!(state(), before.0);
    for (host, before) in site.hosts().iter().zip(before.1) {
        assert_eq!(sessions(host), [before[0] + 1, before[1] + 1], "{}: connections, channels", host.name);
    }
    again.prints("\nnothing to change: 0 writes, 0 restarts, 3 connections, 3 channels\n");
    let again = site.timefleet(&["apply", &path, "--output", "json"]).ends(0);
    let report = FleetReport::of(&again);
    for host in HOSTS {
        assert!(report.steps(host).is_empty(), "{again}");
    }
}

fn only_the_change(site: &Site) {
    managed(site);
    let before = site.hosts().iter().map(trace).collect::<Vec<_>>();
    let changed = inventory().replace("web2: {", "web2: { time: { maxdistance: 3.0 },");
    let path = site.inventory(&changed);
    let applied = site.timefleet(&["apply", &path, "--output", "json"]).ends(0);
    let report = FleetReport::of(&applied);
    assert_eq!(report.steps("web2"), ["write", "restart"], "{applied}");
    for (host, before) in site.hosts().iter().zip(before) {
        assert_eq!(trace(host) == before, host.name != "web2", "{}\n{before}\n{}", host.name, trace(host));
    }
}
